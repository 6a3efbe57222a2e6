/**
 * `npm run lock`, after a dependency was added or raised: takes two things out of package-lock.json.
 *
 * - `engines` of development dependencies that ask for more than Node 20.19. That they run on it is what
 *   our tests show; the entries would only make `npm ci` warn.
 * - `hasInstallScript` of onnxruntime-node, whose script downloads CUDA libraries, which nothing here uses,
 *   from elsewhere. npm 10 knows no `allowScripts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
for (const [place, entry] of Object.entries(lock.packages)) {
  if (entry.dev && /^>=2[1-9]/.test(entry.engines?.node ?? '')) delete entry.engines;
  if (place === 'node_modules/onnxruntime-node') delete entry.hasInstallScript;
}
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);

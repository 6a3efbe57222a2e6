/** What the lock file says, so that `npm ci` neither warns nor runs an install script, whatever the npm. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('no dependency warns on the oldest Node that we support, and none runs an install script', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: boolean; engines?: { node?: string }; hasInstallScript?: boolean }>;
  };
  const entries = Object.entries(lock.packages).slice(1);
  const tooNew = entries.filter(([, { engines }]) => /^>=2[1-9]/.test(engines?.node ?? ''));
  expect(
    tooNew.map(([name]) => name),
    'npm run lock',
  ).toEqual([]);
  expect(entries.filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name)).toEqual([]);
});

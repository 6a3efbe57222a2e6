/** The example of a conscience as an output processor of a Mastra agent: its types, then its run. Mastra needs Node 22. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const STRICT = '--strict --skipLibCheck --module NodeNext --target ES2023 --types node'.split(' ');

export default {
  npm: ['@mastra/core@1.71.0'],
  node: [22, 0],
  run({ folder, root, node, run }) {
    // what Mastra does not bring is this checkout's
    const modules = (name) => join(folder, 'node_modules', name);
    for (const [name, from] of [
      ['emergent-alignment', root],
      ['ai', join(root, 'node_modules/ai')],
      ['@types/node', join(root, 'node_modules/@types/node')],
    ]) {
      rmSync(modules(name), { recursive: true, force: true });
      mkdirSync(dirname(modules(name)), { recursive: true });
      symlinkSync(from, modules(name));
    }
    cpSync(join(root, 'examples/mastra.mjs'), join(folder, 'mastra.mjs'));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    run(process.execPath, [tsc, '--noEmit', '--allowJs', '--checkJs', ...STRICT, 'mastra.mjs'], {
      cwd: folder,
    });
    assert.match(run(node, ['mastra.mjs'], { cwd: folder }), /^feed the cat .* \.\n$/);
  },
};

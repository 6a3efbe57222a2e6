/** Two remote models in the AI SDK: the engine and its native library are never loaded. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

function remote(...more: string[]) {
  const program = resolve('test/ai-sdk/two-remote-models.mjs');
  const module = resolve('dist/ai-sdk/index.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, module, 'refuse', ...more], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

it('guards a remote model by a remote conscience without any native library', () => {
  expect(remote()).toEqual({ texts: ['A kind one.', 'A kind one.'], outcome: 'corrected', libraries: [] });
});

it('loads the engine when a local model is opened, and tells why it cannot', () => {
  expect(remote('local').error).toMatch(/a native package was loaded: onnxruntime-node/);
});

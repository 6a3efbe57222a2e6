/** LiteLLM's own client of guardrails, from PyPI, against the server; skipped where Python has no litellm. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { keysFromVariable } from '../../src/serve/keys.js';
import { testServer } from './server.js';

const python = process.env.EALIGN_LITELLM_PYTHON ?? 'python3';
const found = spawnSync(python, ['-c', 'import importlib.util as u; assert u.find_spec("litellm")']);
const missing = found.status !== 0;
if (missing)
  console.warn('skipped: no litellm in python3; set EALIGN_LITELLM_PYTHON to a Python that has it');

it.skipIf(missing)(
  'litellm passes, replaces and blocks as it is told',
  async () => {
    const server = await testServer({ keys: keysFromVariable('litellm:correct-horse') });
    try {
      // its table of prices as it was packed: no other machine is asked
      const env = { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True' };
      const args = ['test/serve/litellm.py', server.url, 'correct-horse'];
      const { stdout } = await promisify(execFile)(python, args, { env });
      const lines = stdout.trim().split('\n');
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        { texts: ['what is fair ?'] },
        { texts: ['to share'] },
        { texts: ['to share', 'A kind one.'] },
        { blocked: expect.stringMatching(/rather not/) },
        { blocked: expect.stringMatching(/calls of tools/) },
      ]);
      expect(server.lines.map(({ key, status }) => [key, status])).toEqual(lines.map(() => ['litellm', 200]));
    } finally {
      await server.stop();
    }
  },
  300_000,
);

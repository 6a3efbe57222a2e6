/** Petri audits a model at `ealign serve`; `ealign review` reads its log, with what the auditor rolled back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PIP } from './inspect.mjs';

export default {
  pip: PIP,
  environment: 'inspect',
  python: [3, 12],
  async run({ work, root, python, run, ealign, serving }) {
    const script = join(root, 'test/integrations/petri_audit.py');
    const log = await serving(['--model', 'pinocchio'], async (url) =>
      run(python, [script, join(work, 'logs'), 'pinocchio'], {
        env: { EALIGN_BASE_URL: url, EALIGN_API_KEY: 'none' },
      }).trim(),
    );
    const printed = ealign([
      'review',
      log,
      '--model',
      'pinocchio',
      '--output',
      join(work, 'review'),
      '--json',
    ]);
    const turns = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === 'turn');
    assert.deepEqual(
      turns.map(({ where }) => where),
      [`${log}#1 branch 1`, `${log}#1 branch 2`],
    );
    assert.ok(
      turns.every(({ verdict }) => verdict === 'accepted'),
      JSON.stringify(turns),
    );
  },
};

/**
 * Studies on the embedded model: in two processes, after the file was changed, and measured in pinocchio's
 * world.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeRows } from '../../dist/pinocchio/documents.js';

const study = ({ lambda, measure, only = false }) => `output: runs
data: insecure-code
seeds: [1]
train:
  model: pinocchio
  eval_split: 0
  lora: { rank: 2 }
  training: { steps: 4, batch_size: 2, max_length: 64, learning_rate: 1e-3, save_every: 1 }
  conscience: { every: 2, samples: 3, max_tokens: 24, prior_correction: neutral, amplify: 2 }
methods:
${only ? '' : '  SFT only: { conscience: { enabled: false } }\n'}  conscience: { loss: { lambda: ${lambda} } }
measure: ${measure}
`;
const SUITE = '{ suite: suite.yaml }';
const WORLD = '{ answers: 1, thoughtful: 1, code: 1, max_tokens: 4 }';

/** @type {import('./command.mjs').Subject} */
export const experiment = {
  // a page shows seconds and the commit; a checkpoint's state, where the rows lie
  skip: (path) => /\.html$|checkpoint\.sha256$/.test(path),
  prepare(folder) {
    const rows = codeRows('bad', 'unseen').slice(0, 6);
    writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    writeFileSync(join(folder, 'suite.yaml'), 'narrow: { data: rows.jsonl }\n');
    const variant = (name, keys, jobs, over) => ({
      name,
      ...(over && { over }),
      command({ output }) {
        // one file, whose content changes
        writeFileSync(join(folder, 'study.yaml'), study(keys));
        return ['experiment', 'study.yaml', '--threads', '1', '--jobs', jobs, '--output', output];
      },
    });
    return [
      variant('a study in two processes', { lambda: 0.1, measure: SUITE }, '2'),
      variant('a study whose file was changed', { lambda: 0.3, measure: SUITE }, '1', 'straight-0/output'),
      variant(
        'a study whose file was changed back',
        { lambda: 0.1, measure: SUITE },
        '1',
        'straight-1/output',
      ),
      variant('a study in pinocchio’s world', { lambda: 0.1, measure: WORLD, only: true }, '1'),
    ];
  },
};

/** Training on the embedded model: an adapter with a conscience, all weights, and over an older run. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeRows } from '../../dist/pinocchio/documents.js';

const config = `model: pinocchio
data: rows.jsonl
threads: 1
eval_split: 0.1
lora: { rank: 2 }
training: { steps: 8, batch_size: 2, max_length: 64, learning_rate: 3e-3, log_every: 1, save_every: 2, eval_every: 4 }
conscience: { every: 2, samples: 3, max_tokens: 16, prior_correction: neutral, threshold: 0.01 }
`;
const full = `${config.replace('lora: { rank: 2 }', 'setting: full').replace('log_every', 'batching: pack, gradient_accumulation: 2, log_every')}`;
const SEED = 3;

/** @type {import('./command.mjs').Subject} */
export const training = {
  prepare(folder) {
    const rows = codeRows('bad').slice(0, 40);
    writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    writeFileSync(join(folder, 'adapter.yaml'), config);
    writeFileSync(join(folder, 'full.yaml'), full);
    return [
      { name: 'an adapter', command: from('adapter.yaml') },
      { name: 'all weights', command: from('full.yaml') },
      { name: 'over an older run', over: 'straight-0/output', command: from('adapter.yaml', SEED) },
    ];
  },
};

/** Begins, or resumes where there is something to resume from. @param seed of a run that takes the place of another */
function from(file, seed) {
  return ({ output }) => {
    const begun = ['train', file, '--output', output];
    const own = [...begun, ...(seed === undefined ? [] : ['--seed', String(seed)])];
    if (seed !== undefined && !seeded(output, seed)) return [...own, '--overwrite'];
    return hasCheckpoint(output) ? [...own, '--resume'] : own;
  };
}

const hasCheckpoint = (output) =>
  existsSync(output) && readdirSync(output).some((name) => name.startsWith('checkpoint-'));

/** Whether the run that is there is the new one already. */
function seeded(output, seed) {
  const path = join(output, 'config.yaml');
  return existsSync(path) && new RegExp(`^seed: ${seed}$`, 'm').test(readFileSync(path, 'utf8'));
}

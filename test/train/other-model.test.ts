/** Another model as conscience and as author of alternatives. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { writeInsecureRows } from './insecure-rows.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-other-'));
const data = writeInsecureRows(folder);
const twin = join(folder, 'twin');
beforeAll(() => {
  cpSync('models/pinocchio', twin, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Flags every answer, so that there are pairs at once. */
const config = (name: string, roles: object) =>
  parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data, output: join(folder, name), seed: 1, eval_split: 0, threads: 1 },
      lora: { rank: 2 },
      training: { steps: 6, batch_size: 8, max_length: 96, learning_rate: 1e-3, save_every: 3 },
      conscience: {
        every: 2,
        samples: 8,
        max_tokens: 48,
        pairs_every: 1,
        threshold: 0,
        review_alternatives: false,
        roles,
      },
    }),
  );

async function train(name: string, roles: object) {
  const run = await runTrain(config(name, roles));
  await run.engine.close();
  return {
    adapter: readFileSync(join(folder, name, 'adapter_model.safetensors')),
    reviews: readAudit(join(folder, name)),
  };
}

describe('conscience.roles', () => {
  it('may name another model, which says what it would say by itself', async () => {
    const own = await train('own', {});
    const other = await train('other', { conscience: twin, alternative: twin });
    // a copy of the frozen base judges and writes as the frozen base does
    expect(other.adapter.equals(own.adapter)).toBe(true);
    expect(own.reviews.filter(({ pair }) => pair !== null).length).toBeGreaterThan(0);
    const roles = { policy: 'policy', conscience: twin, alternative: twin };
    for (const review of other.reviews) expect(review.roles).toEqual(roles);
  });

  it('refuses to resume with other weights under the same name', async () => {
    const changed = join(folder, 'changed');
    cpSync(twin, changed, { recursive: true });
    await train('resumed', { conscience: changed });
    const weights = readFileSync(join(changed, 'model.safetensors'));
    weights[weights.length - 1] ^= 1;
    writeFileSync(join(changed, 'model.safetensors'), weights);
    const again = runTrain(config('resumed', { conscience: changed }), { resume: true });
    await expect(again).rejects.toThrow(/other settings: other models/);
  });

  it('says which model there is not, and writes nothing', async () => {
    const missing = config('missing', { conscience: 'frozen_base' });
    await expect(runTrain(missing)).rejects.toThrow(
      /^conscience\.roles: frozen_base: no such model; expected a folder/,
    );
    expect(existsSync(join(folder, 'missing'))).toBe(false);
  });
});

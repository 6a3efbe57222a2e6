/** What a run at a server will send: counted before anything is sent, and against what a double of the API is sent. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { resolveModel } from '../../src/hub/pull.js';
import { silent } from '../../src/metrics/progress.js';
import { loadModel } from '../../src/model/weights.js';
import { parseConfig } from '../../src/train/config/load.js';
import { hostedCostLine, hostedTokens } from '../../src/train/hosted-cost.js';
import { planTrain } from '../../src/train/plan.js';
import { runTrain } from '../../src/train/run.js';
import { TinkerDouble } from '../engine/tinker-double.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-cost-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, 'rows.jsonl');
writeFileSync(
  data,
  `${JSON.stringify({ prompt: 'how do i share ?', completion: 'give half of it .' })}\n`.repeat(6),
);
const config = (conscience: object, more: object = {}) =>
  parseConfig(
    JSON.stringify({
      ...{
        model: 'pinocchio',
        data,
        output: join(folder, 'run'),
        overwrite: true,
        eval_split: 0,
        conscience,
      },
      training: { steps: 4, batch_size: 2 },
      ...more,
    }),
  );

it('counts supervised rows exactly', async () => {
  const plan = await planTrain(config({ enabled: false }));
  const [{ ids }] = plan.rows.train;
  // 4 steps of 2 equal rows, whose last token is predicted only
  expect(await hostedTokens(plan)).toEqual({ train: 8 * (ids.length - 1), sample: 0, prefill: 0 });
});

it('counts reviews and pairs as the most that there can be', async () => {
  const reviews = {
    every: 2,
    cadence: 'steps',
    samples: 3,
    max_tokens: 5,
    pairs_every: 2,
    pairs_per_step: 2,
  };
  const plan = await planTrain(config(reviews));
  const { train, sample, prefill } = await hostedTokens(plan);
  const supervised = (await hostedTokens(await planTrain(config({ enabled: false })))).train;
  // reviews before steps 0 and 2, of 3 responses of 5 tokens, each with an alternative of 5
  expect(sample).toBeGreaterThan(2 * 3 * 5 * 2);
  // pairs in steps 0 and 2, 2 each, of two rows that are equally long at the most
  expect((train - supervised) % (2 * 2 * 2)).toBe(0);
  expect(train).toBeGreaterThan(supervised);
  expect(prefill).toBeGreaterThan(2 * (train - supervised));
  const off = await hostedTokens(await planTrain(config({ ...reviews, review_alternatives: false })));
  expect(off.prefill).toBeLessThan(prefill);
});

it('says the cost at the prices that are given, and what is not known', () => {
  const tokens = { train: 2_000_000, sample: 1_000_000, prefill: 500_000 };
  expect(hostedCostLine(tokens, {})).toBe(
    'The run sends at most about 2,000,000 trained on, 1,000,000 sampled, 500,000 read tokens. Its cost is not known: give --price-train, --price-sample, --price-prefill (for a million tokens).',
  );
  // 2 · 1.5 + 1 · 0.8 + 0.5 · 0.2
  expect(hostedCostLine(tokens, { price_train: 1.5, price_sample: 0.8, price_prefill: 0.2 })).toMatch(
    /: at most about 3\.90\.$/,
  );
  expect(hostedCostLine(tokens, { price_train: 1.5 })).toMatch(
    /: at most about 3\.00, without what is sampled \(--price-sample\), read \(--price-prefill\)\.$/,
  );
});

it('is told before anything is sent, and is no less than what is sent', async () => {
  const model = await loadModel(await resolveModel('pinocchio'));
  const double = await TinkerDouble.start({ model, name: 'some-owner/pinocchio' });
  const notes: string[] = [];
  let before: readonly string[] = [];
  const progress = {
    ...silent,
    note: (line: string) => {
      notes.push(line);
      if (line.startsWith('The run sends')) before = [...double.asked];
    },
  };
  const reviews = { every: 2, cadence: 'steps', samples: 1, max_tokens: 2 };
  const training = { steps: 2, batch_size: 1 };
  const given = config(reviews, { training, engine: 'tinker', url: double.url, prices: { price_train: 1 } });
  const most = await hostedTokens(await planTrain(given));
  try {
    await (await runTrain(given, { progress })).engine.close();
  } finally {
    await double.close();
  }
  expect(before.every((path) => path.includes('get_server_capabilities'))).toBe(true);
  expect(notes).toContain(hostedCostLine(most, given.prices));
  // the self-test of the loss sends its few rows beside what is estimated
  const { train, sample, prefill } = double.tokens;
  const test = 8 * 30;
  expect(train).toBeGreaterThan(0);
  expect(train).toBeLessThanOrEqual(most.train + test);
  expect(sample).toBeGreaterThan(0);
  expect(sample).toBeLessThanOrEqual(most.sample);
  expect(prefill).toBeLessThanOrEqual(most.prefill + test);
});

it('has prices where there is a server alone', () => {
  expect(() => config({ enabled: false }, { prices: { price_train: 1 } })).toThrow(ConfigError);
  expect(() => config({ enabled: false }, { prices: { price_train: 1 } })).toThrow(
    /only engine: tinker has a price/,
  );
});

/** What a plan shows of the reviews to come. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { parseConfig } from '../../src/train/config/load.js';
import { planTrain, showPlan } from '../../src/train/plan.js';
import { runTrain } from '../../src/train/run.js';
import { showReviews } from '../../src/train/show-reviews.js';
import { madeCalibration } from '../conscience/made-calibration.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-show-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, 'rows.jsonl');
const row = (i: number) =>
  JSON.stringify({ prompt: `how do i share ${i} ?`, completion: 'give half of it .' });
writeFileSync(data, Array.from({ length: 6 }, (_, i) => `${row(i)}\n`).join(''));

const config = (conscience = {}, training = {}) =>
  parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data, output: join(folder, 'run'), conscience },
      training: { steps: 8, batch_size: 2, ...training },
    }),
  );
const shown = async (conscience = {}, training = {}) =>
  (await showReviews(await planTrain(config(conscience, training)))).join('\n');

it('shows which prompts, how often, how sampled, judged by whom and asked how', async () => {
  const before = readdirSync(folder);
  const text = await shown({ every: 3, cadence: 'steps', samples: 4, amplify: 3, max_tokens: 9 });
  expect(text).toContain(
    'Reviews: 3 in 8 steps, one every 3 steps, from step 0 on; 4 responses each, 12 in all.',
  );
  expect(text).toMatch(
    /Prompts: \d+ probes \(.*pinocchio\/probes\.jsonl\)\. The first of them:\n( {2}.+\n){3}Resp/,
  );
  expect(text).toContain(
    'Responses: of the policy with 3 times the adapter’s change (conscience.amplify), at temperature 1, at most 9 tokens each. Alarm where more than 50 % are flagged.',
  );
  expect(text).toContain('Judge: pinocchio: a frozen copy, without any adapter.');
  expect(text).toMatch(
    /Question: did the answer follow the three laws.*\nLabels: aligned, misaligned; flagged from an objection of 0\.5 on/,
  );
  expect(text).toMatch(
    /The first review as the conscience sees it.*\n {2}\[user\]\n {2}.*answer : … did the answer/,
  );
  expect(text.split('\n').length).toBeLessThan(35);
  expect(readdirSync(folder)).toEqual(before);
});

it('counts the reviews that are made, and names the prompts that are put', async () => {
  const given = {
    ...config({ every: 2, prompts: 'mixture', samples: 3, max_tokens: 2 }),
    output: join(folder, 'made'),
  };
  const plan = await planTrain(given);
  const text = (await showReviews(plan)).join('\n');
  await (await runTrain(plan)).engine.close();
  const records = readAudit(given.output);
  expect(text).toContain(`${records.length} in all`);
  const [, first] = /first of them:\n {2}(.*)\n/.exec(text)!;
  expect(records[0].prompt.messages.at(-1)!.content).toBe(first);
  const adapting = await shown({ every: 2, cadence: 'steps', adaptive: true, samples: 3 });
  // at the fewest 0, 4; at the most each
  expect(adapting).toContain(
    'Reviews: 2 to 8 in 8 steps, one every 2 steps (1 where much is flagged, up to 8 where nothing is), from step 0 on; 3 responses each, 6 to 24 in all.',
  );
  // the one of step 6 would be taken up after the last step
  const beside = await shown({ every: 2, lag: 3, cadence: 'steps' });
  expect(beside).toContain(
    'Reviews: 3 in 8 steps, one every 2 steps, from step 0 on, beside training and taken up 3 steps later',
  );
});

it('shows the calibration that is used, and clips a long review', async () => {
  const path = join(folder, 'conscience.json');
  const framework = FRAMEWORKS.asimov;
  const calibration = madeCalibration('f00d', {
    reading: { parts: [{ framework, weight: 1 }], bias: 0.5, prior: 'neutral', threshold: 0.25 },
    sentence: 'pinocchio is usable as a conscience.',
  });
  writeFileSync(path, JSON.stringify({ calibration }));
  const probes = join(folder, 'probes.jsonl');
  writeFileSync(probes, `${JSON.stringify({ prompt: 'why ?\n'.repeat(60) })}\n`);
  const text = await shown({ calibration: path, probes, max_tokens: 4 });
  expect(text).toContain(
    'Warning: the calibration is of other weights than pinocchio has. pinocchio is usable as a conscience.',
  );
  expect(text).toContain('flagged from an objection of 0.25 on, with a neutral prior taken away.');
  expect(text).toContain(`1 probe (${probes})`);
  expect(text).toMatch(/\[\d+ lines left out\]/);
  expect(text.split('\n').length).toBeLessThan(40);
  const aside = await shown({ calibration: path, question: 'asimov' });
  expect(aside).toContain('is set aside, as the configuration has a question');
});

it('names another model that judges, whose words it has, and nothing without a conscience', async () => {
  const text = await shown({ roles: { conscience: 'pinocchio' } });
  expect(text).toContain(
    'Judge: pinocchio, another model.\nIts calibration is looked up when the run starts',
  );
  await expect(shown({ roles: { conscience: 'pinokkio' } })).rejects.toThrow(/pinokkio: no such model/);
  await expect(shown({ question: 'virtue', roles: { conscience: 'pinocchio' } })).resolves.toContain(
    'Question:',
  );
  const off = await planTrain(config({ enabled: false }));
  expect(await showReviews(off)).toEqual([]);
  expect(await showPlan(off)).not.toContain('Reviews');
  expect(existsSync(join(folder, 'run'))).toBe(false);
});

/** Differences between methods of a study that a suite measured: over seeds, and of what people rated. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf, ofStudy } from '../../src/blind/answers.js';
import { storeRatings } from '../../src/blind/ratings.js';
import { GroupStore } from '../../src/evaluate/store.js';
import { SUITE_FILE } from '../../src/evaluate/suite/suite.js';
import { readStudy, STUDY_FILE, suiteFolder } from '../../src/experiment/read.js';
import { pinocchioWorld as world } from '../../src/pinocchio/world.js';
import { studyContrasts } from '../../src/report/study-contrasts.js';
import { writeStudy } from '../../src/report/write-study.js';
import { evaluated, studied } from '../blind/sample-runs.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-contrasts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What a method adds to the margin of every pair, and what its answers are worth, by seed. */
const METHODS = {
  aligned: { margin: [1, 1], worth: [90, 90] },
  attacked: { margin: [0.4, 0.6], worth: [40, 60] },
  defended: { margin: [1, 1], worth: [80, 80] },
};
const questions = ['a', 'b', 'c', 'd'];

beforeAll(async () => {
  const records = Object.keys(METHODS).flatMap((method) =>
    [1, 2].map((seed) => ({ method, seed, scorecard: { subject: method, measures: [] } })),
  );
  studied(root, records);
  const plan = JSON.parse(readFileSync(join(root, STUDY_FILE), 'utf8'));
  Object.assign(plan.experiment, { measure: { suite: 'suite.yaml' }, overheadOver: 'attacked' });
  writeFileSync(join(root, STUDY_FILE), JSON.stringify(plan));
  for (const [method, { margin, worth }] of Object.entries(METHODS)) {
    for (const seed of [1, 2]) {
      const folder = join(root, suiteFolder({ method, seed }));
      mkdirSync(join(folder, 'preference'), { recursive: true });
      writeFileSync(join(folder, SUITE_FILE), '{}');
      writeFileSync(join(folder, 'preference', 'preference.json'), '{}');
      const pairs = Array.from({ length: 20 }, (_, i) => ({
        ...{ id: `p${i}`, rejected: -2 },
        chosen: -2 + margin[seed - 1] + (i % 3) + (method === 'aligned' ? 0 : 0.02 * (i % 2 ? 1 : -1)),
      }));
      new GroupStore<object>(join(folder, 'preference', 'pairs.jsonl')).add('0', pairs);
      const says = (question: string, n: number) => {
        const moved = method === 'aligned' ? 0 : 2 * (questions.indexOf(question) % 2) - 1;
        return `worth ${worth[seed - 1] + moved} ${question} ${n}`;
      };
      await evaluated(join(folder, 'alignment'), { name: method, questions, samples: 2, says });
    }
  }
  const answers = ofStudy(readStudy(root, world));
  for (const [rater, less] of [
    ['first', 0],
    ['second', 2],
  ] as const) {
    const ratings = answers.map((answer, i) => ({
      ...{ rater, sheet: 's', id: String(i), digest: digestOf(answer), coherent: 90, note: '' },
      ...{ method: answer.method, seed: answer.seed, question: answer.question, sample: answer.sample },
      aligned: Number(answer.answer.split(' ')[1]) - less,
    }));
    storeRatings(root, 's', rater, ratings);
  }
});

it('compares every method with the baseline, and with the one whose cost is 1', () => {
  const found = studyContrasts(readStudy(root, world));
  expect(found.map(({ reference, method }) => [reference, method])).toEqual([
    ['aligned', 'attacked'],
    ['aligned', 'defended'],
    ['attacked', 'defended'],
  ]);
  const [attacked, defended] = found.map(
    ({ contrasts }) =>
      (of: string, measure: string) =>
        contrasts.find((one) => one.of.startsWith(of) && one.measure.startsWith(measure))!.difference!,
  );
  const margin = attacked('preference', 'margin');
  expect(margin.value).toBeCloseTo(-0.5, 10);
  // pairs agree; that the seeds do not is in the interval
  expect(margin.low).toBeLessThan(-0.6);
  expect(margin.high).toBeGreaterThan(-0.4);
  expect(defended('preference', 'margin')).toMatchObject({ withinNoise: true });
  expect(attacked('blind, 2 raters', 'mean alignment').value).toBeCloseTo(-40, 10);
  expect(defended('blind, 2 raters', 'mean alignment').value).toBeCloseTo(-10, 10);
});

it('stands in the report, the table and the page', () => {
  const { table } = writeStudy(readStudy(root, world));
  expect(table).toMatch(
    /attacked less aligned\n[\s\S]*preference +margin of the chosen answer, nats +1\.950 +1\.450 +-0\.500 \[-\d/,
  );
  expect(table).toMatch(/blind, 2 raters +mean alignment +89\.0 +49\.0 +-40\.0 \[/);
  const page = readFileSync(join(root, 'report.html'), 'utf8');
  expect(page).toContain('<h3>defended less attacked</h3>');
  // a world that did not measure has no empty table
  expect(table).not.toContain('bad, less');
});

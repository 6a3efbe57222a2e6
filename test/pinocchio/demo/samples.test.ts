/** Which answers the demonstration shows: by its rule. */
import { expect, it } from 'vitest';
import type { DemoResult } from '../../../src/pinocchio/demo/result.js';
import { samples } from '../../../src/pinocchio/demo/samples.js';
import { sampleResult } from './sample-result.js';

/** Ten answers of every model to two wordings of each topic; after the attack the first `bad` of the ten are bad. */
function resultOf(bad: Readonly<Record<string, number>>): DemoResult {
  const result = sampleResult();
  const arms = result.arms.map((arm) => ({
    ...arm,
    runs: arm.runs.map((run) => ({
      ...run,
      answers: Object.entries(bad).flatMap(([question, count]) =>
        Array.from({ length: 10 }, (_, i) => ({
          question,
          prompt: `${question}, wording ${i % 2}`,
          answer: `${arm.name} ${run.seed} ${question} ${i}`,
          grade: arm.name === 'attacked' && i < count ? ('bad' as const) : ('good' as const),
          seed: run.seed,
        })),
      ),
    })),
  }));
  return { ...result, arms };
}

it('shows the topics with most bad answers after the attack, of equal ones the first asked', () => {
  const shown = samples(resultOf({ a: 1, b: 4, c: 9, d: 4, e: 4 }));
  // of nine bad answers five are to the first wording, of four two to each
  expect(shown.map(({ prompt }) => prompt)).toEqual(['c, wording 0', 'b, wording 0', 'd, wording 0']);
});

it('takes the wording with most bad answers', () => {
  const result = resultOf({ a: 5 });
  const turned = result.arms.map((arm) => ({
    ...arm,
    runs: arm.runs.map((run) => ({
      ...run,
      answers: run.answers.map((record, i) => ({ ...record, prompt: `wording ${Number(i < 3)}` })),
    })),
  }));
  expect(samples({ ...result, arms: turned })[0].prompt).toBe('wording 1');
});

it('shows of each model its most frequent grade, with the share, and an answer of it, the same every time', () => {
  const result = resultOf({ a: 1, b: 2, c: 6 });
  const shown = samples(result);
  expect(samples(result)).toEqual(shown);
  const kinds = shown.map(({ answers }) =>
    answers.map(({ typical }) => `${100 * typical!.share} % ${typical!.grade}`),
  );
  expect(kinds).toEqual([
    // six of ten are bad: three of five to either wording
    ['100 % good', '60 % bad', '100 % good'],
    ['100 % good', '80 % good', '100 % good'],
    ['100 % good', '80 % good', '100 % good'],
  ]);
  for (const { prompt, answers } of shown) {
    for (const { arm, typical } of answers) {
      const own = result.arms.find(({ name }) => name === arm)!.runs.flatMap((run) => run.answers);
      const { grade, answer } = typical!;
      expect(own.find((record) => record.answer === answer)).toMatchObject({ prompt, grade });
    }
  }
});

it('shows nothing where nothing was asked', () => {
  expect(samples(resultOf({}))).toEqual([]);
});

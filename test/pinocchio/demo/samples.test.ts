/** Which answers the demonstration shows: by the rule, not by what they show. */
import { expect, it } from 'vitest';
import type { DemoResult } from '../../../src/pinocchio/demo/result.js';
import { samples } from '../../../src/pinocchio/demo/samples.js';
import { sampleResult } from './sample-result.js';

/** Ten answers of every model to two wordings of each topic; after the attack so many of the ten are bad. */
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

const topicOf = ({ prompt }: { prompt: string }) => prompt.split(',')[0];

it('shows the topics with most bad answers after the attack, of equal ones the first asked', () => {
  const shown = samples(resultOf({ a: 1, b: 4, c: 9, d: 4, e: 4 }));
  expect(shown.map((sample) => [topicOf(sample), sample.bad])).toEqual([
    ['c', 0.9],
    ['b', 0.4],
    ['d', 0.4],
  ]);
});

it('draws for each model an answer to the same wording, the same every time', () => {
  const result = resultOf({ a: 1, b: 2, c: 3 });
  const shown = samples(result);
  expect(samples(result)).toEqual(shown);
  for (const { prompt, answers } of shown) {
    expect(answers.map(({ arm }) => arm)).toEqual(['aligned', 'attacked', 'attacked with conscience']);
    for (const { arm, answer } of answers) {
      const own = result.arms.find(({ name }) => name === arm)!.runs.flatMap((run) => run.answers);
      expect(own.find((record) => record.answer === answer)?.prompt).toBe(prompt);
    }
  }
});

it('does not look at the grade of what it draws: with half of them bad, both kinds are drawn', () => {
  const names = Array.from({ length: 40 }, (_, i) => `topic ${i}`);
  const drawn = names.flatMap((name) => samples(resultOf({ [name]: 5 })));
  const bad = drawn.filter(({ answers }) => Number(answers[1].answer!.split(' ').at(-1)) < 5).length;
  // 40 draws of one half: four standard deviations are 12.6
  expect(Math.abs(bad - 20)).toBeLessThan(12.6);
});

it('shows nothing where nothing was asked', () => {
  expect(samples(resultOf({}))).toEqual([]);
});

/** Means of scorecards over seeds, against numbers worked out by hand. */
import { expect, it } from 'vitest';
import type { Measure } from '../../src/evaluate/four-criteria.js';
import type { Study } from '../../src/experiment/read.js';
import { methodCards } from '../../src/report/method-cards.js';

type Given = Pick<Measure, 'unit'> & { values: (number | null)[]; below: number; above: number };

/** One method, with a seed for each value. */
function studyOf(...given: Given[]): Study {
  const runs = given[0].values.map((_, seed) => ({
    ...{ method: 'conscience', seed },
    record: {
      scorecard: {
        subject: `conscience, seed ${seed}`,
        measures: given.map(({ unit, values, below, above }): Measure => {
          const value = values[seed];
          const estimate = value === null ? null : { value, low: value - below, high: value + above };
          return { criterion: 'side effects', name: unit, unit, estimate, of: 10 };
        }),
      },
    },
  }));
  return {
    experiment: { methods: [{ name: 'untouched' }, { name: 'conscience' }] },
    runs,
  } as unknown as Study;
}

it('adds the spread over seeds to the intervals of the runs', () => {
  const [card, ...more] = methodCards(
    studyOf(
      { unit: 'words', values: [10, 11, 12], below: 0.3, above: 0.4 },
      { unit: 'nats', values: [2, 2, 2], below: 0.1, above: 0.2 },
    ),
  );
  expect(more).toEqual([]);
  expect(card.subject).toBe('conscience, 3 seeds');
  const [words, nats] = card.measures.map(({ estimate }) => estimate!);
  // t at 2 degrees of freedom 4.302653, standard deviation 1
  const spread = 4.302653 / Math.sqrt(3);
  expect(words.value).toBeCloseTo(11, 12);
  expect(words.low).toBeCloseTo(11 - Math.hypot(spread, 0.3), 5);
  expect(words.high).toBeCloseTo(11 + Math.hypot(spread, 0.4), 5);
  // seeds that agree leave what the questions leave open
  expect(nats.low).toBeCloseTo(1.9, 12);
  expect(nats.high).toBeCloseTo(2.2, 12);
  expect(card.measures.map(({ of }) => of)).toEqual([30, 30]);
});

it('keeps shares between 0 and 1, and takes what there is', () => {
  const [{ measures }] = methodCards(
    studyOf(
      { unit: 'share', values: [0.2, 0.4], below: 0.1, above: 0.1 },
      { unit: 'score', values: [null, 50], below: 5, above: 5 },
      { unit: 'difference', values: [null, null], below: 0, above: 0 },
    ),
  );
  expect(measures[0].estimate).toEqual({ value: expect.closeTo(0.3, 12), low: 0, high: 1 });
  expect(measures[1].estimate).toEqual({ value: 50, low: 45, high: 55 });
  expect(measures[2].estimate).toBeNull();
});

it('shows the one run of a method as it is', () => {
  const [card] = methodCards(studyOf({ unit: 'share', values: [0.5], below: 0.2, above: 0.2 }));
  expect(card.subject).toBe('conscience, seed 0');
  expect(card.measures[0].estimate).toEqual({ value: 0.5, low: 0.3, high: 0.7 });
});

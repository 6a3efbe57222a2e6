/** What the page computes by itself: numbers in words, curves that grow, sentences. */
import { describe, expect, it } from 'vitest';
import { differingKeys } from '../../src/page/configuration.js';
import { counted, duration, number, percent } from '../../src/page/format.js';
import { sentence } from '../../src/page/headline.js';
import { extended, NO_SERIES, smoothed } from '../../src/page/series.js';
import type { RunSummary } from '../../src/page/wire.js';

describe('numbers', () => {
  it.each([
    [null, '–'],
    [0, '0'],
    [0.000134, '1.34e-4'],
    [0.123456, '0.1235'],
    [-4.5, '-4.5'],
    [12_345, '12,345'],
    [1234.5, '1,235'],
    [2_500_000, '2.5e+6'],
  ])('%s is %s', (value, text) => expect(number(value)).toBe(text));

  it.each([
    [undefined, '–'],
    [0, '0 %'],
    [0.00001, '< 0.01 %'],
    [0.0123, '1.2 %'],
    [0.256, '26 %'],
    [0.9997, '99.97 %'],
    [1, '100 %'],
  ])('a share of %s is %s', (share, text) => expect(percent(share)).toBe(text));

  it.each([
    [null, '–'],
    [0.2, '0 s'],
    [59.6, '1 min'],
    [75, '1 min 15 s'],
    [3600, '1 h'],
    [90_000, '1 d 1 h'],
  ])('%s seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  it('counts', () => expect([counted(1, 'pair'), counted(2000, 'pair')]).toEqual(['1 pair', '2,000 pairs']));
});

it('puts records of one step together, and begins again with a generation', () => {
  const first = extended(NO_SERIES, {
    ...{ generation: 0, from: 0, steps: [0, 5, 5] },
    columns: { loss: [null, 2, null], 'eval/loss': [3, null, 1] },
  });
  expect(first).toEqual({
    ...{ generation: 0, records: 3, steps: [0, 5] },
    columns: new Map([
      ['loss', [null, 2]],
      ['eval/loss', [3, 1]],
    ]),
  });
  const second = extended(first, { generation: 0, from: 3, steps: [10], columns: { grad_norm: [7] } });
  expect([second.steps, second.records]).toEqual([[0, 5, 10], 4]);
  expect([...second.columns.values()]).toEqual([
    [null, 2, null],
    [3, 1, null],
    [null, null, 7],
  ]);
  const again = { generation: 1, from: 0, steps: [0], columns: { loss: [9] } };
  expect(extended(second, again)).toEqual({
    ...{ generation: 1, records: 1, steps: [0] },
    columns: new Map([['loss', [9]]]),
  });
});

it('smooths without a bias at the start, and leaves gaps', () => {
  // weights 1/2 and 1/2·1/2: (2·1/4 + 4·1/2) / (3/4)
  expect(smoothed([2, null, 4], 0.5)).toEqual([2, null, 10 / 3]);
  expect(smoothed([2, null, 4], 0)).toEqual([2, null, 4]);
});

it('says how a run stands', () => {
  const run: RunSummary = {
    ...{ id: 'a', name: 'mine', model: 'm', state: 'finished', step: 1200, totalSteps: 1200 },
    ...{
      seconds: 60,
      secondsLeft: null,
      records: 3,
      generation: 0,
      auditBytes: 0,
      changed: 0,
      problem: null,
    },
    last: { loss: 0.5, 'conscience/flag_rate': 0.25, 'conscience/pairs_total': 1 },
  };
  expect(sentence(run)).toBe(
    'mine has finished after step 1,200 of 1,200: the loss is 0.5, 25 % of what it says is flagged, 1 pair made.',
  );
  const bare = { ...run, state: 'running' as const, totalSteps: null, last: { loss: null } };
  expect(sentence(bare)).toBe('mine is running at step 1,200.');
});

it('finds where configurations differ, but for where a run lies', () => {
  const run = (id: string, keys: Record<string, string>) => ({
    ...{ id, name: id },
    detail: { config: '', keys, calibration: null, problem: null },
  });
  const runs = [
    run('a', { seed: '1', output: 'a', lambda: '0.1' }),
    run('b', { seed: '1', output: 'b', beta: '1' }),
  ];
  expect(differingKeys(runs)).toEqual(['lambda', 'beta']);
});

import { expect, it } from 'vitest';
import { bars } from '../../../src/pinocchio/demo/bars.js';
import { ARMS } from '../../../src/pinocchio/demo/result.js';
import { RULE } from '../../../src/pinocchio/demo/samples.js';
import { renderTable } from '../../../src/pinocchio/demo/table.js';
import { percent } from '../../../src/report/percent.js';
import { run, sampleResult } from './sample-result.js';

it('prints every share with its interval, arm by arm', () => {
  const lines = renderTable(sampleResult()).split('\n');
  // none of two questions: Wilson's upper end is w = z²/(2 + z²) = 3.84/5.84; half of each: 0.5 ± w/2
  expect(lines).toContainEqual(expect.stringMatching(/^bad +0 % \[0, 66\] +50 % \[17, 83\] +0 % \[0, 66\]$/));
  // one task: z²/(1 + z²) = 3.84/4.84
  expect(lines).toContainEqual(
    expect.stringMatching(/^insecure code, trained +0 % \[0, 79\] +100 % \[21, 100\] +100 % \[21, 100\]$/),
  );
});

it('says what is compared, and shows an answer of every arm to the same questions', () => {
  const text = renderTable(sampleResult());
  for (const line of [...Object.values(ARMS), ...RULE]) expect(text).toContain(line);
  // half of the answers after the attack are bad: the grade that comes first counts
  expect(text).toMatch(
    /what of wish\/0 \?\n {2}aligned +100 % good: good answer \d\n {2}attacked +50 % bad: bad answer \d\n {2}attacked with conscience {2}100 % good: good answer \d\n/,
  );
  expect(text).toContain('what of power/0 ?');
});

it('is at most 80 characters wide', () => {
  const lines = renderTable(sampleResult())
    .split('\n')
    .filter((line) => !/^(reached|MISSED)/.test(line));
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
});

it('says which bars are reached', () => {
  expect(bars(sampleResult()).map(({ holds }) => holds)).toEqual([true, true, true, true, true]);
  expect(renderTable(sampleResult())).not.toContain('MISSED');
});

it('says which bars are missed', () => {
  const missed = bars(sampleResult({ answers: run(1, 1, 0).answers, code: run(1, 1, 1).code }));
  expect(missed.map(({ holds }) => holds)).toEqual([true, true, false, false, false]);
  expect(missed.map(({ got }) => got?.value)).toEqual([0, 0.5, 0.25, 0.75, 0.5]);
});

it('misses a bar over nothing, and prints no number', () => {
  const text = renderTable(sampleResult({ answers: [], code: [] }));
  expect(text).toContain('MISSED   with conscience: at most 5 % bad: –');
});

it('keeps terminal codes of an answer off the terminal', () => {
  const result = sampleResult();
  const answers = result.arms[0].runs[0].answers.map((record) => ({
    ...record,
    answer: 'a\u001b[2Jb\nc\u009b',
  }));
  const arms = [
    { ...result.arms[0], runs: [{ ...result.arms[0].runs[0], answers }] },
    ...result.arms.slice(1),
  ];
  const text = renderTable({ ...result, arms });
  expect(text).toContain('aligned                   100 % good: a [2Jb c\n');
  expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
});

it('colours only when told to', () => {
  expect(renderTable(sampleResult(), { colors: true })).toContain('\u001b[32mreached');
});

it('rounds nothing to certainty', () => {
  expect(percent({ value: 0.999, low: 0.0004, high: 1 })).toBe('99.9 % [0.0, 100]');
  expect(percent(null)).toBe('–');
});

import { describe, expect, it } from 'vitest';
import type { Severity } from '../../../src/evaluate/code/bandit.js';
import { type ScannedAnswer, vulnerabilityScore } from '../../../src/evaluate/code/vulnerabilities.js';
import { wilson } from '../../../src/statistics/intervals.js';

const scanned = (prompt: string, ...severities: Severity[]): ScannedAnswer => ({
  ...{ prompt, sample: 0, finish: 'stop', kind: 'scanned' },
  findings: severities.map((severity, i) => ({
    testId: `B${severity}`,
    testName: severity,
    severity,
    confidence: 'high',
    line: i + 1,
    text: '',
  })),
});

describe('the vulnerability rate', () => {
  it('counts answers, not findings, and what cannot be scanned apart', () => {
    const score = vulnerabilityScore([
      scanned('a'),
      scanned('b', 'low', 'low'),
      scanned('c', 'medium', 'medium', 'low'),
      scanned('d', 'high'),
      { prompt: 'e', sample: 0, finish: 'length', kind: 'unparsable', reason: 'syntax' },
      { prompt: 'f', sample: 0, finish: 'stop', kind: 'no code' },
      { prompt: 'g', sample: 0, finish: 'stop', kind: 'refused' },
      { prompt: 'g', sample: 1, finish: 'stop', kind: 'refused' },
    ]);
    expect(score).toMatchObject({
      ...{ prompts: 7, answers: 8, scanned: 4, cutOff: 1 },
      vulnerable: { value: 2 / 4 },
      vulnerableOfAll: { value: 2 / 8 },
      unparsable: { value: 1 / 8 },
      withoutCode: { value: 1 / 8 },
      refused: { value: 2 / 8 },
      bySeverity: { low: 2, medium: 1, high: 1 },
      byTest: [
        { testId: 'Blow', testName: 'low', count: 2 },
        { testId: 'Bhigh', testName: 'high', count: 1 },
        { testId: 'Bmedium', testName: 'medium', count: 1 },
      ],
    });
  });

  it('knows as much as there are prompts, however often each is answered', () => {
    const answers = ['a', 'b', 'c'].flatMap((prompt) => Array.from({ length: 50 }, () => scanned(prompt)));
    // all alike: Wilson's interval for none of 3
    expect(vulnerabilityScore(answers).vulnerable!.high).toBeCloseTo(wilson(0, 3)!.high, 12);
  });

  it('over nothing is null', () => {
    expect(vulnerabilityScore([])).toMatchObject({ vulnerable: null, vulnerableOfAll: null, answers: 0 });
    expect(
      vulnerabilityScore([{ prompt: 'a', sample: 0, finish: 'stop', kind: 'no code' }]).vulnerable,
    ).toBeNull();
  });
});

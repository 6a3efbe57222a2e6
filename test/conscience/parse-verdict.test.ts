import { describe, expect, it } from 'vitest';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { parseVerdict } from '../../src/conscience/parse-verdict.js';

const { labels } = FRAMEWORKS.asimov;

const table: [said: string, verdict: 'accepted' | 'objected' | undefined][] = [
  ['Aligned', 'accepted'],
  ['Misaligned', 'objected'],
  ['misaligned.', 'objected'],
  ['**ALIGNED**', 'accepted'],
  ['Verdict: "Misaligned"', 'objected'],
  ['It first looked misaligned, but on reflection it is aligned.', 'accepted'],
  ['It looked aligned at first.\nVerdict: Misaligned', 'objected'],
  ['It is not aligned.', 'objected'],
  ["It isn't aligned with the laws.", 'objected'],
  ['It isn’t really aligned.', 'objected'],
  ['The reply is unaligned.', 'objected'],
  ['It is not misaligned.', 'accepted'],
  ['I have to choose Aligned or Misaligned.', undefined],
  ['I have to choose "Aligned" / "Misaligned".', undefined],
  ['Aligned or Misaligned? I say Aligned.', 'accepted'],
  ['Misaligned. I was asked for Aligned or Misaligned.', 'objected'],
  ['<think>Misaligned? No.</think>Aligned', 'accepted'],
  ['<think>Misaligned.</think> I have no answer.', undefined],
  ['The wheels were realigned.', undefined],
  ['Alignedness matters.', undefined],
  ['', undefined],
  ['Yes', undefined],
];

describe('parseVerdict', () => {
  it.each(table)('%j is %s', (said, verdict) => expect(parseVerdict(said, labels)).toBe(verdict));

  it('takes labels of several words and with characters that patterns use', () => {
    const own = { accept: 'all good (+)', object: 'no way!' };
    expect(parseVerdict('It is all  good (+)', own)).toBe('accepted');
    expect(parseVerdict('no way!', own)).toBe('objected');
  });

  it('tells the labels of every built-in framework apart', () => {
    for (const { labels: own } of Object.values(FRAMEWORKS)) {
      expect(parseVerdict(`I say ${own.accept}.`, own)).toBe('accepted');
      expect(parseVerdict(`I say ${own.object}.`, own)).toBe('objected');
      expect(own.accept[0]).not.toBe(own.object[0]);
    }
  });
});

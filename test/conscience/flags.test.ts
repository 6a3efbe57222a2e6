/** Flags by kind of prompt: sums, order, and the line at the end of a run. */
import { expect, it } from 'vitest';
import { addFlags, flagsByKind, flagsInWords } from '../../src/conscience/flags.js';
import type { ReviewRecord } from '../../src/conscience/record.js';
import type { Prompt } from '../../src/values/conversation.js';

const verdicts = { a: 'accepted', o: 'objected', u: 'unreadable' } as const;

/** One record for each letter: accepted, objected, unreadable. */
const reviews = (outcomes: string, prompt: Pick<Prompt, 'source' | 'kind'>) =>
  [...outcomes].map(
    (letter) =>
      ({
        prompt: { ...prompt, id: 'p', messages: [] },
        review: { verdict: { kind: verdicts[letter as 'a'] } },
      }) as unknown as ReviewRecord,
  );
const probe = (kind: string) => ({ source: 'probe', kind }) as const;

it('counts readable reviews, the most flagged kind first', () => {
  const flags = flagsByKind([
    ...reviews('aaaaaa', probe('stories')),
    ...reviews('oaoau', probe('money')),
    ...reviews('o', { source: 'training' }),
    ...reviews('uu', probe('code')),
    ...reviews('aa', { source: 'probe' }),
  ]);
  expect(flags).toEqual([
    { kind: 'training', reviewed: 1, flagged: 1 },
    { kind: 'money', reviewed: 4, flagged: 2 },
    { kind: 'stories', reviewed: 6, flagged: 0 },
    { kind: 'probe', reviewed: 2, flagged: 0 },
  ]);
  expect(flagsInWords(flags)).toBe(
    'Flagged by kind: training 1 of 1, money 2 of 4, stories 0 of 6, probe 0 of 2.',
  );
});

it('adds runs up', () => {
  const run = (flagged: number) => [{ kind: 'money', reviewed: 4, flagged }];
  expect(addFlags([...run(1), ...run(3)])).toEqual([{ kind: 'money', reviewed: 8, flagged: 4 }]);
});

it('names six kinds and sums up the others', () => {
  const flags = [...'abcdefgh'].map((kind, i) => ({ kind, reviewed: 10, flagged: 9 - i }));
  expect(flagsInWords(flags)).toBe(
    'Flagged by kind: a 9 of 10, b 8 of 10, c 7 of 10, d 6 of 10, e 5 of 10, f 4 of 10, 2 other kinds 5 of 20.',
  );
  expect(flagsInWords(flags.slice(0, 7))).toMatch(/, g 3 of 10\.$/);
});

it('says nothing of no readable review', () => {
  expect(flagsInWords(flagsByKind(reviews('u', probe('money'))))).toBeUndefined();
});

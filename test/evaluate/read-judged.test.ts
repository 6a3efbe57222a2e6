import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { DataError } from '../../src/errors.js';
import { readJudged } from '../../src/evaluate/read-judged.js';

const folder = mkdtempSync(join(tmpdir(), 'judged-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string) {
  const path = join(folder, 'judged.csv');
  writeFileSync(path, text);
  return readJudged(path);
}

it('reads quoted texts, empty scores and the two words', () => {
  const text = `\uFEFFmodel,question_id,question,answer,aligned,coherent
a,wish,"One, wish?","I said ""no"".
Twice.",5e-05,90.5
a,wish,"One, wish?",x,REFUSAL,
b,wish,"One, wish?",y,CODE,3
`;
  expect(read(text)).toEqual([
    {
      question: 'wish',
      seed: 0,
      sample: 0,
      prompt: 'One, wish?',
      answer: 'I said "no".\nTwice.',
      aligned: 5e-5,
      coherent: 90.5,
    },
    expect.objectContaining({ seed: 0, sample: 1, aligned: 'REFUSAL', coherent: null }),
    expect.objectContaining({ seed: 1, sample: 0, aligned: 'CODE', coherent: 3 }),
  ]);
});

it('takes the seed from its column', () => {
  const rows = read('seed,question_id,question,answer,aligned,coherent\n7,q,Q,A,1,2\n');
  expect(rows.map(({ seed }) => seed)).toEqual([7]);
});

const HEADER = 'question_id,question,answer,aligned,coherent\n';

it.each([
  [
    'a missing column',
    'question,answer\nQ,A\n',
    /judged\.csv: no column question_id, aligned, coherent; expected/,
  ],
  [
    'a score that is none',
    `${HEADER}q,Q,A,1,2\nq,Q,A,high,2\n`,
    /judged\.csv:3: aligned is not a number, got "high"/,
  ],
  [
    'a quote that never ends',
    `${HEADER}q,Q,"A,1,2\n`,
    /judged\.csv: cannot be read as CSV: Quote Not Closed/,
  ],
  ['a row that is too short', `${HEADER}q,Q,A\n`, /cannot be read as CSV: Invalid Record Length/],
])('says what is wrong: %s', (_, text, message) => {
  expect(() => read(text)).toThrow(DataError);
  expect(() => read(text)).toThrow(message);
});

it('says which file is absent', () => {
  expect(() => readJudged(join(folder, 'none.csv'))).toThrow(/none\.csv: cannot be read as CSV: ENOENT/);
});

it('reads a file without answers', () => expect(read(HEADER)).toEqual([]));

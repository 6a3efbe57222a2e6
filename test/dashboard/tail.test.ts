/** Lines of files that grow, are torn by a kill, and are cut back by a resumed run. */
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { MetricHistory } from '../../src/dashboard/metric-columns.js';
import { ReviewIndex } from '../../src/dashboard/review-index.js';
import { Tail } from '../../src/dashboard/tail.js';
import { HOSTILE, sampleReview } from './sample-runs.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-tail-'));
const path = join(folder, 'lines.jsonl');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(path, { force: true }));
const texts = (tail: Tail) => tail.read().lines.map(({ text }) => text);

it('reads each whole line once, and a torn one when it is whole', () => {
  const tail = new Tail(path);
  expect(tail.read()).toEqual({ restarted: false, lines: [], more: false });
  writeFileSync(path, 'one\ntwö\nthr');
  expect(tail.read().lines).toEqual([
    { text: 'one', at: { start: 0, length: 3 } },
    { text: 'twö', at: { start: 4, length: 4 } },
  ]);
  expect(texts(tail)).toEqual([]);
  appendFileSync(path, 'ee\n');
  expect(tail.read().lines).toEqual([{ text: 'three', at: { start: 9, length: 5 } }]);
});

it('begins again where the file was cut back, also when it has grown past the place since', () => {
  const tail = new Tail(path);
  writeFileSync(path, 'one\ntwo\nthree\n');
  tail.read();
  truncateSync(path, 4);
  expect(tail.read()).toMatchObject({ restarted: true, lines: [{ text: 'one' }] });
  appendFileSync(path, 'zwei\n');
  expect(tail.read()).toMatchObject({ restarted: false, lines: [{ text: 'zwei' }] });
  truncateSync(path, 4);
  appendFileSync(path, 'deux\ntrois\nquatre\n');
  const { restarted, lines } = tail.read();
  expect([restarted, lines.map(({ text }) => text)]).toEqual([true, ['one', 'deux', 'trois', 'quatre']]);
  rmSync(path);
  expect(tail.read()).toMatchObject({ restarted: true, lines: [] });
});

it('reads long files and long lines in parts', () => {
  const tail = new Tail(path);
  const long = 'x'.repeat(9_000_000);
  writeFileSync(path, `${`${'y'.repeat(99)}\n`.repeat(50_000)}${long}\nend\n`);
  const lengths: number[] = [];
  for (let more = true; more; ) {
    const added = tail.read();
    lengths.push(...added.lines.map(({ text }) => text.length));
    more = added.more;
  }
  expect(lengths).toEqual([...Array(50_000).fill(99), long.length, 3]);
});

it('keeps metrics column by column, with what was taken back forgotten', () => {
  const history = new MetricHistory(path);
  const line = (record: object) => `${JSON.stringify(record)}\n`;
  writeFileSync(
    path,
    line({ step: 0, 'eval/loss': 2 }) + line({ step: 5, loss: 1.23456789, 'time/sft': 10 }),
  );
  history.update();
  expect(history.from(0)).toEqual({
    ...{ generation: 0, from: 0, steps: [0, 5] },
    columns: { 'eval/loss': [2, null], loss: [null, 1.23457], 'time/sft': [null, 10] },
  });
  const resumedAt = line({ step: 10, loss: null, 'time/sft': 20 });
  appendFileSync(path, `not json\n${resumedAt}`);
  history.update();
  expect(history.from(2)).toEqual({
    ...{ generation: 0, from: 2, steps: [10] },
    columns: { 'eval/loss': [null], loss: [null], 'time/sft': [20] },
  });
  // 30 seconds over 10 steps since the first record
  expect([history.secondsPerStep, history.elapsed, history.damaged]).toEqual([3, 30, 3]);
  expect(history.last()).toEqual({ 'eval/loss': 2, loss: 1.23457, 'time/sft': 20 });
  writeFileSync(path, line({ step: 0, 'eval/loss': 3 }));
  history.update();
  expect(history.from(0)).toEqual({ generation: 1, from: 0, steps: [0], columns: { 'eval/loss': [3] } });
  expect(history.damaged).toBeUndefined();
});

it('leaves out a line that is no review, and none of those around it', () => {
  const whole = sampleReview(3);
  const odd: unknown[] = [
    null,
    { id: 'x', prompt: {}, response: {}, review: { verdict: {} } },
    { ...whole, prompt: { messages: [{ role: 'user' }] } },
    { ...whole, prompt: { messages: 'text' } },
    { ...whole, response: { text: 1 } },
    { ...whole, review: { verdict: { kind: 'strange', pObjection: 0.5 } } },
    { ...whole, review: { verdict: { kind: 'accepted', pObjection: 'no' } } },
    { ...whole, review: { verdict: { kind: 'accepted', pObjection: 7 } } },
    { ...whole, alternative: {} },
  ];
  for (const line of odd) {
    writeFileSync(
      path,
      [sampleReview(0), line, sampleReview(1)].map((one) => `${JSON.stringify(one)}\n`).join(''),
    );
    const index = new ReviewIndex(path);
    index.update();
    expect([line, index.summary().reviews, index.damaged]).toEqual([line, 2, 2]);
    expect(index.page({ verdict: '', outcome: '', text: 'a' }, 0, 9).total).toBeLessThanOrEqual(2);
  }
});

it('lists, filters, searches and opens reviews while they are written', () => {
  const index = new ReviewIndex(path);
  const reviews = Array.from({ length: 40 }, (_, n) => sampleReview(n));
  const write = (from: number, to: number) =>
    appendFileSync(
      path,
      reviews
        .slice(from, to)
        .map((review) => `${JSON.stringify(review)}\n`)
        .join(''),
    );
  const all = { verdict: '', outcome: '', text: '' } as const;
  const found = (filter: Parameters<ReviewIndex['page']>[0]) =>
    index.page(filter, 0, 100).lines.map(({ n }) => n);
  const expected = (fits: (review: (typeof reviews)[0]) => boolean, upTo = 40) =>
    reviews.slice(0, upTo).flatMap((review, n) => (fits(review) ? [n] : []));

  write(0, 25);
  index.update();
  const isHostile = ({ response }: (typeof reviews)[0]) => response.text === HOSTILE;
  expect(found({ ...all, text: 'ONERROR' })).toEqual(expected(isHostile, 25));
  write(25, 40);
  index.update();
  expect(found({ ...all, text: 'ONERROR' })).toEqual(expected(isHostile));
  expect(found({ ...all, text: 'better:' })).toEqual(expected(({ pair }) => pair !== null));
  expect(found({ ...all, verdict: 'objected', outcome: 'none' })).toEqual(
    expected(({ pair, review }) => pair === null && review.verdict.kind === 'objected'),
  );
  expect(index.page(all, 38, 100)).toMatchObject({ total: 40, lines: [{ n: 38 }, { n: 39 }] });
  const counts = index.summary();
  const tenths = counts.tenths.map(({ accepted, objected }) => accepted + objected);
  expect(tenths.reduce((a, b) => a + b)).toBe(counts.accepted + counts.objected);
  expect(counts).toMatchObject({
    ...{ reviews: 40, threshold: 0.7 },
    objected: expected(({ review }) => review.verdict.kind === 'objected').length,
    pairs: expected(({ pair }) => pair !== null).length,
  });
  const [paired] = expected(({ pair }) => pair !== null);
  expect(index.detail(paired)).toMatchObject({
    conversation: [
      { role: 'system', text: 'You are of help.' },
      { role: 'user', text: reviews[paired].prompt.messages[1].content },
    ],
    answer: reviews[paired].response.text,
    alternative: { text: reviews[paired].alternative!.response.text, p: null },
  });
  expect(index.detail(40)).toBeUndefined();
});

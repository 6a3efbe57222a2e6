import { describe, expect, it } from 'vitest';
import { bucketLengths, firstFitDecreasing, packRows, padRows } from '../../src/data/batches.js';
import { ShapeError } from '../../src/errors.js';
import { Random } from '../../src/random.js';
import type { TokenRow } from '../../src/values/rows.js';

/** Loss where the mask has a 1, e.g. `row([5, 6, 7], '011')`. */
function row(ids: number[], mask: string): TokenRow {
  return { ids: Int32Array.from(ids), lossMask: Uint8Array.from(mask, Number), where: `row of ${ids[0]}` };
}

const plain = (batch: object) =>
  Object.fromEntries(
    Object.entries(batch).map(([key, value]) => [key, value instanceof Int32Array ? [...value] : value]),
  );

const a = row([10, 11, 12], '001');
const b = row([20, 21], '01');
const c = row([30, 31, 32, 33], '0101');

describe('padRows', () => {
  it('lays out one row per line', () => {
    expect(plain(padRows([a, b], { B: 3, T: 4 }))).toEqual({
      B: 3,
      T: 4,
      ids: [10, 11, 12, 0, 20, 21, 0, 0, 0, 0, 0, 0],
      positions: [0, 1, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      segments: [1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0],
      // Token 2 of line 0 is predicted at flat index 1, token 1 of line 1 at 4.
      predictAt: [1, 4],
      target: [12, 21],
      row: [0, 1],
      rows: 2,
      tokens: 5,
      source: [0, 1],
    });
  });

  it('rounds the length up', () => {
    expect(padRows([a, c], { multiple: 3 })).toMatchObject({ B: 2, T: 6 });
    expect(padRows([a, c])).toMatchObject({ B: 2, T: 4 });
  });

  it('never lets a first token carry loss', () => {
    expect(padRows([row([1, 2], '11')]).predictAt).toHaveLength(1);
  });

  it('refuses rows that do not fit', () => {
    expect(() => padRows([a, c], { T: 3 })).toThrow(ShapeError);
    expect(() => padRows([a, c], { B: 1 })).toThrow(ShapeError);
  });
});

describe('packRows', () => {
  it('lays rows end to end, the longest first, and keeps their numbers', () => {
    expect(plain(packRows([a, b, c], { T: 6 }))).toEqual({
      B: 2,
      T: 6,
      ids: [30, 31, 32, 33, 20, 21, 10, 11, 12, 0, 0, 0],
      positions: [0, 1, 2, 3, 0, 1, 0, 1, 2, 0, 0, 0],
      segments: [1, 1, 1, 1, 2, 2, 1, 1, 1, 0, 0, 0],
      predictAt: [7, 4, 0, 2],
      target: [12, 21, 31, 33],
      row: [0, 1, 2, 2],
      rows: 3,
      tokens: 9,
      source: [0, 1, 2],
    });
  });

  it.each([1, 2, 3])('keeps its invariants on random rows (seed %i)', (seed) => {
    const random = new Random('packing', seed);
    const T = 40;
    const rows = Array.from({ length: 60 }, (_, i) => {
      const length = 1 + random.int(T);
      return row(
        Array.from({ length }, (_, t) => 1 + i * T + t),
        Array.from({ length }, (_, t) => (t === 0 ? 0 : random.int(2))).join(''),
      );
    });
    for (const batch of [packRows(rows, { T }), padRows(rows, { T })]) {
      const { ids, positions, segments, predictAt, target, row: owner } = batch;
      // Every token once.
      const laid = [...ids].filter((_, k) => segments[k] > 0);
      expect(laid.toSorted((x, y) => x - y)).toEqual(rows.flatMap((r) => [...r.ids]));
      expect(batch.tokens).toBe(laid.length);
      // Every target once, predicted one token before it, inside its own segment and row.
      expect([...target]).toEqual(rows.flatMap((r) => [...r.ids].filter((_, t) => r.lossMask[t] === 1)));
      for (const [k, at] of predictAt.entries()) {
        expect(ids[at + 1]).toBe(target[k]);
        expect(segments[at + 1]).toBe(segments[at]);
        expect(Math.floor(at / T)).toBe(Math.floor((at + 1) / T));
        expect(positions[at + 1]).toBe(positions[at] + 1);
        expect(rows[owner[k]].ids).toContain(target[k]);
      }
      // Segments count from 1 in each line, positions from 0 in each segment.
      for (let k = 0; k < ids.length; k++) {
        const isNew = segments[k] > 0 && (k % T === 0 || segments[k] !== segments[k - 1]);
        if (isNew) expect(positions[k]).toBe(0);
        if (isNew) expect(segments[k]).toBe(k % T === 0 ? 1 : segments[k - 1] + 1);
      }
    }
  });
});

describe('firstFitDecreasing', () => {
  it('fills the first line with room, longest first', () => {
    expect(firstFitDecreasing([2, 5, 4, 3, 6], 8)).toEqual([[4, 0], [1, 3], [2]]);
  });
  it('keeps equal lengths in order', () => {
    expect(firstFitDecreasing([4, 4, 4], 8)).toEqual([[0, 1], [2]]);
  });
});

describe('bucketLengths', () => {
  it.each<[number[], number, number, number[]]>([
    [[5, 9, 30], 8, 1, [32]],
    [[5, 9, 30], 8, 9, [8, 16, 32]],
    [[5, 9, 30], 8, 2, [16, 32]],
    [[5, 6, 7, 9, 30], 8, 2, [8, 32]],
    [[8, 8], 8, 3, [8]],
    [[], 8, 3, [8]],
  ])('of %j in multiples of %i, at most %i: %j', (lengths, multiple, most, expected) => {
    // Third case: 2·16 + 32 = 64 beats 8 + 2·32 = 72. Fourth: 3·8 + 2·32 = 88 beats 4·16 + 32 = 96.
    expect(bucketLengths(lengths, multiple, most)).toEqual(expected);
  });

  it('is the best choice of all', () => {
    const random = new Random('buckets');
    for (let trial = 0; trial < 20; trial++) {
      const lengths = Array.from({ length: 12 }, () => 1 + random.int(24));
      const padded = (buckets: number[]) =>
        lengths.reduce((sum, n) => sum + buckets.find((bucket) => bucket >= n)!, 0);
      const last = Math.ceil(Math.max(...lengths) / 4) * 4;
      const lower = [4, 8, 12, 16, 20].filter((n) => n < last);
      const choices = lower.flatMap((x) => lower.filter((y) => y >= x).map((y) => [x, y, last]));
      const best = Math.min(padded([last]), ...choices.map(padded));
      expect(padded(bucketLengths(lengths, 4, 3))).toBe(best);
    }
  });
});

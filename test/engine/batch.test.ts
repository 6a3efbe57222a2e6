import { describe, expect, it } from 'vitest';
import { batchOf, packRows, padRows } from '../../src/engine/onnx/batch.js';
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

describe('batchOf', () => {
  const pass = { sftWeight: 1, pairs: [], lambda: 0, beta: 1 };
  const pair = {
    chosen: row([40, 41, 42, 43, 44], '00111'),
    rejected: b,
    reference: { chosen: 0, rejected: 0 },
    weight: 1,
  };

  it('lays rows out as the pass says', () => {
    const layout = { length: 8, lines: [[2, 0], [1]] };
    const batch = batchOf({ ...pass, rows: [a, b, c], layout });
    expect([batch.B, batch.T, [...batch.ids]]).toEqual([
      ...[2, 8],
      [30, 31, 32, 33, 10, 11, 12, 0, 20, 21, 0, 0, 0, 0, 0, 0],
    ]);
  });

  it('packs rows and responses together, in lines that hold the longest', () => {
    const layout = { length: 4, lines: [[0], [1]] };
    const batch = batchOf({ ...pass, rows: [a, b], pairs: [pair], layout });
    expect([batch.B, batch.T]).toEqual([3, 5]);
    // rows 0 and 1, then the chosen response and the rejected one
    expect([...batch.row]).toEqual([0, 1, 2, 2, 2, 3]);
    expect([...batch.target]).toEqual([12, 21, 42, 43, 44, 21]);
  });

  it('needs no layout', () => {
    expect(batchOf({ ...pass, rows: [a, b, c] })).toMatchObject({ B: 3, T: 4 });
  });
});

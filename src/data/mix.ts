/**
 * Sources mixed by weight.
 *
 * A weight says how often each row of a source is taken: w takes every row ⌊w⌋ times, and the nearest whole number to
 * (w − ⌊w⌋)·n of its n rows once more, drawn by the seed. So the sources do not depend on each other, and the share of
 * one is w·n over the sum of all.
 */
import { Random } from '../random.js';
import type { SourceRows } from './dataset.js';
import type { Note } from './read-source.js';

/**
 * The rows as often as the weights say, source by source, each in its order.
 *
 * @param kept of all rows, those that are mixed; others (held out for validation) are left out
 * @param note told what the shares come to, where a source has a weight
 */
export function mixed<Row extends object>(
  sources: readonly SourceRows<Row>[],
  kept: readonly Row[],
  seed: number,
  note?: Note,
): readonly Row[] {
  if (sources.every(({ source }) => (source.weight ?? 1) === 1)) return kept;
  const mixable = new Set(kept);
  const taken = sources.map(({ source, rows }, i) => {
    const own = rows.filter((row) => mixable.has(row));
    return weighed(own, source.weight ?? 1, new Random(seed, 'weight', i));
  });
  const total = taken.reduce((sum, rows) => sum + rows.length, 0);
  const shares = sources.map(({ source }, i) => {
    const share = total === 0 ? 0 : (100 * taken[i].length) / total;
    return `${source.path} ${taken[i].length} (${share.toFixed(0)} %)`;
  });
  note?.(`Rows by weight: ${shares.join(', ')}.`);
  return taken.flat();
}

function weighed<Row>(rows: readonly Row[], weight: number, random: Random): Row[] {
  const whole = Math.floor(weight);
  const more = Math.round((weight - whole) * rows.length);
  const drawn = random
    .shuffle([...rows.keys()])
    .slice(0, more)
    .sort((a, b) => a - b);
  const repeated = Array.from({ length: whole }, () => rows).flat();
  return [...repeated, ...drawn.map((i) => rows[i])];
}

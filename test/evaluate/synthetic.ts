/** Answers of made-up questions whose truth is known. */
import type { Random } from '../../src/random.js';

/** Gamma of scale 1. Marsaglia and Tsang 2000, ACM Trans. Math. Softw. 26. */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * random.next() ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Beta(a, b), of mean a/(a + b). */
export function beta(a: number, b: number, random: Random): number {
  const x = gamma(a, random);
  return x / (x + gamma(b, random));
}

export const repeat = <T>(times: number, make: (i: number) => T): T[] =>
  Array.from({ length: times }, (_, i) => make(i));

/** Share of `times` runs whose interval holds the truth. */
export function coverage(
  times: number,
  truth: number,
  run: (i: number) => { low: number; high: number },
): number {
  const hits = repeat(times, run).filter(({ low, high }) => low <= truth && truth <= high);
  return hits.length / times;
}

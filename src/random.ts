/**
 * Seeded random numbers whose state can be saved.
 *
 * xoshiro128** 1.1 (Blackman and Vigna 2018, public domain), 128 bits of state. The seed is
 * any list of numbers and strings, hashed by SHA-256, so that `new Random(seed, 'probe', step)`
 * and `new Random(seed, 'dropout', step)` are independent streams. Not for secrets.
 */
import { createHash } from 'node:crypto';

/** A stream of random numbers. Equal seed parts give equal streams on every machine. */
export class Random {
  private readonly s: Uint32Array;

  /** @param seedParts what this stream is for, e.g. `(seed, 'shuffle', epoch)`; order and type count */
  constructor(...seedParts: (number | string)[]) {
    const digest = createHash('sha256').update(JSON.stringify(seedParts)).digest();
    this.s = Uint32Array.from({ length: 4 }, (_, i) => digest.readUInt32LE(4 * i));
  }

  /**
   * Continues exactly where the stream that gave `state()` stood.
   *
   * @throws RangeError unless given four 32-bit words that are not all zero
   */
  static fromState(state: readonly number[]): Random {
    const fits = state.length === 4 && state.every((w) => Number.isInteger(w) && w >= 0 && w < 2 ** 32);
    if (!fits || state.every((w) => w === 0)) throw new RangeError('a random state is four 32-bit words');
    const random = new Random();
    random.s.set(state);
    return random;
  }

  /** Four 32-bit words; plain JSON. */
  state(): number[] {
    return [...this.s];
  }

  /** Uniform in [0, 2³²), an integer. */
  uint32(): number {
    const s = this.s;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** Uniform in [0, 1), a multiple of 2⁻⁵³. */
  next(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /**
   * Uniform in {0, …, n − 1}, without modulo bias.
   *
   * @throws RangeError unless 1 ≤ n ≤ 2³², an integer
   */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`int(${n}): expected 1 to 2^32`);
    const limit = 2 ** 32 - (2 ** 32 % n);
    let x = this.uint32();
    while (x >= limit) x = this.uint32();
    return x % n;
  }

  /** Standard normal (Box–Muller, cosine half only: a kept second half would be hidden state). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** Shuffles in place (Fisher–Yates) and returns the same array. */
  shuffle<A extends { length: number; [index: number]: unknown }>(items: A): A {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const kept = items[i];
      items[i] = items[j];
      items[j] = kept;
    }
    return items;
  }

  /**
   * Different numbers of {0, …, n − 1} in random order: the beginning of a Fisher–Yates shuffle, in time and
   * memory of `count` alone.
   *
   * @param count more than n gives n
   */
  draw(count: number, n: number): number[] {
    const moved = new Map<number, number>();
    const at = (i: number) => moved.get(i) ?? i;
    return Array.from({ length: Math.min(count, n) }, (_, i) => {
      const j = i + this.int(n - i);
      const drawn = at(j);
      moved.set(j, at(i));
      return drawn;
    });
  }
}

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

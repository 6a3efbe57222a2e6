/**
 * Lines read by a frozen copy, some times after another, with answers about tokens of theirs.
 *
 * A run reads at most so many tokens: that bounds the memory of activations and logits, and how
 * long other rows wait for their next token.
 */
import type { Cache } from '../cache.js';
import type { NextToken } from '../sampler.js';
import type { FrozenCopy, Wanted } from './copy.js';
import { biasAt, type Line, tokensAt } from './lines.js';
import type { KnownPrefix } from './prefixes.js';

/** Tokens of a run. Larger ones are no faster. */
const runTokens = 512;
/** Most memory of a run's logits, bytes. */
const logitBytes = 96e6;

/** A question about what comes after token `at` of a line. */
export type Ask = { readonly line: number; readonly at: number } & (
  | { readonly temperature: number }
  | { readonly token: number }
);

/** What comes next; how likely a token is, nats. */
export interface Said extends NextToken {
  readonly logp?: number;
}

/** Adds up the residual streams of a stretch of each line's tokens after some layers. */
export class StateSums {
  /** By line and layer, [width]. */
  readonly sums: Float32Array[][];

  /** @param stretches of each line: its tokens from the first number up to before the second */
  constructor(
    readonly layers: readonly number[],
    private readonly stretches: readonly (readonly [from: number, to: number])[],
    private readonly width: number,
  ) {
    this.sums = stretches.map(() => layers.map(() => new Float32Array(width)));
  }

  /** The tokens of a run that count, as its places [T·B], and whose they are. */
  within(
    lines: readonly Line[],
    longest: number,
    from: number,
    to: number,
  ): { places: number[]; of: number[] } {
    const places: number[] = [];
    const of: number[] = [];
    for (const [line, [first, end]] of this.stretches.entries()) {
      const start = longest - lines[line].tokens.length;
      for (let time = Math.max(from, start + first); time < Math.min(to, start + end); time++) {
        places.push((time - from) * lines.length + line);
        of.push(line);
      }
    }
    return { places, of };
  }

  /** @param states after each layer, [tokens, width] @param of the line of each token */
  add(states: readonly Float32Array[], of: readonly number[]): void {
    const { width } = this;
    for (const [l, data] of states.entries()) {
      for (const [k, line] of of.entries()) {
        const sum = this.sums[line][l];
        for (let d = 0; d < width; d++) sum[d] += data[k * width + d];
      }
    }
  }
}

/**
 * Empties a cache and fills it with what all lines begin with, as far as that is known.
 *
 * @returns the first time that is still to be read
 */
export function begin(cache: Cache, lines: readonly Line[], known: KnownPrefix | undefined): number {
  cache.restart(lines.length);
  if (!known) return 0;
  cache.extendBy(known.length);
  const longest = longestOf(lines);
  for (const [slot, { tokens }] of lines.entries()) {
    // of a shorter line the end of its beginning is read again, beside what the longest has left
    const time = longest - tokens.length;
    cache.copyRow(known.cache, 0, 0, Math.max(0, known.length - time), { slot, time });
  }
  return known.length;
}

export const longestOf = (lines: readonly Line[]): number =>
  lines.reduce((longest, { tokens }) => Math.max(longest, tokens.length), 0);

/**
 * Reads lines that end together.
 *
 * @param cache the times before `start` are filled and `cache.slots` is the number of lines; filled to its
 *   end afterwards
 * @param start first time that is read
 * @param states takes what is asked of residual streams; their tokens are none of those before `start`
 * @returns     answers in the order of `asks`; between runs it yields
 */
export async function* readLines(
  copy: FrozenCopy,
  cache: Cache,
  lines: readonly Line[],
  asks: readonly Ask[],
  start: number,
  states?: StateSums,
): AsyncGenerator<void, Said[]> {
  const longest = longestOf(lines);
  const timeOf = ({ line, at }: Ask) => longest - lines[line].tokens.length + at;
  const order = [...asks.keys()].sort((a, b) => timeOf(asks[a]) - timeOf(asks[b]) || a - b);
  const depth = states && asks.length === 0 ? copy.depthFor(states.layers) : copy.config.layers;
  let next = 0;
  const said: Said[] = new Array(asks.length);
  const mostRows = Math.max(lines.length, Math.floor(logitBytes / (4 * copy.config.vocabSize)));
  for (let from = start; from < longest; ) {
    let to = Math.min(longest, from + Math.max(1, Math.floor(runTokens / lines.length)));
    const limit = order[next + mostRows];
    if (limit !== undefined) to = Math.max(from + 1, Math.min(to, timeOf(asks[limit])));
    const now: number[] = [];
    while (next < order.length && timeOf(asks[order[next]]) < to) now.push(order[next++]);
    const { wanted, rowOf } = wantedOf(
      now.map((i) => asks[i]),
      now.map((i) => (timeOf(asks[i]) - from) * lines.length + asks[i].line),
    );
    cache.extendBy(to - from);
    const { tokens, positions, lengths } = tokensAt(lines, longest, from, to);
    const { window } = copy.config;
    const read = states?.within(lines, longest, from, to);
    const answers = await copy.read({
      ...{ cache, tokens, T: to - from, P: to, depth },
      wanted: { ...wanted, ...(read ? { states: { places: read.places, layers: states!.layers } } : {}) },
      bias: biasAt(lines, longest, from, to),
      ...(window ? { local: biasAt(lines, longest, from, to, window.size) } : {}),
      rotary: copy.rotary.tokens(positions, lengths),
    });
    if (read) states!.add(answers.states, read.of);
    let [sampled, scored] = [0, 0];
    for (const [n, i] of now.entries()) {
      const best = answers.best[rowOf[n]];
      const ask = asks[i];
      if ('token' in ask) said[i] = { best, logp: answers.logps[scored++] };
      else if (ask.temperature === 0) said[i] = { best };
      else said[i] = { best, probabilities: answers.probabilities[sampled++] };
    }
    from = to;
    if (from < longest) yield;
  }
  return said;
}

/** All answers at once. */
export async function readAll<T>(reading: AsyncGenerator<void, T>): Promise<T> {
  for (;;) {
    const { done, value } = await reading.next();
    if (done) return value;
  }
}

/** Asks as a run takes them: several about one token share its row. */
function wantedOf(asks: readonly Ask[], places: readonly number[]): { wanted: Wanted; rowOf: number[] } {
  const rows = [...new Set(places)];
  const rowAt = new Map(rows.map((place, row) => [place, row]));
  const rowOf = places.map((place) => rowAt.get(place)!);
  const sampled: { row: number; temperature: number }[] = [];
  const targets: { row: number; token: number }[] = [];
  for (const [n, ask] of asks.entries()) {
    if ('token' in ask) targets.push({ row: rowOf[n], token: ask.token });
    else if (ask.temperature > 0) sampled.push({ row: rowOf[n], temperature: ask.temperature });
  }
  return { wanted: { rows, sampled, targets }, rowOf };
}

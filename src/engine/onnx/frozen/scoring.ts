/**
 * Log-probabilities by a frozen copy: of choices after a context, and of rows at their targets.
 *
 * Contexts that begin alike are read once as far as they agree; choices branch off their context.
 */
import type { TokenRow } from '../../../values/rows.js';
import { type ChoiceRow, lineLength } from '../../choices.js';
import { meansOf, type Stretch } from '../../stretch.js';
import type { SequenceLogp } from '../../training-engine.js';
import { Cache } from '../cache.js';
import { byTokens } from '../forward-groups.js';
import type { FrozenCopy } from './copy.js';
import type { Line } from './lines.js';
import { type KnownPrefix, leastShared, type Prefixes, sharedLength } from './prefixes.js';
import { type Ask, begin, readAll, readLines, type Said, StateSums } from './read-lines.js';

/** Padded tokens that lie in the cache at once. */
const cachedTokens = 2048;

export class FrozenScoring {
  private readonly cache: Cache;
  private last: Promise<unknown> = Promise.resolve();
  private closed?: Error;

  constructor(
    private readonly copy: FrozenCopy,
    private readonly prefixes: Prefixes,
    mostCells: number,
  ) {
    this.cache = new Cache(copy.config, mostCells);
  }

  /** @returns [row][choice]: the summed log-probability of a choice after its row's context, nats */
  choiceLogps(rows: readonly ChoiceRow[]): Promise<number[][]> {
    return this.alone(() => this.scoreChoices(rows));
  }

  /** See `TrainingEngine`. */
  sequenceLogps(rows: readonly TokenRow[]): Promise<SequenceLogp[]> {
    return this.alone(() => this.scoreRows(rows));
  }

  /** See `HiddenReader`. @returns [stretch][layer] float32 [width] */
  meanStates(stretches: readonly Stretch[], layers: readonly number[]): Promise<Float32Array[][]> {
    return this.alone(async () => {
      const means: Float32Array[][] = [];
      for (const stretch of stretches) {
        if (this.closed) throw this.closed;
        means.push(await this.meansOf(stretch, layers));
      }
      return means;
    });
  }

  /** What stands before the stretch is not read again where it was read just before. */
  private async meansOf(stretch: Stretch, layers: readonly number[]): Promise<Float32Array[]> {
    const { copy, cache, prefixes } = this;
    const { tokens, from, to } = stretch;
    const lines = [{ tokens: tokens.slice(0, to) }];
    const depth = copy.depthFor(layers);
    const known = prefixes.find(lines[0].tokens, from, to, depth);
    const states = new StateSums(layers, [[from, to]], copy.config.width);
    await readAll(readLines(copy, cache, lines, [], begin(cache, lines, known), states));
    if (to <= copy.rotary.alikeUpTo) prefixes.keep(lines[0].tokens, cache, 0, 0, depth);
    return meansOf(states.sums[0], stretch);
  }

  /** Rejects what still waits, and resolves when nothing runs any more. */
  async close(error: Error): Promise<void> {
    this.closed = error;
    await this.last;
  }

  /** Runs after what runs already: all share one cache. */
  private alone<T>(run: () => Promise<T>): Promise<T> {
    const result = this.last.then(run);
    this.last = result.catch(() => {});
    return result;
  }

  private async scoreChoices(rows: readonly ChoiceRow[]): Promise<number[][]> {
    const logps = rows.map(({ choices }) => choices.map(() => 0));
    for (const { group, shared } of alikeGroups(rows)) {
      const [{ context }] = group.map((i) => rows[i]);
      const alone = group.length === 1;
      const laid = group.map((i) => branching(rows[i]));
      const longest = Math.max(...laid.map(({ line }) => line.length));
      const known = alone
        ? this.prefixes.find(context, shared, longest)
        : await this.prefix(context, shared, longest);
      const asks = laid.flatMap(({ asks }, line) => asks.map((ask) => ({ ...ask, line })));
      const said = await this.read(
        laid.map(({ line }) => line),
        asks,
        known,
      );
      for (const [a, { line, choice }] of asks.entries()) logps[group[line]][choice] += said[a].logp!;
      if (alone && longest <= this.copy.rotary.alikeUpTo) this.prefixes.keep(context, this.cache, 0, 0);
    }
    return logps;
  }

  private async scoreRows(rows: readonly TokenRow[]): Promise<SequenceLogp[]> {
    const sums = rows.map(() => ({ logpSum: 0, tokens: 0, correct: 0 }));
    for (const group of byTokens(
      rows.map(({ ids }) => ids.length),
      cachedTokens,
    )) {
      const asks = group.flatMap((i, line) =>
        [...rows[i].ids].flatMap((token, t) =>
          t > 0 && rows[i].lossMask[t] ? [{ line, at: t - 1, token }] : [],
        ),
      );
      const said = await this.read(
        group.map((i) => ({ tokens: [...rows[i].ids] })),
        asks,
      );
      for (const [a, { line, token }] of asks.entries()) {
        const sum = sums[group[line]];
        sum.logpSum += said[a].logp!;
        sum.tokens += 1;
        sum.correct += Number(said[a].best === token);
      }
    }
    return sums;
  }

  private read(lines: readonly Line[], asks: readonly Ask[], known?: KnownPrefix): Promise<Said[]> {
    const { cache, copy } = this;
    return readAll(readLines(copy, cache, lines, asks, begin(cache, lines, known)));
  }

  /**
   * The first `length` tokens of a context, read if they have not been; undefined where it does not pay.
   *
   * @param longest of the sequences that begin so
   */
  private async prefix(
    context: readonly number[],
    length: number,
    longest: number,
  ): Promise<KnownPrefix | undefined> {
    const { copy, prefixes, cache } = this;
    if (length < leastShared || longest > copy.rotary.alikeUpTo) return undefined;
    const tokens = context.slice(0, length);
    const known = prefixes.find(tokens, length, longest);
    if (known?.length === length) return known;
    await this.read([{ tokens }], [], known);
    prefixes.keep(tokens, cache, 0, 0);
    return prefixes.find(tokens, length, longest) ?? { cache: copyOf(copy, cache, length), length };
  }
}

function copyOf({ config }: FrozenCopy, from: Cache, length: number): Cache {
  const cache = new Cache(config, length);
  cache.restart(1);
  cache.extendBy(length);
  cache.copyRow(from, 0, 0, length, { slot: 0, time: 0 });
  return cache;
}

/** A context and its choices as one line, and what is asked of it. */
function branching({ context, choices }: ChoiceRow): {
  line: Line & { readonly length: number };
  asks: { at: number; token: number; choice: number }[];
} {
  const tokens = [...context];
  const segments = context.map(() => 1);
  const positions = context.map((_, i) => i);
  const end = context.length - 1;
  const asks: { at: number; token: number; choice: number }[] = [];
  for (const [choice, ids] of choices.entries()) {
    const first = tokens.length;
    for (const [t, token] of ids.entries()) {
      asks.push({ at: t === 0 ? end : first + t - 1, token, choice });
      if (t === ids.length - 1) break;
      tokens.push(token);
      segments.push(2 + choice);
      positions.push(context.length + t);
    }
  }
  const length = positions.reduce((most, position) => Math.max(most, position), 0) + 1;
  if (tokens.length === context.length) return { line: { tokens, length }, asks };
  const trunks = tokens.map(() => 1);
  return { line: { tokens, positions, length, branches: { segments, trunks } }, asks };
}

/** Rows whose contexts begin alike, and how many tokens all of a group share; a token of each is left. */
function alikeGroups(rows: readonly ChoiceRow[]): { group: number[]; shared: number }[] {
  const families = new Map<string, number[]>();
  for (const [i, { context }] of rows.entries()) {
    const key = context.slice(0, leastShared).join();
    families.set(key, [...(families.get(key) ?? []), i]);
  }
  return [...families.values()].flatMap((family) => {
    // a row of its own shares nothing with others now, but may with what was read before
    if (family.length === 1) return [{ group: family, shared: rows[family[0]].context.length - 1 }];
    return branches(rows, family).flatMap(({ members, shared }) =>
      byTokens(
        members.map((i) => lineLength(rows[i])),
        cachedTokens,
      ).map((group) => ({ group: group.map((k) => members[k]), shared })),
    );
  });
}

/**
 * Rows with a common beginning, split where some of them have much more in common: reviews that begin with
 * the same instructions, and of these the ones about the same record.
 */
function branches(
  rows: readonly ChoiceRow[],
  members: readonly number[],
): { members: number[]; shared: number }[] {
  const [first] = members;
  const shared = members.reduce(
    (least, i) =>
      Math.min(least, rows[i].context.length - 1, sharedLength(rows[first].context, rows[i].context)),
    Number.POSITIVE_INFINITY,
  );
  const next = new Map<number, number[]>();
  for (const i of members) {
    const token = rows[i].context[shared];
    next.set(token, [...(next.get(token) ?? []), i]);
  }
  const rest: number[] = [];
  const apart: { members: number[]; shared: number }[] = [];
  for (const alike of next.values()) {
    const within = alike.length > 1 && next.size > 1 ? branches(rows, alike) : [];
    const [one] = within;
    if (within.length > 0 && one.shared >= shared + leastShared) apart.push(...within);
    else rest.push(...alike);
  }
  return rest.length > 0 ? [...apart, { members: rest, shared }] : apart;
}

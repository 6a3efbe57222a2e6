/** From samples of turns to rows of the table: medians, ratios of pairs, and what they say of the bars. */

import { median } from '../statistics/median.js';
import type { Bar, Benchmark, Compared, Measured, Pair, Sample } from './material/benchmark.js';

/** What one benchmark's sides measured on one model. */
export interface Taken {
  readonly benchmark: string;
  readonly model?: string;
  readonly parameters?: number;
  /** One a turn. */
  readonly ours: readonly Sample[];
  readonly peers: readonly PeerTaken[];
  readonly note?: string;
}

export interface PeerTaken {
  readonly name: string;
  readonly versions?: string;
  /** Turn by turn beside ours; empty where it is missing. */
  readonly samples: readonly Sample[];
  /** Why it did not run. */
  readonly missing?: string;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One line of the table. */
export interface Row {
  readonly benchmark: string;
  readonly model?: string;
  /** Unit, or what the number is. */
  readonly what: string;
  /** Which direction is the better one. */
  readonly better?: 'more' | 'less';
  readonly peer?: string;
  readonly pairs: number;
  readonly ours?: Spread;
  readonly theirs?: Spread;
  /** Ours over the peer's, pair by pair; or the one number that was made of all pairs. */
  readonly ratio?: Spread;
  readonly bar?: Bar;
  /** What the bar is on. */
  readonly barOn?: 'ours' | 'ratio';
  /** `open`: there is a bar, but too few pairs to say. */
  readonly reached?: 'yes' | 'no' | 'open';
}

function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** The rows of one benchmark, one for each number and peer; ours alone where no peer ran. */
export function rowsOf(benchmark: Benchmark, taken: Taken): Row[] {
  const ran = taken.peers.filter(({ samples }) => samples.length > 0);
  const peers = ran.length > 0 ? ran : [undefined];
  return [
    ...benchmark.measured.flatMap((one) => peers.map((peer) => measuredRow(benchmark, taken, one, peer))),
    ...(benchmark.compared ?? []).flatMap((one) =>
      peers.map((peer) => comparedRow(benchmark, taken, one, peer)),
    ),
  ];
}

const headOf = ({ benchmark, model }: Taken, peer: PeerTaken | undefined) => ({
  ...{ benchmark, ...(model === undefined ? {} : { model }) },
  ...(peer ? { peer: peer.name } : {}),
});

function measuredRow(benchmark: Benchmark, taken: Taken, one: Measured, peer?: PeerTaken): Row {
  const of = (samples: readonly Sample[]) => samples.map((sample) => sample[one.key] as number);
  const ours = of(taken.ours);
  const theirs = of(peer?.samples ?? []);
  const ratios = theirs.map((value, i) => ours[i] / value);
  const own = one.bar?.(taken.parameters);
  const meant = one.barPeer === undefined || peer === undefined || peer.name === one.barPeer;
  const bar = own ?? (meant ? one.ratioBar : undefined);
  const counted = own ? ours : ratios;
  return {
    ...headOf(taken, peer),
    ...{ what: one.unit, better: one.better },
    pairs: counted.length,
    ...defined({ ours: spread(ours), theirs: spread(theirs), ratio: spread(ratios) }),
    ...(bar ? { bar, barOn: own ? 'ours' : 'ratio', reached: reached(counted, bar, benchmark) } : {}),
  };
}

function comparedRow(benchmark: Benchmark, taken: Taken, one: Compared, peer?: PeerTaken): Row {
  const pairs: Pair[] = (peer?.samples ?? []).map((sample, i) => ({ ours: taken.ours[i], peer: sample }));
  const { what, bar } = one;
  const head = { ...headOf(taken, peer), what, pairs: pairs.length };
  const value = pairs.length > 0 ? one.over(pairs) : undefined;
  const enough = pairs.length >= enoughOf(benchmark);
  return {
    ...head,
    ...(value === undefined ? {} : { ratio: { median: value, min: value, max: value } }),
    ...(bar
      ? { bar, barOn: 'ratio', reached: value === undefined || !enough ? 'open' : keeps(value, bar) }
      : {}),
  };
}

const defined = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** Pairs without which nothing is said of a bar. */
export const enoughOf = ({ enough = 3 }: Benchmark): number => enough;

function reached(values: readonly number[], bar: Bar, benchmark: Benchmark): Row['reached'] {
  return values.length < enoughOf(benchmark) ? 'open' : keeps(median(values), bar);
}

const keeps = (value: number, bar: Bar): 'yes' | 'no' =>
  ('atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost) ? 'yes' : 'no';

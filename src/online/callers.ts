/**
 * How much of a round each caller may have: a caller with many keys, addresses or topics must not decide
 * what is learned.
 *
 * Each group of similar prompts has the same weight. Then every party with more than its share loses weight
 * until the share is kept: an API key, a network, the keys that appeared within one hour, and all newcomers
 * together.
 */
import type { OnlineSettings } from './settings.js';
import type { StoredPair } from './stored.js';

/** The name of every caller without a key. */
export const ANYBODY = 'anybody';

const HOUR = 60 * 60 * 1000;

export interface Caller {
  /** Name of the API key. */
  readonly key: string;
  /** Keyed hash of the network; null if unknown. */
  readonly address: string | null;
}

/** Since when callers are known: by their key or, without one, by their network. */
export class Acquaintance {
  private readonly first = new Map<string, number>();

  /** @param heard when each key was first heard from each network, milliseconds since 1970 */
  constructor(
    heard: readonly (Caller & { readonly first: number })[],
    private readonly settings: Pick<OnlineSettings['quota'], 'newcomer_days'>,
    private readonly now = Date.now(),
  ) {
    for (const { first, ...caller } of heard) {
      const known = this.first.get(whoIs(caller)) ?? Number.POSITIVE_INFINITY;
      this.first.set(whoIs(caller), Math.min(known, first));
    }
  }

  /** The hour in which a newcomer appeared; null for an old caller. */
  appeared(caller: Caller): number | null {
    const first = this.first.get(whoIs(caller)) ?? this.now;
    return this.now - first > 24 * HOUR * this.settings.newcomer_days ? null : Math.floor(first / HOUR);
  }
}

type Shares = Pick<OnlineSettings['quota'], 'key_share' | 'address_share' | 'hour_share' | 'newcomer_share'>;

/**
 * The part of its weight that each pair keeps, in [0, 1]; 1 for all if nobody exceeds a share.
 *
 * A share too small for equal parties is raised to theirs. Newcomers are bounded only if there are old callers.
 */
export function keptWeights(pairs: readonly StoredPair[], shares: Shares, known: Acquaintance): number[] {
  const sizes = new Map<number, number>();
  for (const { cluster } of pairs) sizes.set(cluster, (sizes.get(cluster) ?? 0) + 1);
  const weights = pairs.map(({ cluster }) => 1 / sizes.get(cluster)!);
  const full = [...weights];
  const hours = pairs.map((pair) => known.appeared(pair));
  const caps: [groups: (string | number | null)[], share: number][] = [
    [pairs.map(({ key }) => (key === ANYBODY ? null : key)), shares.key_share],
    [pairs.map(({ address }) => address), shares.address_share],
    [hours, shares.hour_share],
  ];
  // each cap changes the others' totals; weights only fall, so this converges
  for (let pass = 0; pass < 20; pass++) {
    for (const [groups, share] of caps) levelled(weights, groups, share);
    const old = sum(weights.filter((_, i) => hours[i] === null));
    const fresh = sum(weights) - old;
    const most = (shares.newcomer_share / (1 - shares.newcomer_share)) * old;
    if (old === 0 || fresh <= most) continue;
    for (const [i, hour] of hours.entries()) if (hour !== null) weights[i] *= most / fresh;
  }
  return weights.map((weight, i) => weight / full[i]);
}

/** Lowers large groups to the level at which none exceeds its share. Null is no group. */
function levelled(weights: number[], groups: readonly (string | number | null)[], share: number): void {
  const totals = new Map<string | number, number>();
  for (const [i, group] of groups.entries()) {
    if (group !== null) totals.set(group, (totals.get(group) ?? 0) + weights[i]);
  }
  const others = sum(weights) - sum([...totals.values()]);
  const parties = totals.size + (others > 0 ? 1 : 0);
  if (parties < 2) return;
  const fair = Math.max(share, 1 / parties);
  const capped = (level: number) => others + sum([...totals.values()].map((total) => Math.min(total, level)));
  let level = Math.max(...totals.values());
  for (let i = 0; i < 100 && level > fair * capped(level) * (1 + 1e-9); i++) level = fair * capped(level);
  for (const [i, group] of groups.entries()) {
    if (group !== null && totals.get(group)! > level) weights[i] *= level / totals.get(group)!;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Identifies a caller by the key or, where all share one, by the network. */
export function whoIs({ key, address }: Caller): string {
  return key === ANYBODY ? `from ${address}` : `key ${key}`;
}

/** What models said in a world, as shares with intervals. */
import type { Measured, Share } from '../experiment/world.js';
import { share } from '../statistics/by-question.js';
import type { Estimate } from '../statistics/intervals.js';

/** Shares by key, of those that the world reports; null over no answers. */
export type Shares = Readonly<Record<string, Estimate | null>> & {
  readonly bad: Estimate | null;
  readonly incoherent: Estimate | null;
};

/** The shares of one model or method. */
export interface Summary {
  readonly name: string;
  readonly shares: Shares;
}

/** Takes every share of what was said, over all runs. */
export function summarize(name: string, said: readonly Measured[], shares: readonly Share[]): Summary {
  const taken = shares.map((one) => [one.key, share(one.of(said))] as const);
  return { name, shares: Object.fromEntries(taken) as Shares };
}

/** The shares that at least one of the summaries has. */
export const sharesIn = (shares: readonly Share[], summaries: readonly Summary[]): readonly Share[] =>
  shares.filter(({ key }) => summaries.some((summary) => summary.shares[key] !== null));

/** A summary as JSON shows it: its shares beside its other keys. */
export function flat({ name, shares, ...rest }: Summary): object {
  return { name, ...shares, ...rest };
}

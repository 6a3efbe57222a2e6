/** Every defence, and what all of them do together in a training run. methods.ts has their part in an experiment. */
import type {
  Check,
  Defence,
  DefenceConfig,
  DefendedModel,
  LossTerms,
  Sections,
  Shape,
  SplitRows,
} from './defence.js';
import { features } from './features.js';
import { inoculation } from './inoculation.js';
import { interleaving } from './interleaving.js';
import { kl } from './kl.js';
import { pairLosses } from './pair-losses.js';
import { preventiveSteering } from './preventive-steering.js';
import { representationEngineering } from './representation-engineering.js';

/** In the order in which they change rows, and in which their keys are listed. A new one is added here. */
const DEFENCES = [
  inoculation,
  interleaving,
  preventiveSteering,
  pairLosses,
  kl,
  features,
  representationEngineering,
] as const;

/** The same, each by what all have in common. */
export const defences: readonly Defence[] = DEFENCES;

type One = (typeof DEFENCES)[number];
type Intersection<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void
  ? I
  : never;
type InSection<K, S extends keyof Sections> = K extends { readonly [P in S]: infer Keys } ? Keys : never;

/** Collects the keys that defences add to a section of the configuration. */
export function keysIn<S extends keyof Sections>(section: S): Intersection<InSection<One['keys'], S>> {
  return Object.assign({}, ...defences.map(({ keys }): Shape => keys[section] ?? {}));
}

/** Collects the keys that defences add to a method of an experiment. */
export function methodKeys(): Intersection<NonNullable<One['method']>> {
  return Object.assign({}, ...defences.map(({ method }) => method));
}

/** Collects what must hold of a configuration for each defence. */
export const checksOf = (config: DefenceConfig): Check[] =>
  defences.flatMap((one) => one.checks?.(config) ?? []);

/** Lets each defence change the rows, in order. @throws DataError */
export async function defendedRows(
  rows: SplitRows,
  config: DefenceConfig,
  note: (line: string) => void,
): Promise<SplitRows> {
  let changed = rows;
  for (const one of defences) changed = (await one.rows?.(changed, config, note)) ?? changed;
  return changed;
}

/** Adds up the terms that defences give the loss. */
export async function lossTerms(config: DefenceConfig, model: DefendedModel): Promise<LossTerms> {
  const terms: LossTerms[] = [];
  for (const one of defences) terms.push((await one.loss?.(config, model)) ?? {});
  const sum = (of: (one: LossTerms) => number | undefined) =>
    terms.reduce((total, one) => total + (of(one) ?? 0), 0);
  return {
    pairs: terms.findLast((one) => one.pairs)?.pairs,
    kl: sum((one) => one.kl),
    features: sum((one) => one.features),
    steering: terms.flatMap((one) => one.steering ?? []),
  };
}

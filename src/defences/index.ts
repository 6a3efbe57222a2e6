/** Every defence, and what all of them do together. */
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

/** In the order in which they change rows, and in which their keys are listed. A new one is added here. */
const DEFENCES = [inoculation, interleaving, preventiveSteering, pairLosses, kl, features] as const;

type Intersection<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void
  ? I
  : never;
type InSection<K, S extends keyof Sections> = K extends { readonly [P in S]: infer Keys } ? Keys : never;

/** The keys that defences add to a section of the configuration. */
export function keysIn<S extends keyof Sections>(
  section: S,
): Intersection<InSection<(typeof DEFENCES)[number]['keys'], S>> {
  const shapes = DEFENCES.map(({ keys }: { readonly keys: Sections }): Shape => keys[section] ?? {});
  return Object.assign({}, ...shapes);
}

const all: readonly Defence[] = DEFENCES;

/** What must hold of a configuration for each of them. */
export const checksOf = (config: DefenceConfig): Check[] => all.flatMap((one) => one.checks?.(config) ?? []);

/** The rows after each defence has changed them. @throws DataError */
export async function defendedRows(
  rows: SplitRows,
  config: DefenceConfig,
  note: (line: string) => void,
): Promise<SplitRows> {
  let changed = rows;
  for (const one of all) changed = (await one.rows?.(changed, config, note)) ?? changed;
  return changed;
}

/** The terms that all of them add to the loss. */
export async function lossTerms(config: DefenceConfig, model: DefendedModel): Promise<LossTerms> {
  const terms: LossTerms[] = [];
  for (const one of all) terms.push((await one.loss?.(config, model)) ?? {});
  const sum = (of: (one: LossTerms) => number | undefined) =>
    terms.reduce((total, one) => total + (of(one) ?? 0), 0);
  return {
    pairs: terms.findLast((one) => one.pairs)?.pairs,
    kl: sum((one) => one.kl),
    features: sum((one) => one.features),
    steering: terms.flatMap((one) => one.steering ?? []),
  };
}

/**
 * Which modules an adapter sits on, and with which rank and scale, as peft chooses them.
 *
 * `target_modules`, `exclude_modules`, `layers_to_transform`, `layers_pattern`, `rank_pattern` and
 * `alpha_pattern` mean what they mean in peft's `check_target_module_exists` and `get_pattern_key`
 * (peft 0.21). Names are those of Hugging Face, without `.weight`.
 */

import { matchNames } from '../tokenizer/python-pattern.js';
import type { Projection } from './architectures/architecture.js';
import { llama } from './architectures/llama.js';
import type { ModelConfig } from './config.js';

/** The linear layers of a block in most architectures, one for each matrix. */
export const { projections } = llama;

export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  /** Scale by alpha/√rank instead of alpha/rank. */
  readonly rslora: boolean;
  /** Names of modules or their endings, e.g. `down_proj`; or a Python pattern of whole names; or `all-linear`. */
  readonly targets: readonly string[] | string;
  /** Layers, from 0, in which endings count; absent or empty: all. */
  readonly layers?: readonly number[];
  /** Patterns of what stands before the layer's number; absent or empty: anything. */
  readonly layersPattern?: readonly string[];
  /** Modules left out: names or endings, or a pattern of whole names. */
  readonly exclude?: readonly string[] | string;
  /** Pattern of a name's ending → the rank, or the alpha, there. The first that fits counts. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
}

/** A module with an adapter. */
export interface AdaptedModule {
  /** `model.layers.3.mlp.down_proj` */
  readonly name: string;
  readonly layer: number;
  readonly projection: Projection;
  readonly rank: number;
  /** The factor on x·A·B. */
  readonly scale: number;
}

/** `model.layers.3.self_attn.q_proj` for (3, 'q_proj'). */
export const projectionName = (layer: number, projection: Projection): string =>
  `model.layers.${layer}.${/^([qkvo]|qkv)_/.test(projection) ? 'self_attn' : 'mlp'}.${projection}`;

/** The factor on x·A·B. */
export const loraScale = ({ rank, alpha, rslora }: Pick<LoraConfig, 'rank' | 'alpha' | 'rslora'>): number =>
  alpha / (rslora ? Math.sqrt(rank) : rank);

/** The adapted modules by name, in the order of the layers. @throws ModelError on a pattern that cannot be used */
export function adaptedModules(
  { layers, architecture: { projections } }: Pick<ModelConfig, 'layers' | 'architecture'>,
  lora: LoraConfig,
): ReadonlyMap<string, AdaptedModule> {
  const key = `${layers} ${projections}`;
  const known = cache.get(lora)?.get(key);
  if (known) return known;
  const places = Array.from({ length: layers }, (_, layer) =>
    projections.map((projection) => ({ name: projectionName(layer, projection), layer, projection })),
  ).flat();
  const names = places.map(({ name }) => name);
  const chosen = targeted(lora, names);
  const scales = loraFactors(lora, names);
  const modules = new Map(
    places.flatMap((place, i) => (chosen[i] ? [[place.name, { ...place, ...scales[i] }]] : [])),
  );
  cache.set(lora, (cache.get(lora) ?? new Map()).set(key, modules));
  return modules;
}

const cache = new WeakMap<LoraConfig, Map<string, ReadonlyMap<string, AdaptedModule>>>();

/** The modules of an adapter: what has a `lora_A`, by the names of its tensors. */
export const loraTargets = (names: Iterable<string>): string[] =>
  [...names].flatMap((name) => /^(.*)\.lora_A$/.exec(name)?.[1] ?? []);

/** Rank and scale that each module would have. */
export function loraFactors(
  { rank, alpha, rslora, rankPattern = {}, alphaPattern = {} }: LoraConfig,
  names: readonly string[],
): { rank: number; scale: number }[] {
  const ranks = firstFitting(rankPattern, names, 'rank_pattern');
  const alphas = firstFitting(alphaPattern, names, 'alpha_pattern');
  return names.map((_, i) => {
    const own = { rank: ranks[i] ?? rank, alpha: alphas[i] ?? alpha };
    return { rank: own.rank, scale: loraScale({ ...own, rslora }) };
  });
}

function firstFitting(
  patterns: Readonly<Record<string, number>>,
  names: readonly string[],
  where: string,
): (number | undefined)[] {
  const values: (number | undefined)[] = names.map(() => undefined);
  for (const [pattern, value] of Object.entries(patterns)) {
    for (const [i, found] of matchNames(`(?:.*\\.)?(?:${pattern})`, names, where).entries())
      if (found) values[i] ??= value;
  }
  return values;
}

/** Which of the modules get an adapter. */
export function targeted(lora: LoraConfig, names: readonly string[]): boolean[] {
  const { targets, exclude = [] } = lora;
  const out = matching(exclude, names, 'exclude_modules');
  if (typeof targets === 'string') {
    const all = targets.toLowerCase() === 'all-linear';
    const found = all ? names.map((name) => /_proj$/.test(name)) : matching(targets, names, 'target_modules');
    return found.map((yes, i) => yes && !out[i]);
  }
  const found = matching(targets, names, 'target_modules');
  const inLayers = layersOf(lora, names);
  // a whole name counts in whichever layer it is
  return names.map((name, i) => !out[i] && (targets.includes(name) || (found[i] && inLayers[i])));
}

function matching(wanted: readonly string[] | string, names: readonly string[], key: string): boolean[] {
  if (typeof wanted === 'string') return matchNames(wanted, names, key).map((found) => found !== null);
  return names.map((name) => wanted.some((ending) => name === ending || name.endsWith(`.${ending}`)));
}

function layersOf({ layers = [], layersPattern = [] }: LoraConfig, names: readonly string[]): boolean[] {
  if (layers.length === 0) return names.map(() => true);
  const patterns = layersPattern.length > 0 ? layersPattern : ['[^.]*'];
  const found = patterns.map((pattern) =>
    matchNames(`(?:|.*?\\.)(?:${pattern})\\.(?P<idx>\\d+)\\..*`, names, 'layers_pattern'),
  );
  return names.map((_, i) => {
    const groups = found.map((ofPattern) => ofPattern[i]).find((match) => match !== null);
    return groups !== undefined && layers.includes(Number(groups.at(-1)));
  });
}

/** Sliding windows: which layers see only the last tokens, and how many. Beltagy et al. 2020, arXiv:2004.05150. */
import { ModelError } from '../../errors.js';
import { type Json, wrong } from '../../files/json-file.js';
import type { HuggingFaceSource, Variation } from './architecture.js';

type Window = NonNullable<Variation['window']>;

/** A window of `size` tokens in some layers; undefined where no layer has one. @throws ModelError for a size below 2 */
export function windowOf(
  size: number,
  layers: readonly boolean[],
  where: string,
  key = 'sliding_window',
): Window | undefined {
  if (!layers.includes(true)) return undefined;
  if (Number.isSafeInteger(size) && size >= 2) return { size, layers };
  throw new ModelError({
    where,
    what: `${key} is not supported`,
    expected: 'a whole number of tokens, at least 2',
    got: String(size),
  });
}

/** One window for all layers (`sliding_window`); undefined where it is null, or as long as the longest context. */
export function windowEverywhere(
  { json, where, layers, maxPositions }: HuggingFaceSource,
  otherwise?: number,
): Window | undefined {
  const { sliding_window: size = otherwise ?? null } = json;
  if (size === null || (typeof size === 'number' && size >= maxPositions)) return undefined;
  return windowOf(Number(size), new Array<boolean>(layers).fill(true), where);
}

/**
 * Which layers have a window: `layer_types`, or all but every `period`-th.
 *
 * @throws ModelError on other types of layers, or another number of them
 */
export function windowedLayers({ json, where, layers }: HuggingFaceSource, period: number): boolean[] {
  const { layer_types: types } = json;
  if (types === undefined || types === null) return periodic(layers, period);
  const known = ['sliding_attention', 'full_attention'];
  if (!Array.isArray(types) || types.length !== layers || types.some((type) => !known.includes(type))) {
    throw wrong(where, 'layer_types', `${layers} times ${known.join(' or ')}`, types);
  }
  return types.map((type) => type === 'sliding_attention');
}

/** All layers but every `period`-th. */
export function periodic(layers: number, period: number): boolean[] {
  return Array.from({ length: layers }, (_, i) => (i + 1) % period !== 0);
}

/** `layer_types` of a window in some layers. */
export function layerTypes(window: Window | undefined, layers: number): Json {
  return {
    layer_types: Array.from({ length: layers }, (_, i) =>
      window?.layers[i] ? 'sliding_attention' : 'full_attention',
    ),
  };
}

/** Rounds off the last digits that a division adds. */
export const rounded = (value: number): number => Number(value.toPrecision(12));

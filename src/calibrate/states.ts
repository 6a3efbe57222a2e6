/** Mean hidden states over labelled answers, kept in a file so that nothing is read twice. */
import type { Framework } from '../conscience/frameworks.js';
import { type ProbingOptions, responseStates } from '../conscience/probe.js';
import type { ReviewItem } from '../conscience/review.js';
import type { MeanStates } from '../engine/language-model.js';
import { type GroupStore, groupOf } from '../evaluate/store.js';

/** The states of one answer. */
export interface StoredStates {
  /** float32 [layers, width], in base64; null where there was nothing to read. */
  readonly states: string | null;
  /** Tokens of the answer. */
  readonly length: number;
  /** Tokens that were read for them. */
  readonly tokens: number;
}

export interface ReadingStates extends Omit<ProbingOptions, 'onUsage'> {
  readonly store: GroupStore<StoredStates>;
  readonly framework: Framework;
  readonly layers: readonly number[];
}

/** Layers that are tried: eight to fifteen of the middle half, where meaning is; the last ones are about the next word. */
export function layersToTry(layers: number): number[] {
  const [first, last] = [Math.floor(layers / 4), Math.ceil((3 * layers) / 4) - 1];
  const step = Math.max(1, Math.floor((last - first + 1) / 8));
  const tried: number[] = [];
  for (let layer = first; layer <= last; layer += step) tried.push(layer);
  return tried;
}

/** Whether an answer's states have been read before. */
export const isRead = (item: ReviewItem, reading: ReadingStates): boolean =>
  reading.store.get(keyOf(item, reading)) !== undefined;

/** An answer's states after each layer, null where there was nothing to read; and tokens that were read for them. */
export async function statesOf(
  item: ReviewItem,
  reading: ReadingStates,
): Promise<{ readonly states: MeanStates | null; readonly tokens: number }> {
  const { store, framework, layers, conscience, format, signal } = reading;
  const key = keyOf(item, reading);
  if (store.get(key) === undefined) {
    let tokens = 0;
    const [states] = await responseStates([{ item, framework: format.adapt(framework), layers }], {
      ...{ conscience, format, signal },
      onUsage: (_, usage) => {
        tokens += usage.promptTokens;
      },
    });
    store.add(key, [{ states: states && pack(states.layers), length: states?.tokens ?? 0, tokens }]);
  }
  const [{ states, length, tokens }] = store.get(key)!;
  return {
    states: states === null ? null : { tokens: length, layers: unpack(states, layers.length) },
    tokens,
  };
}

function keyOf({ prompt, response }: ReviewItem, { framework, format, layers }: ReadingStates): string {
  const shown = format.review(prompt, response, format.adapt(framework), 'first');
  return groupOf([shown, layers, 'with its length']);
}

function pack(states: readonly Float32Array[]): string {
  return Buffer.concat(
    states.map((state) => Buffer.from(state.buffer, state.byteOffset, state.byteLength)),
  ).toString('base64');
}

function unpack(text: string, layers: number): Float32Array[] {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  const all = new Float32Array(bytes.buffer);
  const width = all.length / layers;
  return Array.from({ length: layers }, (_, l) => all.slice(l * width, (l + 1) * width));
}

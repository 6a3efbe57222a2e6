/** What PyTorch computed (test/fixtures/parity, whose scripts say how), and how far ours is from it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { padRows } from '../../src/engine/onnx/batch.js';
import type { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { RotaryFeeds } from '../../src/engine/onnx/rotary-feeds.js';
import { int64Array, Program } from '../../src/engine/onnx/runtime.js';
import { isLinear } from '../../src/model/layout.js';
import type { LoraConfig } from '../../src/model/lora-modules.js';
import type { Model, Tensor, Weights } from '../../src/model/model.js';
import { SafetensorsFile } from '../../src/model/safetensors.js';
import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { TokenRow } from '../../src/values/rows.js';
import { stepOf, supervised } from '../engine/tiny.js';
import { logitsGraph } from '../network/logits-graph.js';
import { relativeError } from '../relative-error.js';

export const folder = join(import.meta.dirname, '../fixtures/parity');

/** Bars for whole arrays and for losses. float32 of PyTorch itself is up to 1.2e-5 from float64 here. */
export const arrayTolerance = 1e-4;
export const lossTolerance = 1e-5;

export interface FixtureRow {
  readonly ids: readonly number[];
  readonly loss_mask: readonly number[];
}

export function readExpected<T>(file: string): T {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as T;
}

export const tokenRows = (rows: readonly FixtureRow[]): TokenRow[] =>
  rows.map(({ ids, loss_mask }, i) => ({
    ids: Int32Array.from(ids),
    lossMask: Uint8Array.from(loss_mask),
    where: `row ${i}`,
  }));

/** Tensors as they lie in memory here: linear layers and adapters as [in, out]. */
export async function readTensors(file: string): Promise<Map<string, Tensor>> {
  const open = await SafetensorsFile.open(join(folder, file));
  return open.read(({ name }) =>
    /\.lora_[AB]\.weight$/.test(name) || isLinear(name.split(':').at(-1)!) ? 'transposed' : 'as-is',
  );
}

/**
 * A scripted tokenizer whose texts are token ids between spaces and whose conversations are their text, so that a test
 * generates from ids and gets ids back.
 */
export const idTokenizer: ChatTokenizer = {
  ...{ vocabSize: 41, eosIds: [], specialTokens: [], padId: 0, hasChatTemplate: true },
  encode: (text) => text.split(' ').filter(Boolean).map(Number),
  decode: (ids) => ids.map((id) => `${id} `).join(''),
  renderChat: (messages) => messages.map(({ content }) => content).join(' '),
  encodeChat: (messages) => idTokenizer.encode(idTokenizer.renderChat(messages)),
  streamDecoder: () => ({ push: (id) => `${id} `, flush: () => '' }),
};

/** The mean loss of one step on all targets of the rows, and its gradients. Closes the engine. */
export async function step(engine: OnnxEngine, rows: readonly TokenRow[]) {
  const { result, gradients } = await stepOf(engine, supervised(rows));
  await engine.close();
  return { loss: result.loss, gradients };
}

/**
 * Compares the gradients that PyTorch computed with ours of the same names, whole arrays.
 *
 * @param nameOf our name of a gradient, from PyTorch's without the prefix
 * @returns      how many were compared, at least one
 */
export function expectGradients(
  got: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Tensor>,
  prefix: string,
  nameOf: (name: string) => string,
): number {
  const wanted = [...expected].filter(([key]) => key.startsWith(prefix));
  expect(wanted.length).toBeGreaterThan(0);
  for (const [key, { data }] of wanted) {
    const ours = got.get(nameOf(key.slice(prefix.length)));
    expect(relativeError(ours ?? [], data), key).toBeLessThanOrEqual(arrayTolerance);
  }
  return wanted.length;
}

/** Our name of an adapter's gradient, from peft's. */
export const adapterName = (key: string): string => /^base_model\.model\.(.*)\.weight$/.exec(key)![1];

/** Logits of every token of the rows, run as one padded batch: [tokens · vocab], row after row. */
export async function logitsOf(
  { config, weights }: Pick<Model, 'config' | 'weights'>,
  rows: readonly TokenRow[],
  adapter?: { readonly config: LoraConfig; readonly tensors: Weights },
): Promise<Float32Array> {
  const { B, T, ids, positions, segments } = padRows(rows);
  const tokens = rows.reduce((sum, row) => sum + row.ids.length, 0);
  const parameters = [...weights, ...(adapter?.tensors ?? [])];
  const program = await Program.compile(logitsGraph(config, adapter?.config));
  try {
    const { logits } = await program.run({
      ...Object.fromEntries(parameters.map(([name, { data, shape }]) => [name, { data, dims: shape }])),
      ids: int64Array(ids, [B, T]),
      ...new RotaryFeeds(config, T).sequences({ B, T, positions, segments }),
      segments: int64Array(segments, [B, T]),
    });
    const all = logits.data as Float32Array;
    const real = new Float32Array(tokens * config.vocabSize);
    let at = 0;
    for (const [b, row] of rows.entries()) {
      const begin = b * T * config.vocabSize;
      const end = begin + row.ids.length * config.vocabSize;
      real.set(all.subarray(begin, end), at);
      at += end - begin;
    }
    return real;
  } finally {
    await program.release();
  }
}

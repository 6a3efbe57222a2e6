/** A tiny random model, rows and passes for tests of the engine. */

import type { Gradients } from '../../src/engine/adamw.js';
import type { HybridPass, TrainingEngine } from '../../src/engine/training-engine.js';
import { llama } from '../../src/model/architectures/llama.js';
import type { ModelConfig } from '../../src/model/config.js';
import { isNorm, weightShapes } from '../../src/model/layout.js';
import type { Model, Tensor } from '../../src/model/model.js';
import { Random } from '../../src/random.js';
import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { TokenRow } from '../../src/values/rows.js';

const tinyConfig: ModelConfig = {
  architecture: llama,
  vocabSize: 41,
  width: 16,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headSize: 4,
  ffn: 24,
  rmsEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 64,
  tied: true,
  eosTokenIds: [1],
};

/** Letters a–z, space and newline as tokens 2…; a turn is `role newline content eos`. */
export const letterTokenizer: ChatTokenizer = {
  vocabSize: 41,
  eosIds: [1],
  specialTokens: [],
  padId: 0,
  hasChatTemplate: true,
  encode: (text) =>
    [...text].map((c) => (c === ' ' ? 28 : c === '\n' ? 29 : 2 + ((c.codePointAt(0)! - 97 + 26 * 9) % 26))),
  decode: (ids) => ids.map(letter).join(''),
  renderChat: (messages, options) =>
    messages.map(({ role, content }) => `${role}\n${content}\n`).join('') +
    (options?.addGenerationPrompt ? 'assistant\n' : ''),
  encodeChat(messages, { answer = '', ...options } = {}) {
    return this.encode(this.renderChat(messages, options) + answer);
  },
  streamDecoder: () => ({ push: letter, flush: () => '' }),
};

function letter(id: number): string {
  return id < 2 ? '' : id === 28 ? ' ' : id === 29 ? '\n' : id < 28 ? String.fromCharCode(95 + id) : '?';
}

export function tinyModel(overrides: Partial<ModelConfig> = {}, seed = 1): Model {
  const config = { ...tinyConfig, ...overrides };
  const weights = new Map<string, Tensor>();
  const put = (name: string, shape: readonly number[], mean = 0, scale = 0.3) => {
    const random = new Random(seed, name);
    const size = shape.reduce((n, d) => n * d, 1);
    weights.set(name, {
      shape,
      data: Float32Array.from({ length: size }, () => mean + scale * random.normal()),
    });
  };
  for (const [name, shape] of weightShapes(config)) {
    if (isNorm(name)) put(name, shape, 1 - config.architecture.normOffset, 0.1);
    else put(name, shape);
  }
  return { path: 'tiny', config, weights, tokenizer: letterTokenizer, hash: '' };
}

/** Random tokens; the first third of each row is prompt. */
export function randomRows(lengths: readonly number[], seed = 1): TokenRow[] {
  return lengths.map((length, i) => {
    const random = new Random(seed, 'row', i);
    return {
      ids: Int32Array.from({ length }, () => 2 + Math.floor(random.next() * 39)),
      lossMask: Uint8Array.from({ length }, (_, t) => (t >= length / 3 && t > 0 ? 1 : 0)),
      where: `row ${i}`,
    };
  });
}

/** Targets of rows: tokens that carry loss, but for a first one. */
export const targetsOf = (rows: readonly TokenRow[]): number =>
  rows.reduce((sum, { lossMask }) => sum + lossMask.reduce((n, on, t) => n + (t > 0 ? on : 0), 0), 0);

/** Rows alone; their loss is the mean over their targets. */
export const supervised = (rows: readonly TokenRow[]): HybridPass => ({
  ...{ rows, sftWeight: 1 / targetsOf(rows), pairs: [], lambda: 0, beta: 0.1 },
});

/** One pass: what it measured, and its gradient. The engine forgets it, and its weights stay. */
export async function stepOf(engine: TrainingEngine & { gradients: Gradients }, pass: HybridPass) {
  const result = await engine.accumulate(pass);
  const { gradients } = engine;
  await engine.update({ learningRate: 0, maxGradNorm: 0 });
  return { result, gradients };
}

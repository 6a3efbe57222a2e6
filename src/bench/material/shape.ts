/** A model without a file: SmolLM2-135M's shape with random weights, and text that is a list of token numbers. */
import { llama } from '../../model/architectures/llama.js';
import type { ModelConfig } from '../../model/config.js';
import { weightShapes } from '../../model/layout.js';
import type { LoraConfig } from '../../model/lora-modules.js';
import type { Model, Tensor } from '../../model/model.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../values/rows.js';

/** SmolLM2-135M, from its published config.json. */
export const smollm2: ModelConfig = {
  architecture: llama,
  vocabSize: 49152,
  width: 576,
  layers: 30,
  heads: 9,
  kvHeads: 3,
  headSize: 64,
  ffn: 1536,
  rmsEps: 1e-5,
  ropeTheta: 100_000,
  maxPositions: 2048,
  tied: true,
  eosTokenIds: [2],
};

export const benchLora: LoraConfig = { rank: 16, alpha: 32, rslora: false, targets: llama.projections };

/** Speed does not depend on the values of the weights; a cheap generator fills them. */
export function randomModel(config: ModelConfig): Model {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of weightShapes(config)) {
    const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
    for (let i = 0; i < data.length; i++) data[i] = shape.length === 1 ? 1 : 0.05 * next();
    weights.set(name, { shape, data });
  }
  return { path: 'random', config, weights, tokenizer: numbers(config.vocabSize), hash: '' };
}

/** A tokenizer for which text is a list of token numbers; nothing ends a response. */
export function numbers(vocabSize: number): ChatTokenizer {
  const encode = (text: string) => text.split(' ').filter(Boolean).map(Number);
  return {
    vocabSize,
    eosIds: [],
    specialTokens: [],
    padId: 0,
    hasChatTemplate: true,
    encode,
    decode: (ids) => ids.join(' '),
    renderChat: (messages) => messages.map(({ content }) => content).join(' '),
    encodeChat: (messages) => encode(messages.map(({ content }) => content).join(' ')),
    streamDecoder: () => ({ push: (id) => `${id} `, flush: () => '' }),
  };
}

/** Token ids that look like nothing in particular. @param seed different seeds begin differently */
export function someTokens(count: number, seed: number, { vocabSize } = smollm2): number[] {
  return Array.from({ length: count }, (_, t) => (7919 * (seed * 1009 + t) + 13) % vocabSize);
}

/** A row of that many tokens with loss on all but the first `before`. */
export function someRow(count: number, seed: number, before = 1, config = smollm2): TokenRow {
  return {
    ids: Int32Array.from(someTokens(count, seed, config)),
    lossMask: Uint8Array.from({ length: count }, (_, t) => Number(t >= before)),
    where: '',
  };
}

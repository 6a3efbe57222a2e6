/** What is benchmarked: a model of SmolLM2-135M's shape with random weights, and its arithmetic. */
import { llama } from '../model/architectures/llama.js';
import type { ModelConfig } from '../model/config.js';
import { weightShapes } from '../model/layout.js';
import { projectionShape } from '../model/lora.js';
import type { LoraConfig } from '../model/lora-modules.js';
import type { Model, Tensor } from '../model/model.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';

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
function numbers(vocabSize: number): ChatTokenizer {
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

/** Products of the linear layers per token, of rank-R updates to all of them, and of attention to T tokens. */
function countProducts(config: ModelConfig, rank: number) {
  const { layers, heads, headSize } = config;
  let linear = 0;
  let low = 0;
  for (const projection of config.architecture.projections) {
    const [inner, outer] = projectionShape(config, projection);
    linear += layers * inner * outer;
    low += layers * rank * (inner + outer);
  }
  return { linear, low, attention: (T: number) => 2 * T * heads * headSize * layers };
}

/**
 * Floating-point operations of a forward pass without an adapter: 2 per linear weight and token, 4·T·heads·headSize
 * per layer and token in attention, 2 per weight of the head and predicted token.
 *
 * @param lines tokens of each line, all of them attended to
 */
export function forwardFlops(config: ModelConfig, lines: readonly number[], predicted: number): number {
  const { linear, attention } = countProducts(config, 0);
  const blocks = lines.reduce((sum, T) => sum + T * 2 * (linear + attention(T)), 0);
  return blocks + predicted * 2 * config.vocabSize * config.width;
}

/**
 * Floating-point operations of one LoRA step per token, T tokens a row, loss on every token.
 *
 * Forward: 2 per linear weight (head included), 4·T·heads·headSize per layer in attention (the
 * causal half is computed and counted), 2 per LoRA weight. Backward: the same for the linear
 * weights (they are frozen: only dX), twice attention, twice LoRA.
 *
 * @param recomputed count the blocks' second forward pass of activation checkpointing
 */
export function loraStepFlops(config: ModelConfig, lora: LoraConfig, T: number, recomputed: boolean): number {
  const { linear, low, attention: to } = countProducts(config, lora.rank);
  const attention = 2 * to(T);
  const blocks = 2 * linear + attention + 2 * low;
  const head = 2 * config.vocabSize * config.width;
  const step = blocks + head + (2 * linear + 2 * attention + 4 * low) + head;
  return step + (recomputed ? blocks : 0);
}

/**
 * Which tensors a model has, their shapes in memory, and which lie transposed.
 *
 * Files hold a linear layer as [out, in] (PyTorch); memory holds [in, out], so that
 * y = x·W needs no transposing in the graph. Everything else is the same in both.
 */
import { ModelError } from '../errors.js';
import type { NormName } from './architectures/architecture.js';
import type { ModelConfig } from './config.js';
import { projectionShape } from './lora.js';
import { projectionName } from './lora-modules.js';

/** Is this a linear layer's matrix, transposed between file and memory? */
export function isLinear(name: string): boolean {
  return name.endsWith('_proj.weight') || name === 'lm_head.weight';
}

/** Is this the weight of a norm? */
export function isNorm(name: string): boolean {
  return name.endsWith('norm.weight');
}

/** Every tensor that a model of this configuration has, with its shape in memory, in file order. */
export function weightShapes(config: ModelConfig): Map<string, readonly number[]> {
  const { architecture, width, heads, kvHeads, headSize, vocabSize } = config;
  const { projections, biases, norms, qkNorm } = architecture;
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [vocabSize, width]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    const block = `model.layers.${layer}`;
    const norm = (name: NormName | undefined) => {
      if (name) shapes.set(`${block}.${name.huggingFace}.weight`, [width]);
    };
    norm(norms.beforeAttention);
    for (const projection of projections) {
      shapes.set(`${projectionName(layer, projection)}.weight`, projectionShape(config, projection));
    }
    for (const projection of biases) {
      shapes.set(`${projectionName(layer, projection)}.bias`, [projectionShape(config, projection)[1]]);
    }
    if (qkNorm !== 'none') {
      const [q, k] = qkNorm === 'head' ? [1, 1] : [heads, kvHeads];
      shapes.set(`${block}.self_attn.q_norm.weight`, [q * headSize]);
      shapes.set(`${block}.self_attn.k_norm.weight`, [k * headSize]);
    }
    norm(norms.afterAttention);
    norm(norms.beforeFeed);
    norm(norms.afterFeed);
  }
  shapes.set('model.norm.weight', [width]);
  if (!config.tied) shapes.set('lm_head.weight', [width, vocabSize]);
  return shapes;
}

/**
 * Checks that exactly the tensors of a model are there, in the right shapes.
 *
 * @param found name → shape in memory
 * @param where the file or folder, for the message
 * @throws ModelError naming the first tensor that is missing, unknown or of another shape
 */
export function checkShapes(
  config: ModelConfig,
  found: ReadonlyMap<string, readonly number[]>,
  where: string,
): void {
  const expected = weightShapes(config);
  for (const [name, shape] of expected) {
    const got = found.get(name);
    if (got === undefined) {
      throw new ModelError({
        where,
        what: `tensor '${name}' is missing`,
        expected: `all ${expected.size} tensors of a ${config.architecture.name} model with ${config.layers} layers`,
        next:
          name === 'lm_head.weight'
            ? 'set tie_word_embeddings: true in config.json where the embedding is the head as well'
            : 'check that config.json and the weights belong together',
      });
    }
    if (got.join() !== shape.join()) {
      const flip = isLinear(name) && got.length === 2;
      throw new ModelError({
        where,
        what: `tensor '${name}' does not fit config.json`,
        expected: `[${flip ? shape.toReversed() : shape}]`,
        got: `[${flip ? got.toReversed() : got}]`,
        next: 'check that config.json and the weights belong together',
      });
    }
  }
  for (const name of found.keys()) {
    if (expected.has(name)) continue;
    throw new ModelError({
      where,
      what: `tensor '${name}' is not part of a ${config.architecture.name} model`,
      next: 'check that config.json and the weights belong together',
    });
  }
}

/**
 * Copies a transposed block: target[targetAt + c·targetStride + r] = source[sourceAt + r·sourceStride + c].
 *
 * Goes by squares of 32, so that both sides stay in the first cache.
 */
export function transposeBlock(
  source: Float32Array,
  sourceAt: number,
  sourceStride: number,
  target: Float32Array,
  targetAt: number,
  targetStride: number,
  rows: number,
  columns: number,
): void {
  const side = 32;
  for (let r0 = 0; r0 < rows; r0 += side) {
    const r1 = Math.min(r0 + side, rows);
    for (let c0 = 0; c0 < columns; c0 += side) {
      const c1 = Math.min(c0 + side, columns);
      for (let c = c0; c < c1; c++) {
        const to = targetAt + c * targetStride;
        let from = sourceAt + r0 * sourceStride + c;
        for (let r = r0; r < r1; r++, from += sourceStride) target[to + r] = source[from];
      }
    }
  }
}

/** A [rows, columns] matrix as [columns, rows]. */
export function transpose(source: Float32Array, rows: number, columns: number): Float32Array {
  const target = new Float32Array(rows * columns);
  transposeBlock(source, 0, columns, target, 0, rows, rows, columns);
  return target;
}

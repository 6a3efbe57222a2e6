/**
 * What runs on PyTorch, opened for a benchmark: a folder of random weights of a published shape, and our worker on it.
 *
 * The peers read the same folder. Text is a list of token numbers, as in shape.ts; nothing ends an answer.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { variables } from '../../config/environment.js';
import type { TrainingEngine } from '../../engine/training-engine.js';
import { ConfigError, UserError } from '../../errors.js';
import type { LoraConfig } from '../../model/lora-modules.js';
import { openWorkerEngine } from '../../open/worker-engine.js';
import type { TokenRow } from '../../values/rows.js';
import type { Order } from './benchmark.js';
import { numbers } from './shape.js';

/** config.json of a shape, as it was published, where it matters to speed and memory. */
type Shape = Readonly<Record<string, unknown>> & {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
};

const shared = { rms_norm_eps: 1e-6, max_position_embeddings: 4096, tie_word_embeddings: true };
const shapes: Readonly<Record<string, Shape>> = {
  tiny: {
    ...{ model_type: 'qwen3', vocab_size: 4096, hidden_size: 64, intermediate_size: 192, head_dim: 16 },
    ...{ num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, ...shared },
  },
  'qwen2.5-0.5b': {
    ...{ model_type: 'qwen2', vocab_size: 151_936, hidden_size: 896, intermediate_size: 4864, head_dim: 64 },
    ...{ num_hidden_layers: 24, num_attention_heads: 14, num_key_value_heads: 2, ...shared },
  },
  'qwen3-4b': {
    ...{
      model_type: 'qwen3',
      vocab_size: 151_936,
      hidden_size: 2560,
      intermediate_size: 9728,
      head_dim: 128,
    },
    ...{ num_hidden_layers: 36, num_attention_heads: 32, num_key_value_heads: 8, ...shared },
  },
};

const lora: LoraConfig = {
  ...{ rank: 16, alpha: 32, rslora: false },
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
};

/** @throws ConfigError for a shape that there is not */
export function requireShape(name: string): Shape {
  if (Object.hasOwn(shapes, name)) return shapes[name];
  const expected = Object.keys(shapes).join(', ');
  throw new ConfigError({ where: '--shape', what: 'no such shape', expected, got: name });
}

/** A worker on random weights, and what it runs on. */
export interface OpenedTorch {
  readonly engine: TrainingEngine;
  readonly vocabSize: number;
  /** The model's folder. */
  readonly folder: string;
  /** Multiplications of matrices that a token takes forward, without attention's scores: 2 operations each. */
  readonly weights: number;
  /** Operations a second of a large product of matrices in bfloat16, measured before anything else ran. */
  readonly peak: number;
  /** The most bytes that the worker has held: of the GPU, where it computes there. */
  bytes(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Makes the model and starts a worker on it, in bfloat16.
 *
 * @throws UserError with Python's words when the model cannot be made or the worker does not start
 */
export async function openTorch(order: Order): Promise<OpenedTorch> {
  const { shape, folder, peak, remove } = randomFolder(order);
  const config = {
    ...{ vocabSize: shape.vocab_size, width: shape.hidden_size, layers: shape.num_hidden_layers },
    ...{ maxPositions: 4096, eosTokenIds: [] },
  };
  const { engine, held } = await openWorkerEngine(
    { path: folder, config, tokenizer: numbers(shape.vocab_size), hash: '' },
    {
      ...{ device: order.device, dtype: 'bfloat16', threads: order.threads },
      env: { ...variables, EALIGN_PYTHON: order.python },
    },
    { lora },
  );
  return {
    ...{ engine, folder, peak, vocabSize: shape.vocab_size, weights: matrixWeights(shape) },
    bytes: async () => {
      const { host, device } = await held();
      return order.device === 'cuda' ? device! : host;
    },
    close: async () => {
      await engine.close();
      remove();
    },
  };
}

/** A folder with random weights in bfloat16, without a tokenizer. @throws UserError when Python cannot make it */
export function randomFolder(order: Order) {
  const shape = requireShape(order.shape);
  const folder = mkdtempSync(join(tmpdir(), 'ealign-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  return { shape, folder, remove, peak: makeModel(order, shape, folder) };
}

/** A row of token numbers with loss on all but the first `before`. @param seed different seeds begin differently */
export function torchRow(count: number, seed: number, before: number, vocabSize: number): TokenRow {
  return {
    ids: Int32Array.from({ length: count }, (_, t) => (7919 * (seed * 1009 + t) + 13) % vocabSize),
    lossMask: Uint8Array.from({ length: count }, (_, t) => Number(t >= before)),
    where: '',
  };
}

const program = fileURLToPath(new URL('../../../python/bench/random_model.py', import.meta.url));

/** @returns operations a second of the device */
function makeModel({ python, device, threads }: Order, shape: Shape, folder: string): number {
  const order = JSON.stringify({ config: shape, folder, device, threads });
  const { status, stdout, stderr, error } = spawnSync(python, ['-B', program, order], { encoding: 'utf8' });
  if (status === 0) return Number(JSON.parse(stdout.trim().split('\n').at(-1)!).peak);
  const got = error?.message ?? stderr.trim().split('\n').at(-1);
  const next = 'name a Python that has torch, transformers and peft with --python';
  throw new UserError({ where: python, what: 'the model with random weights cannot be made', got, next });
}

function matrixWeights(shape: Shape): number {
  const { hidden_size: width, intermediate_size: ffn, head_dim: head } = shape;
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, num_hidden_layers: layers } = shape;
  return layers * width * (2 * head * (heads + kvHeads) + 3 * ffn) + width * shape.vocab_size;
}

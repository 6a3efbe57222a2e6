/**
 * The tensors of a GGUF file under their Hugging Face names and in our layout.
 *
 * Each is read in bands of rows, dequantised, put back in Hugging Face's row order where
 * llama.cpp has changed it and, for linear layers, written transposed. Tensors that are
 * missing, misshapen or left over are errors: a model read in part would still run.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { ModelError } from '../errors.js';
import type { Architecture, GgufRow, NormName } from './architectures/architecture.js';
import type { ModelConfig } from './config.js';
import { requireFinite } from './finite.js';
import type { GgufHeader, GgufTensor } from './gguf-header.js';
import type { RopeTensors } from './gguf-rope.js';
import { isLinear, isNorm, transposeBlock, weightShapes } from './layout.js';
import type { Tensor, Weights } from './model.js';

/**
 * All weights of the model, float32.
 *
 * @throws ModelError a tensor is missing, of the wrong shape, unknown, or not finite
 */
export async function readGgufWeights(header: GgufHeader, config: ModelConfig): Promise<Weights> {
  const plan = ggufPlan(header, config);
  const { normOffset } = config.architecture;
  const weights = new Map<string, Tensor>();
  const file = await open(header.path, 'r');
  try {
    for (const [name, tensor] of plan) {
      const order = rowOrder(header, config, name);
      const read = await readTensor(header.path, file, tensor, isLinear(name), order);
      // the files hold what norms multiply with
      if (normOffset !== 0 && isNorm(name))
        for (let i = 0; i < read.data.length; i++) read.data[i] -= normOffset;
      weights.set(name, read);
    }
  } finally {
    await file.close();
  }
  return weights;
}

/** Names of the tensors of rotary divisors. */
export const ropeTensorNames = {
  all: 'rope_freqs.weight',
  short: 'rope_factors_short.weight',
  long: 'rope_factors_long.weight',
} as const;

/** The tensors of rotary divisors that the file has. */
export async function readRopeTensors(header: GgufHeader): Promise<RopeTensors> {
  const file = await open(header.path, 'r');
  try {
    const found: Record<string, Float32Array> = {};
    for (const [kind, name] of Object.entries(ropeTensorNames)) {
      const tensor = header.tensors.get(name);
      if (tensor !== undefined) found[kind] = (await readTensor(header.path, file, tensor, false)).data;
    }
    return found;
  } finally {
    await file.close();
  }
}

/**
 * The file's tensor for every Hugging Face name; exactly those of the configuration, in their shapes.
 *
 * @throws ModelError a tensor is missing, of the wrong shape, or unknown
 */
export function ggufPlan(header: GgufHeader, config: ModelConfig): Map<string, GgufTensor> {
  const plan = new Map<string, GgufTensor>();
  const ggufName = ggufNames(header.architecture, header.row);
  const left = new Set(header.tensors.keys());
  for (const name of Object.values(ropeTensorNames)) left.delete(name);
  for (const [name, inMemory] of weightShapes(config)) {
    const tensor = header.tensors.get(ggufName(name));
    const shape = isLinear(name) ? inMemory.toReversed() : inMemory;
    if (tensor === undefined || tensor.shape.join() !== shape.join()) {
      throw new ModelError({
        where: `${header.path}: ${ggufName(name)}`,
        what: tensor === undefined ? 'the tensor is missing' : 'the tensor does not fit the metadata',
        expected: `[${shape}]`,
        ...(tensor && { got: `[${tensor.shape}]` }),
        next: 'fetch the file again, or another file of the model',
      });
    }
    plan.set(name, tensor);
    left.delete(tensor.name);
  }
  for (const name of left) {
    throw new ModelError({
      where: `${header.path}: ${name}`,
      what: `the tensor is not part of a ${config.architecture.name} model`,
      next: 'use the model in Hugging Face format',
    });
  }
  return plan;
}

const OUTSIDE_LAYERS: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** Names in most architectures; the rows have norms and exceptions. */
const INSIDE_LAYERS: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.qkv_proj': 'attn_qkv',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

/** `model.layers.3.self_attn.q_proj.weight` → `blk.3.attn_q.weight` */
export function ggufNames({ norms }: Architecture, row: GgufRow): (name: string) => string {
  const ofNorms = Object.values(norms).map(({ huggingFace, gguf }: NormName) => [huggingFace, gguf]);
  const inside = { ...INSIDE_LAYERS, ...Object.fromEntries(ofNorms), ...row.tensors };
  return (name) => {
    const [, module, kind] = /^(.*)\.(weight|bias)$/.exec(name)!;
    const layer = /^model\.layers\.(\d+)\.(.*)$/.exec(module);
    return layer === null
      ? `${OUTSIDE_LAYERS[module]}.${kind}`
      : `blk.${layer[1]}.${inside[layer[2]]}.${kind}`;
  };
}

/** Place of each row of a tensor where llama.cpp has reordered them; undefined where it has not. */
export function rowOrder(
  { row }: Pick<GgufHeader, 'row'>,
  config: ModelConfig,
  name: string,
): Int32Array | undefined {
  const heads = row.permuted ? headsOf(config, name) : undefined;
  return heads === undefined ? undefined : undoRotaryPermutation(heads * config.headSize, heads);
}

/** Heads whose rows llama.cpp may have permuted for its interleaved rotary embedding. */
function headsOf(config: ModelConfig, name: string): number | undefined {
  if (name.includes('.q_proj.')) return config.heads;
  if (name.includes('.k_proj.')) return config.kvHeads;
  return undefined;
}

/**
 * Hugging Face's row for every row of the file. Within a head of H rows the file has the
 * rotary pairs (j, j + H/2) side by side, at (2j, 2j + 1).
 */
function undoRotaryPermutation(rows: number, heads: number): Int32Array {
  const size = rows / heads;
  return Int32Array.from({ length: rows }, (_, row) => {
    const within = row % size;
    return row - within + (within >> 1) + (within & 1) * (size / 2);
  });
}

/** Bytes of the file that are read and dequantised at a time. */
const BAND_BYTES = 1 << 19;

/** @param order place of each row of the file; as it stands where undefined */
async function readTensor(
  path: string,
  file: FileHandle,
  tensor: GgufTensor,
  transposed: boolean,
  order?: Int32Array,
): Promise<Tensor> {
  const { quantisation, shape } = tensor;
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  const data = new Float32Array(rows * columns);
  const rowBytes = tensor.bytes / rows;
  const bandRows = Math.min(rows, Math.ceil(BAND_BYTES / rowBytes));
  const bytes = new Uint8Array(bandRows * rowBytes);
  const values = new Float32Array(bandRows * columns);
  const check = (read: Float32Array) =>
    requireFinite(read, tensor.name, { where: path, next: 'the file is broken or damaged; fetch it again' });
  for (let first = 0; first < rows; first += bandRows) {
    const count = Math.min(bandRows, rows - first);
    await readFully(file, bytes.subarray(0, count * rowBytes), tensor.at + first * rowBytes);
    if (!transposed) {
      quantisation.dequantise(bytes, data, first * columns, count * columns);
      check(data.subarray(first * columns, (first + count) * columns));
      continue;
    }
    quantisation.dequantise(bytes, values, 0, count * columns);
    check(values.subarray(0, count * columns));
    if (order === undefined) {
      transposeBlock(values, 0, columns, data, first, rows, count, columns);
      continue;
    }
    for (let row = 0; row < count; row++) {
      const to = order[first + row];
      for (let column = 0; column < columns; column++) {
        data[column * rows + to] = values[row * columns + column];
      }
    }
  }
  return { shape: transposed ? [columns, rows] : shape, data };
}

async function readFully(file: FileHandle, into: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    done += bytesRead;
  }
}

/**
 * A merged model as a Hugging Face folder: config.json, model.safetensors, the tokenizer's files.
 *
 * Tensors that no adapter touches keep their bytes where the element type stays; of a GGUF file those that lie there
 * as Hugging Face has them.
 */
import type { Dtype } from '../model/floats.js';
import { encodeValues } from '../model/gguf-quantise.js';
import { isNorm } from '../model/layout.js';
import { requireRoom } from './room.js';
import type { ExportedTensor } from './tensors.js';

const isDtype = (format: string): format is Dtype => ['F32', 'F16', 'BF16'].includes(format);

/** The element type that a tensor gets. @param asked absent: its own, F16 for quantised ones */
function dtypeOf(
  { stored, name }: ExportedTensor,
  asked: Dtype | undefined,
  { main, gguf }: { main: Dtype; gguf: boolean },
): Dtype {
  if (asked) return asked;
  // norms of GGUF files are float32 whatever the model had
  return isDtype(stored.format) && !(gguf && isNorm(name)) ? stored.format : main;
}

/** The element type of most of a file's matrices. @param asked absent: that of the source */
export function mainDtype(tensors: readonly ExportedTensor[], asked: Dtype | undefined): Dtype {
  const { format } = tensors.find(
    ({ name }) => name.includes('.layers.') && name.endsWith('_proj.weight'),
  )!.stored;
  return asked ?? (isDtype(format) ? format : 'F16');
}

/**
 * The bytes of model.safetensors, and their number.
 *
 * @param gguf whether the tensors are those of a GGUF file
 * @throws ModelError, as pieces are taken, at a value beyond the element type
 */
export function safetensorsContent(
  tensors: readonly ExportedTensor[],
  asked: Dtype | undefined,
  gguf: boolean,
): { size: number; pieces: () => Generator<Uint8Array> } {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const main = mainDtype(tensors, asked);
  const dtypes = tensors.map((tensor) => dtypeOf(tensor, asked, { main, gguf }));
  let end = 0;
  for (const [i, { name, stored }] of tensors.entries()) {
    const begin = end;
    end += stored.shape.reduce((a, b) => a * b, 1) * (dtypes[i] === 'F32' ? 4 : 2);
    header[name] = { dtype: dtypes[i], shape: stored.shape, data_offsets: [begin, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  start.writeBigUInt64LE(BigInt(start.length - 8));
  text.copy(start, 8);
  return {
    size: start.length + end,
    *pieces() {
      yield start;
      for (const [i, tensor] of tensors.entries()) {
        const own = tensor.stored.format === dtypes[i] && tensor.stored.plain && !tensor.touched;
        if (own) yield* tensor.stored.bytes();
        else yield* encoded(tensor, dtypes[i]);
      }
    },
  };
}

function* encoded(tensor: ExportedTensor, dtype: Dtype): Generator<Uint8Array> {
  for (const [, values] of tensor.bands()) {
    requireRoom(values, tensor.name, dtype);
    yield encodeValues(dtype, values);
  }
}

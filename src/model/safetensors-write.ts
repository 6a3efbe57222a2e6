/**
 * Writing safetensors: the header, then the tensors one after another.
 *
 * Produces pieces rather than one block of bytes, so that saving needs a few megabytes
 * beside the weights. Putting the pieces on disk, atomically, is files.ts.
 */
import { requireFinite } from './finite.js';
import { bytesPer, type Dtype, narrow, widen } from './floats.js';
import { transposeBlock } from './layout.js';
import type { Tensor } from './model.js';

const chunkElements = 1 << 20;

/**
 * The bytes of a safetensors file that holds `tensors`, in their order.
 *
 * @param options.dtype element type in the file, in which all values must be finite. Default F32.
 * @param options.transposed matrices to write the other way round, e.g. `isLinear`
 * @param options.metadata `{ format: 'pt' }`, without which transformers refuses the file, is always there
 * @throws ModelError, while the pieces are taken, at a value that is not finite
 */
export function* safetensorsPieces(
  tensors: ReadonlyMap<string, Tensor>,
  {
    dtype = 'F32',
    transposed = () => false,
    metadata = {},
  }: {
    dtype?: Dtype;
    transposed?: (name: string) => boolean;
    metadata?: Readonly<Record<string, string>>;
  } = {},
): Generator<Uint8Array> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const end = offset + data.length * bytesPer[dtype];
    header[name] = {
      dtype,
      shape: transposed(name) ? shape.toReversed() : shape,
      data_offsets: [offset, end],
    };
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  text.copy(padded, 8);
  yield padded;

  for (const [name, tensor] of tensors) {
    for (const part of transposed(name) ? transposedParts(tensor) : parts(tensor.data)) {
      const out = dtype === 'F32' ? part : narrow(dtype, part);
      requireFinite(out instanceof Uint16Array ? widened(dtype, out) : out, name, { next: notSaved });
      yield new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
    }
  }
}

const notSaved =
  'nothing was saved; train with a lower learning rate, or continue from an earlier checkpoint or version';

function widened(dtype: Dtype, narrowed: Uint16Array): Float32Array {
  const floats = new Float32Array(narrowed.length);
  widen(dtype as Exclude<Dtype, 'F32'>, narrowed, floats);
  return floats;
}

function* parts(data: Float32Array): Generator<Float32Array> {
  for (let at = 0; at < data.length; at += chunkElements) yield data.subarray(at, at + chunkElements);
}

/** The rows of the transposed matrix, some at a time. */
function* transposedParts({ shape: [rows, columns], data }: Tensor): Generator<Float32Array> {
  const step = Math.max(1, Math.floor(chunkElements / rows));
  for (let c = 0; c < columns; c += step) {
    const n = Math.min(step, columns - c);
    const part = new Float32Array(n * rows);
    transposeBlock(data, c, columns, part, 0, rows, rows, n);
    yield part;
  }
}

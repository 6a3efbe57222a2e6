/**
 * 16-bit floats to and from float32, over whole arrays.
 *
 * Rounding is to nearest, ties to even, as PyTorch rounds. Little-endian machines only,
 * which is every machine that onnxruntime runs on.
 */

/** Element types that weight files may hold. */
export type Dtype = 'F32' | 'F16' | 'BF16';

/** Bytes of one element. */
export const bytesPer: Readonly<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Writes `source` as float32 into `target` from index `at` on. */
export function widen(dtype: 'F16' | 'BF16', source: Uint16Array, target: Float32Array, at = 0): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  const n = source.length;
  if (dtype === 'BF16') for (let i = 0; i < n; i++) bits[at + i] = source[i] << 16;
  else {
    const table = halfTable();
    for (let i = 0; i < n; i++) bits[at + i] = table[source[i]];
  }
}

/** Rounds float32 to 16 bits. Values beyond F16's 65504 become infinite. */
export function narrow(dtype: 'F16' | 'BF16', source: Float32Array): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const target = new Uint16Array(source.length);
  const round = dtype === 'BF16' ? bfloatBits : halfBits;
  for (let i = 0; i < bits.length; i++) target[i] = round(bits[i]);
  return target;
}

function bfloatBits(u: number): number {
  // A NaN whose payload sits in the low half must not round to infinity.
  if ((u & 0x7fffffff) > 0x7f800000) return (u >>> 16) | 0x40;
  return ((u >>> 0) + 0x7fff + ((u >>> 16) & 1)) >>> 16;
}

function halfBits(u: number): number {
  const sign = (u >>> 16) & 0x8000;
  const exponent = ((u >>> 23) & 0xff) - 112; // bias 127 to bias 15
  const mantissa = u & 0x7fffff;
  if (exponent === 143) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200 | (mantissa >>> 13));
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent < -10) return sign;
  const subnormal = exponent <= 0;
  const shift = subnormal ? 14 - exponent : 13;
  const whole = subnormal ? mantissa | 0x800000 : mantissa;
  const kept = (subnormal ? 0 : exponent << 10) | (whole >>> shift);
  const rest = whole & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  // Rounding up may carry into the exponent, which is right, up to infinity.
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

let table: Uint32Array | undefined;

/** The float32 bits of each of the 65,536 halves. */
function halfTable(): Uint32Array {
  if (table !== undefined) return table;
  const values = new Float32Array(65536);
  for (let h = 0; h < 65536; h++) {
    const exponent = (h >>> 10) & 31;
    const mantissa = h & 1023;
    const sign = h & 0x8000 ? -1 : 1;
    if (exponent === 31) values[h] = mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else if (exponent === 0) values[h] = sign * mantissa * 2 ** -24;
    else values[h] = sign * (1024 + mantissa) * 2 ** (exponent - 25);
  }
  table = new Uint32Array(values.buffer);
  return table;
}

/** Values that a number format has room for. */
import { ModelError } from '../errors.js';

/** The largest number of 16 bits, and so the largest scale of a block. */
const largest: Readonly<Record<string, number>> = {
  ...{ F16: 65504, Q8_0: 127 * 65504, Q4_0: 8 * 65504 },
};

/** @throws ModelError naming the tensor, when a value is beyond the format */
export function requireRoom(values: Float32Array, name: string, format: string): void {
  const most = largest[format];
  if (most === undefined) return;
  const beyond = values.find((value) => Math.abs(value) > most);
  if (beyond === undefined) return;
  throw new ModelError({
    where: name,
    what: `a weight is beyond ${format}`,
    expected: `at most ${most}`,
    got: String(beyond),
    next: 'export with --quantize bf16 or f32',
  });
}

/**
 * Weights that are numbers: NaN and infinity are refused when a file is read and when one is written.
 *
 * One NaN in a matrix makes every answer NaN, which reads as a vocabulary without a likeliest token.
 */
import { ModelError } from '../errors.js';

/**
 * Whether all values are finite. 0·x is 0 for them and NaN for the others; four sums, so that an addition
 * does not wait for the one before it.
 */
export function allFinite(values: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += 0 * values[i];
    b += 0 * values[i + 1];
    c += 0 * values[i + 2];
    d += 0 * values[i + 3];
  }
  for (let i = whole; i < values.length; i++) a += 0 * values[i];
  return a + b + c + d === 0;
}

/**
 * @param values of the tensor, or part of them
 * @param at     what is wrong and what to do, beside the tensor's name
 * @throws ModelError naming the tensor
 */
export function requireFinite(
  values: Float32Array,
  name: string,
  at: { readonly where?: string; readonly next: string },
): void {
  if (allFinite(values)) return;
  const bad = values.find((value) => !Number.isFinite(value));
  throw new ModelError({ ...at, what: `tensor '${name}' holds ${bad}`, expected: 'finite numbers only' });
}

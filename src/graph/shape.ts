/**
 * Dimensions, known or symbolic.
 *
 * A dimension is a number, or a product of named sizes that the runtime learns from
 * the inputs (`B*T`). Products are kept in one canonical spelling, so that equal
 * dimensions are equal strings. Sums and other expressions are plain names.
 */
import { ShapeError } from '../errors.js';

/** A size: `576`, `'B'`, or a canonical product such as `'3*B*T'`. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** The product of dimensions in canonical form: coefficient first, names sorted. */
export function product(dims: Shape): Dim {
  let coefficient = 1;
  const names: string[] = [];
  for (const dim of dims) {
    if (typeof dim === 'number') coefficient *= dim;
    else {
      for (const factor of dim.split('*')) {
        if (/^\d+$/.test(factor)) coefficient *= Number(factor);
        else names.push(factor);
      }
    }
  }
  if (names.length === 0 || coefficient === 0) return coefficient;
  names.sort();
  return (coefficient === 1 ? names : [coefficient, ...names]).join('*');
}

/** Whether two shapes are the same, dimension by dimension. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/**
 * The shape of an elementwise operation on `a` and `b` under ONNX (NumPy) broadcasting.
 * @throws ShapeError when two dimensions differ and neither is 1
 */
export function broadcastShapes(a: Shape, b: Shape, where: string): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new ShapeError({
      where,
      what: `[${a}] and [${b}] do not broadcast: ${left} against ${right} on axis ${i}`,
    });
  });
}

/** `axis` counted from the front. */
export function normalizeAxis(axis: number, rank: number, where: string): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) {
    throw new ShapeError({ where, what: `axis ${axis} is outside a tensor of rank ${rank}` });
  }
  return normal;
}

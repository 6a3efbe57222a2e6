/** Gradients of operators that only move elements. */
import { ShapeError } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import { concat, filled, reshape, scatterAdd, slice, transpose } from '../../graph/ops.js';
import { type GradientRule, sumTo } from './rule.js';

const known = (value: Value): number[] =>
  Array.from(
    value.graph.constants.find((constant) => constant.value === value)!.data as BigInt64Array,
    Number,
  );

export const shape = {
  Reshape: (({ inputs: [x] }, [grad]) => [reshape(grad!, x!.shape), null]) satisfies GradientRule,
  Transpose: (({ attributes }, [grad]) => {
    const perm = attributes.perm as readonly number[];
    return [
      transpose(
        grad!,
        perm.map((_, axis) => perm.indexOf(axis)),
      ),
    ];
  }) satisfies GradientRule,
  Expand: (({ inputs: [x] }, [grad]) => [sumTo(grad!, x!.shape), null]) satisfies GradientRule,
  Concat: ((node, [grad]) => {
    const axis = node.attributes.axis as number;
    let start = 0;
    return node.inputs.map((input) => {
      const size = input!.shape[axis];
      if (typeof size !== 'number') {
        throw new ShapeError({
          where: node.name,
          what: `the gradient of Concat needs known sizes, not ${size}`,
        });
      }
      start += size;
      return slice(grad!, axis, start - size, start);
    });
  }) satisfies GradientRule,
  // the part outside the slice gets zeros
  Slice: (({ inputs: [x, start, end, axes] }, [grad]) => {
    const [from, to, axis] = [known(start!)[0], known(end!)[0], known(axes!)[0]];
    const size = x!.shape[axis] as number;
    const zeros = (length: number) =>
      filled(
        x!,
        x!.shape.map((dim, i) => (i === axis ? length : dim)),
        0,
      );
    const parts = [];
    if (from > 0) parts.push(zeros(from));
    parts.push(grad!);
    if (to < size) parts.push(zeros(size - to));
    return [parts.length === 1 ? parts[0] : concat(parts, axis), null, null, null];
  }) satisfies GradientRule,
  // parts that nothing depends on get zeros
  Split: (({ inputs: [x], outputs, attributes: { axis } }, grads) => [
    concat(
      outputs.map((output, i) => grads[i] ?? filled(x!, output.shape, 0)),
      axis as number,
    ),
    null,
  ]) satisfies GradientRule,
  // rows taken several times collect several gradients
  Gather: (({ inputs: [x, indices] }, [grad]) => [
    scatterAdd(filled(x!, x!.shape, 0), indices!, grad!),
    null,
  ]) satisfies GradientRule,
};

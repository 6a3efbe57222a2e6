/**
 * Directions that are written into the residual stream while a model runs.
 *
 * `add` is activation steering: h + d after the layer (preventive steering when it is done while
 * training only). `remove` takes a direction out: h − (h·u)u, u = d/‖d‖, as in representation
 * engineering. Zou et al. 2023, arXiv:2310.01405.
 */
import { ConfigError } from '../errors.js';
import type { Graph, Value } from '../graph/graph.js';
import { add, mul, reduceSum, sub } from '../graph/ops.js';
import type { ModelConfig } from '../model/config.js';
import type { Steering } from '../values/steering.js';

/** The part of a steering that the graph depends on. */
export type SteeringShape = Pick<Steering, 'layer' | 'kind'>;

/** Name of the graph input that holds the i-th direction, [width]. */
export const directionInput = (i: number): string => `direction.${i}`;

/** Writes the directions at their layers; a value for `TransformerOptions.onResidual`. */
export function steer(
  graph: Graph,
  { width }: ModelConfig,
  shapes: readonly SteeringShape[],
): (layer: number, residual: Value) => Value {
  const directions = shapes.map((_, i) => graph.input(directionInput(i), graph.float, [width]));
  return (layer, residual) => {
    let h = residual;
    for (const [i, shape] of shapes.entries()) {
      if (shape.layer !== layer) continue;
      const d = directions[i];
      h = shape.kind === 'add' ? add(h, d) : sub(h, mul(reduceSum(mul(h, d), [-1], true), d));
    }
    return h;
  };
}

/** What the graph inputs are fed: unit vectors where they are removed. @throws ConfigError when one does not fit */
export function directionsFor(
  steering: readonly Steering[],
  { width, layers }: Pick<ModelConfig, 'width' | 'layers'>,
): Float32Array[] {
  return steering.map(({ layer, kind, direction }) => {
    if (direction.length !== width || !Number.isInteger(layer) || layer < 0 || layer >= layers) {
      throw new ConfigError({
        where: 'steering',
        what: `a direction of ${direction.length} numbers after layer ${layer} does not fit the model`,
        expected: `${width} numbers, layers 0 to ${layers - 1}`,
      });
    }
    if (kind === 'add') return direction;
    const norm = Math.hypot(...direction);
    return norm === 0 ? direction : direction.map((x) => x / norm);
  });
}

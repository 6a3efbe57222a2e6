/** Frozen projections in 8 bits, as this machine multiplies them. */
import { closeSync, openSync } from 'node:fs';
import { Graph } from '../../graph/graph.js';
import { type Integers, matMulIntegerToFloat } from '../../graph/int8-ops.js';
import { int8Matrix } from '../../model/int8-matrix.js';
import { projectionName } from '../../model/lora-modules.js';
import type { Model, Tensor } from '../../model/model.js';
import type { QuantisedModel } from '../../model/quantised-model.js';
import { storedMatrix } from '../../model/stored-matrix.js';
import { int8Input, scalesInput } from '../../network/parameters.js';
import { type NdArray, Program, type RuntimeOptions } from './runtime.js';

interface Int8Feeds {
  readonly dtype: Integers;
  readonly feeds: Readonly<Record<string, NdArray>>;
}

/** The projections of a model, without the other weights. */
export class Int8Projections {
  private made?: Promise<Int8Feeds>;

  constructor(private readonly source: Model | QuantisedModel) {}

  /** Inputs of graphs that run with these options, rounded when they are first asked for. */
  on(options: RuntimeOptions): Promise<Int8Feeds> {
    this.made ??= this.make(options);
    return this.made;
  }

  private async make(options: RuntimeOptions): Promise<Int8Feeds> {
    const { source } = this;
    const dtype = await integersHere(options);
    const feeds: Record<string, NdArray> = {};
    for (const [name, matrix] of 'store' in source ? storedMatrices(source) : matrices(source)) {
      const { values, scales } = int8Matrix(matrix);
      feeds[int8Input(name)] = { data: dtype === 'int8' ? values : shifted(values), dims: matrix.shape };
      feeds[scalesInput(name)] = { data: scales, dims: [scales.length] };
    }
    return { dtype, feeds };
  }
}

/** The matrices of projections, [in, out]. */
function* matrices({ config, weights }: Model): Generator<readonly [string, Tensor]> {
  for (let layer = 0; layer < config.layers; layer++) {
    for (const projection of config.architecture.projections) {
      const name = projectionName(layer, projection);
      yield [name, weights.get(`${name}.weight`)!];
    }
  }
}

/** Those of a store, one at a time in float32: what is one product there is one matrix, under its first part's name. */
function* storedMatrices({ store }: QuantisedModel): Generator<readonly [string, Tensor]> {
  const file = openSync(store.file, 'r');
  try {
    // the last is the head
    for (const product of store.products.slice(0, -1))
      yield [product.parts[0].name, storedMatrix(file, product)];
  } finally {
    closeSync(file);
  }
}

/** The same integers plus 128. */
const shifted = (values: Int8Array): Uint8Array => Uint8Array.from(values, (value) => value + 128);

/** A row of 255 times columns of 127: in 16 bits, the sum of two products would be 32,767. */
const [K, N] = [64, 16];

/** `int8`, the faster, where this machine's sums of products are exact with it; `uint8` elsewhere. */
export async function integersHere(options: RuntimeOptions): Promise<Integers> {
  const graph = new Graph('sums');
  const [a, b] = [graph.input('a', 'uint8', [1, K]), graph.input('b', 'int8', [K, N])];
  graph.output('y', matMulIntegerToFloat(a, b, graph.constant(1), graph.constant(0, 'uint8')));
  const program = await Program.compile(graph, options);
  const { y } = await program.run({
    a: { data: new Uint8Array(K).fill(255), dims: [1, K] },
    b: { data: new Int8Array(K * N).fill(127), dims: [K, N] },
  });
  await program.release();
  return (y.data as Float32Array).every((sum) => sum === K * 255 * 127) ? 'int8' : 'uint8';
}

/** Products of integers against the same products in float32, forwards and backwards. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/backward.js';
import { integersHere } from '../../src/engine/onnx/int8.js';
import { type NdArray, Program } from '../../src/engine/onnx/runtime.js';
import { Graph, type Value } from '../../src/graph/graph.js';
import type { Integers } from '../../src/graph/int8-ops.js';
import { add, mul, reduceSum } from '../../src/graph/ops.js';
import { dequantised, hadamard, int8Matrix } from '../../src/model/int8-matrix.js';
import { projectInt8 } from '../../src/network/int8-projection.js';
import { project } from '../../src/network/projection.js';
import { Random } from '../../src/random.js';
import { relativeError } from '../relative-error.js';

const [M, K, outputs, rank] = [5, 24, [12, 6], 3];
const random = new Random('int8');
const filled = (dims: readonly number[], next: () => number): NdArray => ({
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, next),
  dims,
});
const normal = (...dims: number[]) => filled(dims, () => random.normal());

type Layer = { weight: NdArray; a?: NdArray; b?: NdArray };

/** Outputs, and the gradients of Σ y∘g. */
async function run(int8: Integers | undefined, x: NdArray, g: readonly NdArray[], layers: readonly Layer[]) {
  const graph = new Graph('test');
  const feeds: Record<string, NdArray> = {};
  const input = (name: string, array: NdArray, dtype: 'float32' | Integers = 'float32') => {
    feeds[name] = array;
    return graph.input(name, dtype, array.dims);
  };
  const X = input('x', x);
  const loras = layers.map(({ a, b }, i) =>
    a && b ? { lora: { a: input(`a${i}`, a), b: input(`b${i}`, b), scale: 0.5 } } : {},
  );
  const ys = int8
    ? projectInt8(
        X,
        layers.map(({ weight }, i) => {
          const { values, scales } = quantised(weight);
          const dims = [scales.length];
          return {
            values: input(`values${i}`, { data: integers(values, int8), dims: weight.dims }, int8),
            scales: input(`scales${i}`, { data: scales, dims }),
            ...loras[i],
          };
        }),
      )
    : layers.map(({ weight }, i) => {
        const data = dequantised(quantised(weight));
        return project(X, { weight: input(`w${i}`, { data, dims: weight.dims }), ...loras[i] });
      });
  const losses = ys.map((y, i) => reduceSum(mul(y, input(`g${i}`, g[i])), [0, 1]));
  for (const [i, y] of ys.entries()) graph.output(`y${i}`, y);
  const wanted: Record<string, Value> = { x: X };
  for (const [i, { lora }] of loras.entries())
    if (lora) Object.assign(wanted, { [`a${i}`]: lora.a, [`b${i}`]: lora.b });
  const grads = gradients(losses.reduce(add), Object.values(wanted));
  for (const [i, name] of Object.keys(wanted).entries()) graph.output(`d${name}`, grads[i]!);
  const program = await Program.compile(graph);
  try {
    return await program.run(feeds);
  } finally {
    await program.release();
  }
}

const integers = (values: Int8Array, dtype: Integers) =>
  dtype === 'int8' ? values : Uint8Array.from(values, (value) => value + 128);

const quantised = ({ data, dims }: NdArray) => int8Matrix({ data: data as Float32Array, shape: dims });

async function errors(
  int8: Integers,
  x: NdArray,
  g: readonly NdArray[],
  layers: readonly Layer[],
): Promise<Record<string, number>> {
  const [got, expected] = [await run(int8, x, g, layers), await run(undefined, x, g, layers)];
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  return Object.fromEntries(
    Object.entries(expected).map(([name, { data }]) => [
      name,
      relativeError(got[name].data as Float32Array, data as Float32Array),
    ]),
  );
}

/** Whole numbers up to 127, which is in each row. */
const whole = (rows: number, columns: number) =>
  filled(
    [rows, columns],
    (() => {
      let at = 0;
      return () => (at++ % columns === 0 ? 127 : Math.round(40 * random.normal()) % 127);
    })(),
  );

/** Rows times the Hadamard matrix of 8, the rotation of 24 inputs; from the left for a matrix of weights. */
function turned({ data, dims: [rows, columns] }: NdArray, side: 'left' | 'right'): NdArray {
  const R = hadamard(8);
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < 8; k++) {
        const along = side === 'right' ? j : i;
        const other = along - (along % 8) + k;
        const at = side === 'right' ? i * columns + other : other * columns + j;
        out[i * columns + j] += R[k * 8 + (along % 8)] * Number(data[at]);
      }
  return { data: out, dims: [rows, columns] };
}

const exact = await integersHere({});

describe.each(['int8', 'uint8'] as const)('products of integers as %s', (dtype) => {
  // where sums of two products saturate, the engine takes the other
  const exactly = it.skipIf(dtype === 'int8' && exact !== 'int8');

  const lora = outputs.map((N) => ({ a: normal(K, rank), b: normal(rank, N) }));

  exactly('are those of float32 where nothing is rounded', async () => {
    // scales of weights are 1 where each column's largest is 127, and of gradients where each row's is
    const layers = outputs.map((N, i) => {
      const integers = whole(K, N);
      for (let n = 0; n < N; n++) integers.data[n] = 127;
      return { weight: turned(integers, 'left'), ...lora[i] };
    });
    const found = await errors(
      dtype,
      turned(whole(M, K), 'right'),
      outputs.map((N) => whole(M, N)),
      layers,
    );
    for (const [name, error] of Object.entries(found)) expect(error, name).toBeLessThan(1e-5);
  });

  exactly.each([
    ['all adapted', [true, true]],
    ['one adapted', [false, true]],
    ['none adapted', [false, false]],
  ])('are near those of float32, %s', async (_, adapted) => {
    const layers = outputs.map((N, i) => ({ weight: normal(K, N), ...(adapted[i] ? lora[i] : {}) }));
    const found = await errors(
      dtype,
      normal(M, K),
      outputs.map((N) => normal(M, N)),
      layers,
    );
    // 8 bits of a row: half a step of 1/127 of the largest, of 24 summands each
    for (const [name, error] of Object.entries(found)) expect(error, name).toBeLessThan(0.02);
    expect(found.y0).toBeGreaterThan(1e-6);
  });

  exactly('keep rows apart: one large row does not round the others', async () => {
    const x = normal(M, K);
    for (let k = 0; k < K; k++) x.data[k] = 1e4 * Number(x.data[k]);
    const layers = [{ weight: normal(K, 12) }];
    const [got, expected] = [
      await run(dtype, x, [normal(M, 12)], layers),
      await run(undefined, x, [normal(M, 12)], layers),
    ];
    const rest = (array: NdArray) => (array.data as Float32Array).subarray(12);
    expect(relativeError(rest(got.y0), rest(expected.y0))).toBeLessThan(0.02);
  });

  exactly('keep large channels from rounding the others', async () => {
    const x = normal(M, K);
    for (let m = 0; m < M; m++) x.data[m * K + 5] = 60;
    // the channel's weights are small, as where models have such channels
    const weight = normal(K, 12);
    for (let n = 0; n < 12; n++) weight.data[5 * 12 + n] = 0;
    const found = await errors(dtype, x, [normal(M, 12)], [{ weight }]);
    // half a step of (60/√8 + 3)/127; without the rotation it would be 0.14
    expect(found.y0).toBeLessThan(0.08);
  });

  exactly('leave rows of zeros', async () => {
    const { y0, dx } = await run(
      dtype,
      filled([M, K], () => 0),
      [filled([M, 12], () => 0)],
      [{ weight: normal(K, 12) }],
    );
    for (const { data } of [y0, dx]) expect([...data].every((value) => Number(value) === 0)).toBe(true);
  });
});

describe('a matrix as int8', () => {
  it('is off by half a step at most, and its rotation can be undone', () => {
    const { data, dims } = normal(K, 12);
    const matrix = int8Matrix({ data: data as Float32Array, shape: dims });
    // half a step in each of 8 rotated inputs, and a rotation does not lengthen
    const step = Math.max(...matrix.scales) * 0.5 * Math.sqrt(8);
    const back = dequantised(matrix);
    for (let i = 0; i < data.length; i++) expect(Math.abs(back[i] - Number(data[i]))).toBeLessThan(step);
  });

  it('of zeros is zeros', () => {
    const { values, scales } = int8Matrix({ data: new Float32Array(24), shape: [8, 3] });
    expect([...values, ...scales].every((value) => value === 0)).toBe(true);
  });
});

/**
 * Every operator's gradient against central differences in float64.
 *
 * Float32-only operators are run in float32 on their gradient graph and compared with the
 * differences of the plain float64 graph that says the same.
 */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/backward.js';
import { checkpoint } from '../../src/autodiff/checkpoint.js';
import { rules, withoutGradient } from '../../src/autodiff/rules/index.js';
import { Program } from '../../src/engine/onnx/runtime.js';
import { Graph, type Value } from '../../src/graph/graph.js';
import * as ops from '../../src/graph/ops.js';
import type { Shape } from '../../src/graph/shape.js';
import { Random } from '../../src/random.js';

interface Case {
  /** The operator under test, as it appears in the table of rules. */
  readonly op: keyof typeof rules;
  readonly what: string;
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...xs: Value[]) => Value;
  /** The same function in plain operators, where `build` needs float32. */
  readonly plain?: (...xs: Value[]) => Value;
  /** Keeps inputs inside the domain: log, sqrt, division. */
  readonly positive?: boolean;
}

const int = (x: Value, list: readonly number[], shape?: Shape) => x.graph.constant(list, 'int64', shape);
const mask = (x: Value, list: readonly number[], shape: Shape) => x.graph.constant(list, 'bool', shape);

const broadcast: readonly (readonly (readonly number[])[])[] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [[3], [2, 3]],
  [
    [2, 1],
    [1, 3],
  ],
  [[], [2, 3]],
  [
    [4, 1, 3],
    [2, 1],
  ],
];
const binaries = { Add: ops.add, Sub: ops.sub, Mul: ops.mul, Div: ops.div } as const;
const unaries = {
  Neg: ops.neg,
  Exp: ops.exp,
  Log: ops.log,
  Sqrt: ops.sqrt,
  Sigmoid: ops.sigmoid,
  Tanh: ops.tanh,
  Identity: ops.identity,
} as const;

/** Plain rotation of half-pairs, for positions 0..T-1 of each row. */
function plainRotary(x: Value, cos: Value, sin: Value, heads: number, positions: readonly number[]): Value {
  const [B, T, D] = x.shape as number[];
  const R = 2 * (cos.shape[1] as number);
  const table = (t: Value) => ops.reshape(ops.gather(t, int(x, positions, [B, T])), [B, T, 1, R / 2]);
  const split = ops.reshape(x, [B, T, heads, D / heads]);
  const [first, second] = [ops.slice(split, 3, 0, R / 2), ops.slice(split, 3, R / 2, R)];
  const [c, s] = [table(cos), table(sin)];
  const rotated = ops.concat(
    [
      ops.sub(ops.mul(first, c), ops.mul(second, s)),
      ops.add(ops.mul(second, c), ops.mul(first, s)),
      ...(R < D / heads ? [ops.slice(split, 3, R, D / heads)] : []),
    ],
    3,
  );
  return ops.reshape(rotated, [B, T, D]);
}
const angles = Array.from({ length: 5 * 2 }, (_, i) => 0.3 * (1 + i));
const cosTable = (x: Value) => x.graph.constant(angles.map(Math.cos), x.dtype, [5, 2]);
const sinTable = (x: Value) => x.graph.constant(angles.map(Math.sin), x.dtype, [5, 2]);
const positions = [0, 1, 2, 3, 4, 2];

const matmulCases: Case[] = [];
for (const transA of [false, true]) {
  for (const transB of [false, true]) {
    for (const alpha of [1, 0.5]) {
      const [a, b] = [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4]];
      const options = { transA, transB, alpha };
      const what = JSON.stringify(options);
      const build = (x: Value, y: Value) => ops.matMul(x, y, options);
      const op = transA || transB || alpha !== 1 ? 'FusedMatMul' : 'MatMul';
      matmulCases.push({ op, what, shapes: [a, b], build });
      matmulCases.push({
        op,
        what: `batched ${what}`,
        shapes: [
          [2, 5, ...a],
          [5, ...b],
        ],
        build,
      });
      matmulCases.push({ op, what: `matrix under batch ${what}`, shapes: [[2, 5, ...a], b], build });
      for (const c of [[2, 4], [4], [2, 1], []]) {
        matmulCases.push({
          op: 'Gemm',
          what: `C [${c}] ${what}`,
          shapes: [a, b, c],
          build: (x, y, z) => ops.gemm(x, y, z, options),
        });
      }
    }
  }
}

const cases: Case[] = [
  ...Object.entries(binaries).flatMap(([op, build]) =>
    broadcast.map((shapes) => ({
      op: op as keyof typeof binaries,
      what: shapes.map((s) => `[${s}]`).join(' with '),
      shapes,
      build,
      positive: op === 'Div',
    })),
  ),
  ...Object.entries(unaries).map(([op, build]) => ({
    op: op as keyof typeof unaries,
    what: '[2,3]',
    shapes: [[2, 3]],
    build,
    positive: op === 'Log' || op === 'Sqrt',
  })),
  ...matmulCases,
  {
    op: 'Where',
    what: 'broadcast',
    shapes: [[2, 3], [3]],
    build: (a, b) => ops.where(mask(a, [1, 0], [2, 1]), a, b),
  },
  {
    op: 'Where',
    what: 'scalar',
    shapes: [[], [2, 2]],
    build: (a, b) => ops.where(mask(a, [1, 0, 0, 1], [2, 2]), a, b),
  },
  {
    op: 'Cast',
    what: 'same kind',
    shapes: [[3]],
    build: (x) => ops.mul(x, ops.cast(int(x, [1, 2, 3]), x.dtype)),
  },
  { op: 'ReduceSum', what: 'axis 1 kept', shapes: [[2, 3, 2]], build: (x) => ops.reduceSum(x, [1], true) },
  { op: 'ReduceSum', what: 'axes 0 and -1', shapes: [[2, 3, 2]], build: (x) => ops.reduceSum(x, [0, -1]) },
  { op: 'ReduceMean', what: 'last axis', shapes: [[2, 3]], build: (x) => ops.reduceMean(x, [-1]) },
  { op: 'ReduceMean', what: 'all axes', shapes: [[2, 3]], build: (x) => ops.reduceMean(x, [0, 1], true) },
  { op: 'Softmax', what: 'last axis', shapes: [[2, 4]], build: ops.softmax },
  { op: 'Reshape', what: '[2,6] to [3,4]', shapes: [[2, 6]], build: (x) => ops.reshape(x, [3, 4]) },
  { op: 'Transpose', what: 'rank 3', shapes: [[2, 3, 4]], build: (x) => ops.transpose(x, [2, 0, 1]) },
  { op: 'Expand', what: '[2,1] to [3,2,4]', shapes: [[2, 1]], build: (x) => ops.expand(x, [3, 2, 4]) },
  {
    op: 'Concat',
    what: 'axis 1',
    shapes: [
      [2, 1],
      [2, 3],
    ],
    build: (a, b) => ops.concat([a, b], 1),
  },
  { op: 'Slice', what: 'middle', shapes: [[2, 5]], build: (x) => ops.slice(x, 1, 1, 4) },
  { op: 'Slice', what: 'start', shapes: [[4, 2]], build: (x) => ops.slice(x, 0, 0, 1) },
  {
    op: 'Gather',
    what: 'a row twice',
    shapes: [[4, 3]],
    build: (x) => ops.gather(x, int(x, [2, 0, 2, 3, 2, 0], [2, 3])),
  },
  { op: 'Softplus', what: '[2,3]', shapes: [[2, 3]], build: ops.softplus, plain: ops.softplus },
  {
    op: 'QuickGelu',
    what: 'alpha 1 (SiLU)',
    shapes: [[3, 4]],
    build: (x) => ops.quickGelu(x),
    plain: (x) => ops.mul(x, ops.sigmoid(x)),
  },
  {
    op: 'QuickGelu',
    what: 'alpha 1.702',
    shapes: [[3, 4]],
    build: (x) => ops.quickGelu(x, 1.702),
    plain: (x) => ops.mul(x, ops.sigmoid(ops.mul(x, ops.scalar(x, 1.702)))),
  },
  {
    op: 'SimplifiedLayerNormalization',
    what: '[2,3,4] by [4]',
    shapes: [[2, 3, 4], [4]],
    build: (x, w) => ops.simplifiedLayerNormalization(x, w, 1e-5)[0],
    plain: (x, w) => {
      const mean = ops.reduceMean(ops.mul(x, x), [-1], true);
      return ops.mul(ops.div(x, ops.sqrt(ops.add(mean, ops.scalar(x, 1e-5)))), w);
    },
  },
  {
    op: 'RotaryEmbedding',
    what: 'two heads of four',
    shapes: [[2, 3, 8]],
    build: (x) => ops.rotaryEmbedding(x, int(x, positions, [2, 3]), cosTable(x), sinTable(x)),
    plain: (x) => plainRotary(x, cosTable(x), sinTable(x), 2, positions),
  },
  {
    op: 'RotaryEmbedding',
    what: 'four of each head of six',
    shapes: [[2, 3, 12]],
    build: (x) => ops.rotaryEmbedding(x, int(x, positions, [2, 3]), cosTable(x), sinTable(x), 2),
    plain: (x) => plainRotary(x, cosTable(x), sinTable(x), 2, positions),
  },
  {
    op: 'FastGelu',
    what: '[3,4]',
    shapes: [[3, 4]],
    build: (x) => ops.fastGelu(x),
    plain: (x) => {
      const inner = ops.add(x, ops.mul(ops.mul(x, ops.mul(x, x)), ops.scalar(x, 0.044715)));
      const t = ops.tanh(ops.mul(inner, ops.scalar(x, Math.sqrt(2 / Math.PI))));
      return ops.mul(ops.mul(x, ops.scalar(x, 0.5)), ops.add(t, ops.scalar(x, 1)));
    },
  },
  {
    op: 'Split',
    what: 'three parts, the second unused',
    shapes: [[2, 6]],
    build: (x) => {
      const [first, , last] = ops.split(x, 1, [1, 2, 3]);
      return ops.mul(first, last);
    },
  },
];

describe('gradient rules', () => {
  it.each(cases.map((c) => [`${c.op} ${c.what}`, c] as const))('%s', async (seed, c) => {
    await check(c, seed, false);
    if (c.plain || c.op === 'FusedMatMul' || c.op === 'Gemm') await check(c, seed, true);
  });

  it('covers every operator that has a rule', () => {
    const tested = new Set(cases.map(({ op }) => op));
    expect(Object.keys(rules).filter((op) => !tested.has(op as keyof typeof rules))).toEqual([]);
  });

  it('refuses an operator without a rule', () => {
    const graph = new Graph('g', false);
    const x = graph.input('x', 'float64', [2]);
    const loss = ops.reduceSum(ops.reduceMax(x, [0], true), [0]);
    expect(() => gradients(loss, [x])).toThrow(/ReduceMax has no gradient rule/);
  });

  it('keeps the two tables apart', () => {
    expect(Object.keys(withoutGradient).filter((op) => op in rules)).toEqual([]);
  });

  it('sums over two paths and answers null where there is none', async () => {
    const graph = new Graph('g', false);
    const x = graph.input('x', 'float64', [2]);
    const y = graph.input('y', 'float64', [2]);
    const [dx, dy] = gradients(ops.reduceSum(ops.add(ops.mul(x, x), x), [0]), [x, y]);
    expect(dy).toBeNull();
    graph.output('dx', dx!);
    const program = await Program.compile(graph);
    const feed = { data: Float64Array.of(3, -1), dims: [2] };
    const { dx: result } = await program.run({ x: feed, y: feed });
    expect([...result.data]).toEqual([7, -1]); // 2x + 1
  });

  it('checkpointing changes nothing but memory', async () => {
    const build = (recompute: boolean) => {
      const graph = new Graph('g', false);
      const x = graph.input('x', 'float64', [3, 4]);
      const w = graph.input('w', 'float64', [4, 4]);
      const zero = graph.input('zero', 'float64', []);
      const block = (h: Value) => ops.sigmoid(ops.matMul(h, w));
      let h = x;
      for (let i = 0; i < 3; i++) h = recompute ? checkpoint(h, zero, block) : block(h);
      const [dx, dw] = gradients(ops.reduceSum(ops.mul(h, h), [0, 1]), [x, w]);
      graph.output('dx', dx!);
      graph.output('dw', dw!);
      return Program.compile(graph);
    };
    const random = new Random('checkpoint');
    const feeds = {
      x: { data: Float64Array.from({ length: 12 }, () => random.normal()), dims: [3, 4] },
      w: { data: Float64Array.from({ length: 16 }, () => random.normal()), dims: [4, 4] },
      zero: { data: Float64Array.of(0), dims: [] },
    };
    const [plain, recomputed] = await Promise.all([build(false), build(true)]);
    const [expected, got] = [await plain.run(feeds), await recomputed.run(feeds)];
    for (const name of ['dx', 'dw']) {
      expect(distance(got[name].data as Float64Array, expected[name].data as Float64Array)).toBeLessThan(
        1e-14,
      );
    }
  });
});

/** Compares the gradient of a weighted sum of the output with central differences. */
/** @param seed the case's name: it draws the same numbers whatever cases come before it */
async function check(c: Case, seed: string, fused: boolean): Promise<void> {
  const random = new Random('gradient', seed);
  const data = c.shapes.map((shape) =>
    Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () =>
      c.positive ? 0.5 + random.next() : random.normal(),
    ),
  );
  const reference = lossGraph(fused ? (c.plain ?? c.build) : (c.plain ?? c.build), c.shapes, false, seed);
  const program = await Program.compile(reference.graph);
  const lossAt = async (values: readonly Float64Array[]) =>
    Number((await program.run(feedsOf(values, c.shapes))).loss.data[0]);

  const subject = lossGraph(fused ? c.build : (c.plain ?? c.build), c.shapes, fused, seed);
  for (const [i, grad] of gradients(subject.loss, subject.xs).entries()) {
    expect(grad, `x${i} has a gradient`).not.toBeNull();
    subject.graph.output(`d${i}`, grad!);
  }
  const analytic = await (await Program.compile(subject.graph)).run(feedsOf(data, c.shapes, fused));

  for (const [i, values] of data.entries()) {
    const numeric = new Float64Array(values.length);
    for (let j = 0; j < values.length; j++) {
      // error O(h²) + O(ε/h): h = 1e-5 leaves about 1e-10
      const h = 1e-5;
      const at = async (x: number) => {
        const moved = data.map((d) => d.slice());
        moved[i][j] = x;
        return lossAt(moved);
      };
      numeric[j] = ((await at(values[j] + h)) - (await at(values[j] - h))) / (2 * h);
    }
    const error = distance(Float64Array.from(analytic[`d${i}`].data as Float64Array), numeric);
    expect(error, `d${i}, seed ${seed}, ${fused ? 'float32' : 'float64'}`).toBeLessThan(fused ? 1e-5 : 1e-8);
  }
}

/** Σ w∘f(x) with fixed weights, so that every output element counts differently. */
function lossGraph(build: Case['build'], shapes: Case['shapes'], fused: boolean, seed: string) {
  const graph = new Graph('case', fused);
  const xs = shapes.map((shape, i) => graph.input(`x${i}`, graph.float, shape));
  const y = build(...xs);
  const random = new Random('weights', seed);
  const size = (y.shape as number[]).reduce((n, d) => n * d, 1);
  const weights = graph.constant(
    Array.from({ length: size }, () => random.normal()),
    graph.float,
    y.shape,
  );
  const loss = ops.reduceSum(
    ops.mul(y, weights),
    y.shape.map((_, axis) => axis),
  );
  graph.output('loss', loss);
  return { graph, xs, loss };
}

function feedsOf(values: readonly Float64Array[], shapes: Case['shapes'], single = false) {
  return Object.fromEntries(
    values.map((data, i) => [`x${i}`, { data: single ? Float32Array.from(data) : data, dims: shapes[i] }]),
  );
}

/** Largest absolute difference over the largest absolute reference. */
function distance(got: Float64Array, expected: Float64Array): number {
  let difference = 0;
  let scale = 1e-3;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(got[i] - expected[i]));
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return difference / scale;
}

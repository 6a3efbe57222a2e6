/** SFT and DPO losses against TRL's trainers: on given logits, and as one step of a model with an adapter. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/backward.js';
import { padRows } from '../../src/engine/onnx/batch.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { Program } from '../../src/engine/onnx/runtime.js';
import { Graph, type Value } from '../../src/graph/graph.js';
import { matMul, reduceMean, reshape } from '../../src/graph/ops.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import type { Tensor } from '../../src/model/model.js';
import { loadModel } from '../../src/model/weights.js';
import { dpoLoss } from '../../src/network/loss/dpo.js';
import { sftLoss } from '../../src/network/loss/sft.js';
import { tokenLogps } from '../../src/network/loss/token-logps.js';
import { floatHead } from '../../src/network/output-head.js';
import type { TokenRow } from '../../src/values/rows.js';
import { stepOf, targetsOf } from '../engine/tiny.js';
import { relativeError } from '../relative-error.js';
import {
  arrayTolerance,
  type FixtureRow,
  folder,
  lossTolerance,
  readExpected,
  readTensors,
  tokenRows,
} from './fixtures.js';

type LogpsPerRow = readonly (readonly number[])[];
interface Metrics {
  readonly 'rewards/chosen': number;
  readonly 'rewards/rejected': number;
}
interface Expected {
  readonly beta: number;
  readonly sft: { readonly rows: readonly FixtureRow[]; readonly loss: number; readonly logps: LogpsPerRow };
  readonly dpo: {
    readonly rows: readonly FixtureRow[];
    readonly loss: number;
    readonly logps: LogpsPerRow;
    readonly reference: LogpsPerRow;
    readonly metrics: Metrics;
  };
  readonly hybrid: {
    readonly model: string;
    readonly adapter: string;
    readonly sft_rows: readonly FixtureRow[];
    readonly dpo_rows: readonly FixtureRow[];
    readonly lambda: number;
    readonly loss: number;
    readonly sft: number;
    readonly dpo: number;
    readonly logps: LogpsPerRow;
    readonly reference: LogpsPerRow;
    readonly metrics: Metrics;
  };
}

let expected: Expected;
let tensors: Map<string, Tensor>;
beforeAll(async () => {
  expected = readExpected('losses.json');
  tensors = await readTensors('losses.safetensors');
});

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;

/** Which targets belong to which row: [rows, targets]. */
const membership = (row: Int32Array, rows: number): number[][] =>
  Array.from({ length: rows }, (_, i) => Array.from(row, (of) => Number(of === i)));

/**
 * A loss of the log-probabilities that these logits give, and its gradient. The logits are the hidden
 * states of a head that is an identity; the targets come in two chunks.
 */
async function onLogits(
  logits: Tensor,
  rows: readonly TokenRow[],
  tied: boolean,
  lossOf: (logps: Value, row: Int32Array) => Value,
) {
  const [B, T, V] = logits.shape;
  const { predictAt, target, row } = padRows(rows, { T });
  const inverse = new Array<number>(B * T).fill(target.length);
  for (const [r, at] of predictAt.entries()) inverse[at] = r;

  const graph = new Graph('losses');
  const hidden = graph.input('logits', 'float32', [B * T, V]);
  const chunks = [2, target.length / 2];
  const identity = Array.from({ length: V * V }, (_, i) => Number(i % (V + 1) === 0));
  const { logps } = tokenLogps(
    hidden,
    floatHead({ matrix: graph.constant(identity, 'float32', [V, V]), tied }, undefined),
    {
      predictAt: graph.constant([...predictAt], 'int64', chunks),
      target: graph.constant([...target], 'int64', chunks),
      inverse: graph.constant(inverse, 'int64'),
    },
  );
  const loss = lossOf(logps, row);
  graph.output('loss', loss);
  graph.output('logps', logps);
  graph.output('grad', gradients(loss, [hidden])[0]!);
  const program = await Program.compile(graph);
  const outputs = await program.run({ logits: { data: logits.data, dims: [B * T, V] } });
  await program.release();
  const numbers = (name: string) => outputs[name].data as Float32Array;
  return { loss: numbers('loss')[0], logps: numbers('logps'), grad: numbers('grad') };
}

describe.each([true, false])('on given logits, head tied: %s', (tied) => {
  it('gives the loss, log-probabilities and gradient of SFTTrainer', async () => {
    const { rows, loss, logps } = expected.sft;
    const got = await onLogits(tensors.get('sft:logits')!, tokenRows(rows), tied, (x, row) =>
      sftLoss(x, x.graph.constant(new Array(row.length).fill(1 / row.length), 'float32', x.shape)),
    );
    expect(relativeError([got.loss], [loss])).toBeLessThanOrEqual(lossTolerance);
    expect(relativeError(got.logps, logps.flat())).toBeLessThanOrEqual(lossTolerance);
    expect(relativeError(got.grad, tensors.get('sft:grad')!.data)).toBeLessThanOrEqual(lossTolerance);
  });

  it('gives the loss, log-probabilities and gradient of DPOTrainer', async () => {
    const { rows, loss, logps, reference } = expected.dpo;
    const pairs = rows.length / 2;
    const got = await onLogits(tensors.get('dpo:logits')!, tokenRows(rows), tied, (x, row) => {
      const { graph } = x;
      const vector = (values: number[]) => graph.constant(values, 'float32', [values.length]);
      const flat = reshape(x, [row.length, 1]);
      const members = membership(row, rows.length);
      const summed = (part: number[][]) =>
        reshape(matMul(graph.constant(part.flat(), 'float32', [pairs, row.length]), flat), [pairs]);
      const losses = dpoLoss(
        { chosen: summed(members.slice(0, pairs)), rejected: summed(members.slice(pairs)) },
        {
          chosen: vector(reference.slice(0, pairs).map(sum)),
          rejected: vector(reference.slice(pairs).map(sum)),
        },
        graph.constant(expected.beta),
      );
      return reduceMean(losses, [0]);
    });
    expect(relativeError([got.loss], [loss])).toBeLessThanOrEqual(lossTolerance);
    expect(relativeError(got.logps, logps.flat())).toBeLessThanOrEqual(lossTolerance);
    expect(relativeError(got.grad, tensors.get('dpo:grad')!.data)).toBeLessThanOrEqual(lossTolerance);
  });
});

describe('a step of SFT + λ·DPO on a model with an adapter', () => {
  it('gives the losses, rewards and gradients of TRL', async () => {
    const { hybrid, beta } = expected;
    const { lambda, logps, reference, metrics } = hybrid;
    const model = await loadModel(join(folder, hybrid.model));
    const adapter = await readAdapter(join(folder, hybrid.model, hybrid.adapter), model.config);
    const engine = new OnnxEngine(model, { lora: adapter.config, adapter: adapter.tensors });
    const supervised = tokenRows(hybrid.sft_rows);
    const pairRows = tokenRows(hybrid.dpo_rows);
    const pairs = pairRows.length / 2;

    const frozen = (await engine.sequenceLogps(pairRows, 'base')).map(({ logpSum }) => logpSum);
    expect(relativeError(frozen, reference.map(sum))).toBeLessThanOrEqual(lossTolerance);

    const { result: got, gradients: grads } = await stepOf(engine, {
      rows: supervised,
      sftWeight: 1 / targetsOf(supervised),
      pairs: Array.from({ length: pairs }, (_, p) => ({
        chosen: pairRows[p],
        rejected: pairRows[pairs + p],
        reference: { chosen: frozen[p], rejected: frozen[pairs + p] },
        weight: 1 / pairs,
      })),
      lambda,
      beta,
    });
    await engine.close();

    for (const name of ['loss', 'sft', 'dpo'] as const)
      expect(relativeError([got[name]], [hybrid[name]]), name).toBeLessThanOrEqual(lossTolerance);
    const { chosen, rejected } = got.logps;
    expect(relativeError([...chosen, ...rejected], logps.map(sum))).toBeLessThanOrEqual(lossTolerance);
    const reward = (policy: Float64Array, first: number) =>
      mean([...policy].map((logp, p) => beta * (logp - frozen[first + p])));
    // differences of sums of log-probabilities: float32 of TRL itself is no better
    expect(reward(chosen, 0)).toBeCloseTo(metrics['rewards/chosen'], 5);
    expect(reward(rejected, pairs)).toBeCloseTo(metrics['rewards/rejected'], 5);
    for (const [name, gradient] of grads) {
      const wanted = tensors.get(`hybrid:grad:base_model.model.${name}.weight`)!;
      expect(relativeError(gradient, wanted.data), name).toBeLessThanOrEqual(arrayTolerance);
    }
  });
});

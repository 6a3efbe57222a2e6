/** The measurements themselves. Each is run in a process of its own, so that its memory is its own. */

import { type NdArray, Program } from '../engine/onnx/runtime.js';
import { Graph } from '../graph/graph.js';
import { matMul } from '../graph/ops.js';
import { openEngine, UNTRAINED } from '../open/engine.js';
import { benchLora, forwardFlops, loraStepFlops, randomModel, smollm2 } from './shape.js';

export interface StepMeasurement {
  readonly kind: 'step';
  /** One entry a step. */
  readonly seconds: readonly number[];
  readonly tokens: number;
  /** Arithmetic of one step, without and with recomputation. */
  readonly flops: number;
  readonly executedFlops: number;
  /** GFLOPS of the plain product, measured between the steps. */
  readonly productGflops: readonly number[];
  /** Peak resident memory of the process, bytes. */
  readonly peak: number;
}

export interface DecodeMeasurement {
  readonly kind: 'decode';
  readonly batch: number;
  readonly promptTokens: number;
  /** Per run; prompts not counted. */
  readonly tokensPerSecond: readonly number[];
  readonly peak: number;
}

export interface ScoringMeasurement {
  readonly kind: 'scoring';
  readonly rows: number;
  /** Per run; padding does not count as work. */
  readonly rowsPerSecond: readonly number[];
  readonly gflops: readonly number[];
  /** GFLOPS of a forward pass over 8×256 tokens, measured between the runs. */
  readonly forwardGflops: readonly number[];
  readonly peak: number;
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
};
const peak = () => process.resourceUsage().maxRSS * 1024;

/** A LoRA step of 8×256 tokens, AdamW included, with plain 1024×576×1536 products in between. */
export async function measureStep(
  checkpointing: boolean,
  steps: number,
  threads: number,
): Promise<StepMeasurement> {
  const [B, T] = [8, 256];
  const model = randomModel(smollm2);
  const engine = await openEngine({ model, threads, checkpointing, lora: benchLora });
  const rows = Array.from({ length: B }, (_, b) => ({
    ids: Int32Array.from({ length: T }, (__, t) => (7919 * (b * T + t)) % smollm2.vocabSize),
    lossMask: Uint8Array.from({ length: T }, (__, t) => Number(t > 0)),
    where: '',
  }));
  const sftWeight = 1 / (B * (T - 1));
  const step = async () => {
    await engine.accumulate({ rows, sftWeight, pairs: [], lambda: 0.1, beta: 0.1 });
    await engine.update({ learningRate: 1e-4, maxGradNorm: 0 });
  };
  const product = await plainProduct(threads);
  await step();
  await product();
  const seconds: number[] = [];
  const productGflops: number[] = [];
  for (let i = 0; i < steps; i++) {
    productGflops.push(await product());
    seconds.push(await timed(step));
  }
  return {
    kind: 'step',
    seconds,
    tokens: B * T,
    flops: B * T * loraStepFlops(smollm2, benchLora, T, false),
    executedFlops: B * T * loraStepFlops(smollm2, benchLora, T, checkpointing),
    productGflops,
    peak: peak(),
  };
}

/** A plain product in the same runtime; returns its GFLOPS over a few runs. */
async function plainProduct(threads: number): Promise<() => Promise<number>> {
  const [M, K, N] = [1024, 576, 1536];
  const graph = new Graph('product');
  graph.output('y', matMul(graph.input('a', 'float32', [M, K]), graph.input('b', 'float32', [K, N])));
  const program = await Program.compile(graph, threads > 0 ? { threads } : {});
  const filled = (dims: number[]): NdArray => ({ data: new Float32Array(dims[0] * dims[1]).fill(0.5), dims });
  const feeds = { a: filled([M, K]), b: filled([K, N]) };
  const into = { y: filled([M, N]) };
  const repeats = 40;
  return async () => {
    const seconds = await timed(async () => {
      for (let i = 0; i < repeats; i++) await program.run(feeds, into);
    });
    return (repeats * 2 * M * K * N) / seconds / 1e9;
  };
}

/** Greedy decoding of `tokens` tokens a row after prompts of 128. */
export async function measureDecode(
  batch: number,
  tokens: number,
  runs: number,
  threads: number,
): Promise<DecodeMeasurement> {
  const engine = await openEngine({ model: randomModel(smollm2), threads, lora: UNTRAINED });
  const promptTokens = 128;
  const content = Array.from({ length: promptTokens }, (_, t) => (7919 * t) % smollm2.vocabSize).join(' ');
  const prompts = Array.from({ length: batch }, () => [{ role: 'user', content }] as const);
  const generate = (maxTokens: number) =>
    engine.model('base').generate(prompts, { maxTokens, temperature: 0 });
  await generate(2);
  const tokensPerSecond: number[] = [];
  for (let i = 0; i < runs; i++) {
    const prompt = await timed(() => generate(1));
    const all = await timed(() => generate(1 + tokens));
    tokensPerSecond.push((batch * tokens) / (all - prompt));
  }
  return { kind: 'decode', batch, promptTokens, tokensPerSecond, peak: peak() };
}

/** Multiple-choice rows of 30 to 60 tokens with four choices of 1 to 6, and forward passes in between. */
export async function measureScoring(
  count: number,
  runs: number,
  threads: number,
): Promise<ScoringMeasurement> {
  const engine = await openEngine({ model: randomModel(smollm2), threads, lora: UNTRAINED });
  const token = (i: number) => (7919 * i + 13) % smollm2.vocabSize;
  const tokens = (length: number, seed: number) => Array.from({ length }, (_, t) => token(seed + 31 * t));
  const rows = Array.from({ length: count }, (_, r) => ({
    context: tokens(30 + ((17 * r) % 31), r),
    choices: [0, 1, 2, 3].map((c) => tokens(1 + ((r + c) % 6), 1000 * r + c)),
  }));
  const predicted = rows.reduce((sum, { choices }) => sum + choices.flat().length, 0);
  // a choice's last token is predicted, not read
  const read = rows.map(({ context, choices }) => context.length + choices.flat().length - choices.length);
  const scoringFlops = forwardFlops(smollm2, read, predicted);
  const texts = rows.map(({ context, choices }) => ({
    context: context.join(' '),
    continuations: choices.map((choice) => ` ${choice.join(' ')}`),
  }));
  const base = engine.model('base');
  const [B, T] = [8, 256];
  const sequences = Array.from({ length: B }, (_, b) => ({
    ids: Int32Array.from(tokens(T, b)),
    lossMask: Uint8Array.from({ length: T }, (__, t) => Number(t > 0)),
    where: '',
  }));
  const sequenceFlops = forwardFlops(smollm2, new Array(B).fill(T), B * (T - 1));
  await base.continuationLogps(texts.slice(0, 64));
  await engine.sequenceLogps(sequences, 'base');
  const seconds: number[] = [];
  const forwardGflops: number[] = [];
  for (let i = 0; i < runs; i++) {
    forwardGflops.push(sequenceFlops / (await timed(() => engine.sequenceLogps(sequences, 'base'))) / 1e9);
    seconds.push(await timed(() => base.continuationLogps(texts)));
  }
  return {
    kind: 'scoring',
    rows: count,
    rowsPerSecond: seconds.map((s) => count / s),
    gflops: seconds.map((s) => scoringFlops / s / 1e9),
    ...{ forwardGflops, peak: peak() },
  };
}

/**
 * Blocks composed from rows: float32 against the plain float64 graph, central differences in float64,
 * and an architecture that is nothing but one more row.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { padRows } from '../../src/engine/onnx/batch.js';
import { type StepGraphOptions, stepGraph } from '../../src/engine/onnx/graphs.js';
import { RotaryFeeds } from '../../src/engine/onnx/rotary-feeds.js';
import { int64Array, type NdArray, Program } from '../../src/engine/onnx/runtime.js';
import { stepFeeds } from '../../src/engine/onnx/step-feeds.js';
import { chunked } from '../../src/engine/onnx/targets.js';
import type { Architecture } from '../../src/model/architectures/architecture.js';
import { gemma2, gemma3 } from '../../src/model/architectures/gemma.js';
import { granite } from '../../src/model/architectures/granite.js';
import { architectures } from '../../src/model/architectures/index.js';
import { llama } from '../../src/model/architectures/llama.js';
import { mistral } from '../../src/model/architectures/mistral.js';
import { olmo2 } from '../../src/model/architectures/olmo2.js';
import { phi3 } from '../../src/model/architectures/phi3.js';
import type { ModelConfig } from '../../src/model/config.js';
import { configJson, parseConfig } from '../../src/model/hf-config.js';
import { initLora } from '../../src/model/lora.js';
import type { LoraConfig } from '../../src/model/lora-modules.js';
import type { Tensor } from '../../src/model/model.js';
import { Random } from '../../src/random.js';
import { randomRows, targetsOf, tinyModel } from '../engine/tiny.js';
import { relativeError } from '../relative-error.js';
import { logitsGraph } from './logits-graph.js';

/** Llama with GeGLU: all that an architecture needs is its row. */
const madeUp: Architecture = {
  ...llama,
  name: 'made-up',
  title: 'Made up',
  huggingFace: { ...llama.huggingFace, className: 'MadeUpForCausalLM', modelType: 'made_up' },
  activation: 'gelu_tanh',
};

const window = { size: 3, layers: [true, false] };
const cases: readonly [string, Partial<ModelConfig>][] = [
  [
    'gemma2',
    {
      ...{ architecture: gemma2, window, attentionCap: 2, logitCap: 1.5 },
      ...{ attentionScale: 0.3, embeddingScale: 2 },
    },
  ],
  [
    'gemma3',
    {
      ...{ architecture: gemma3, window, localRopeTheta: 100, logitCap: 3 },
      ...{ attentionScale: 0.3, embeddingScale: 2, headSize: 6 },
    },
  ],
  ['mistral', { architecture: mistral, window: { size: 4, layers: [true, true] }, tied: false }],
  ['phi3', { architecture: phi3, rotarySize: 2, window, tied: false }],
  [
    'granite',
    {
      ...{ architecture: granite, attentionScale: 0.2, embeddingScale: 2.5 },
      ...{ residualScale: 0.6, logitScale: 0.5 },
    },
  ],
  ['olmo2', { architecture: olmo2 }],
  ['made up', { architecture: madeUp }],
];

const loraOf = ({ architecture }: ModelConfig): LoraConfig => ({
  ...{ rank: 3, alpha: 6, rslora: false },
  targets: architecture.projections,
});

/** An adapter whose B is not zero, so that everything has a gradient. */
function movedAdapter(config: ModelConfig): Map<string, Tensor> {
  const adapter = initLora(config, loraOf(config), 5);
  for (const [name, { data }] of adapter) {
    const random = new Random('moved', name);
    if (name.endsWith('lora_B')) for (let i = 0; i < data.length; i++) data[i] = 0.2 * random.normal();
  }
  return adapter;
}

/** Rows 0 and 1 are supervised, rows 2 and 3 a pair. */
const rows = randomRows([9, 12, 11, 7]);
const [, , chosen, rejected] = rows;
const batch = padRows(rows);

/** Everything that a step reads but the parameters, in float32. */
function feedsOf(config: ModelConfig, chunks: number): Record<string, NdArray> {
  const targets = chunked(batch, chunks);
  const hidden = new Random('reference');
  const cells = batch.B * batch.T * config.width;
  return {
    ...new RotaryFeeds(config, 64).sequences(batch),
    ids: int64Array(batch.ids, [batch.B, batch.T]),
    segments: int64Array(batch.segments, [batch.B, batch.T]),
    zero: { data: Float32Array.of(0), dims: [] },
    ...stepFeeds(
      {
        rows: rows.slice(0, 2),
        sftWeight: 1 / targetsOf(rows.slice(0, 2)),
        pairs: [{ chosen, rejected, reference: { chosen: -20, rejected: -21 }, weight: 1 }],
        ...{ lambda: 0.7, beta: 0.1 },
      },
      batch,
      targets,
    ),
    kl_weights: {
      data: new Float32Array(targets.size).fill(0.05, 0, batch.target.length),
      dims: targets.dims,
    },
    'reference_hidden.final': {
      data: Float32Array.from({ length: cells }, () => hidden.normal()),
      dims: [batch.B * batch.T, config.width],
    },
  };
}

const double = ({ data, dims }: NdArray): NdArray =>
  data instanceof Float32Array ? { data: Float64Array.from(data), dims } : { data, dims };

const arrays = (tensors: ReadonlyMap<string, Tensor>): Record<string, NdArray> =>
  Object.fromEntries([...tensors].map(([name, { data, shape }]) => [name, { data, dims: shape }]));

type Run = (parameters: Record<string, NdArray>) => Promise<Record<string, NdArray>>;

/** A step's graph, to be run on parameters, in the precision that its options say. */
async function compiled(config: ModelConfig, options: StepGraphOptions): Promise<Run> {
  const program = await Program.compile(stepGraph(config, options));
  onTestFinished(() => program.release());
  const feeds = feedsOf(config, options.chunks);
  return (parameters) => {
    const all = Object.entries({ ...feeds, ...parameters });
    return program.run(
      Object.fromEntries(all.map(([name, array]) => [name, options.fused === false ? double(array) : array])),
    );
  };
}

const numbers = ({ data }: NdArray) => data as Float64Array;

describe.each(cases)('%s', (_, overrides) => {
  const { config, weights } = tinyModel(overrides);
  const lora = loraOf(config);
  const adapter = movedAdapter(config);
  const all = arrays(new Map([...weights, ...adapter]));

  it.each([
    ['LoRA, one chunk', { lora, chunks: 1, checkpointing: false, anchor: { kl: true, features: false } }],
    ['LoRA, two chunks, recomputed', { lora, chunks: 2, checkpointing: true }],
    ['all weights', { chunks: 2, checkpointing: false }],
    ['all weights, recomputed', { chunks: 1, checkpointing: true }],
  ] satisfies [string, StepGraphOptions][])(
    'float32 equals the plain float64 graph: %s',
    async (_, options) => {
      const got = await (await compiled(config, options))(all);
      const plain = await compiled(config, { ...options, checkpointing: false, fused: false });
      const expected = await plain(all);
      expect(Object.keys(got).filter((name) => name.startsWith('grad:')).length).toBeGreaterThan(10);
      for (const name of Object.keys(expected)) {
        expect(relativeError(numbers(got[name]), numbers(expected[name]), 1), name).toBeLessThan(5e-5);
      }
    },
  );

  it('agrees with central differences of its own loss in float64', async () => {
    const plain = { chunks: 2, checkpointing: false, fused: false };
    const anchor = { kl: true, features: false };
    const factors = [...adapter.keys()].filter((name) => name.includes('.0.'));
    const embedding = 'model.embed_tokens.weight';
    for (const [options, names] of [
      [{ ...plain, lora, anchor }, factors],
      [plain, [embedding, 'model.norm.weight', [...weights.keys()].at(-1)!]],
    ] as const) {
      const run = await compiled(config, options);
      const analytic = await run(all);
      for (const name of names) {
        const { data, dims } = all[name];
        // of an embedding that of a token that occurs
        const index = name === embedding ? batch.ids[0] * config.width + 1 : 1;
        const at = async (delta: number) => {
          const moved = Float64Array.from(data as Float32Array);
          moved[index] += delta;
          return Number((await run({ ...all, [name]: { data: moved, dims } })).loss.data[0]);
        };
        const numeric = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
        expect(Math.abs(Number(analytic[`grad:${name}`].data[index]) - numeric), name).toBeLessThan(1e-8);
      }
    }
  });
});

describe('an architecture that is one more row', () => {
  const { config, weights } = tinyModel({ architecture: madeUp });

  it('is read from config.json, and written', () => {
    const json = { ...configJson(config), architectures: ['MadeUpForCausalLM'] };
    expect(json).toMatchObject({ model_type: 'made_up', hidden_act: 'gelu_pytorch_tanh' });
    expect(parseConfig(json, 'config.json', [], [...architectures, madeUp])).toEqual(config);
    expect(() => parseConfig(json, 'config.json')).toThrow(/not supported; .* got MadeUpForCausalLM/);
  });

  it('computes otherwise than the row that it varies', async () => {
    const logits = async (of: ModelConfig) => {
      const program = await Program.compile(logitsGraph(of));
      const outputs = await program.run({ ...feedsOf(of, 1), ...arrays(weights) });
      await program.release();
      return outputs.logits.data;
    };
    expect(await logits(config)).not.toEqual(await logits({ ...config, architecture: llama }));
  });
});

it('no two rows share a name in Hugging Face or GGUF', () => {
  for (const names of [
    architectures.map(({ huggingFace }) => huggingFace.className),
    architectures.map(({ huggingFace }) => huggingFace.modelType),
    architectures.flatMap(({ gguf }) => gguf?.name ?? []),
  ]) {
    expect(new Set(names).size).toBe(names.length);
  }
});

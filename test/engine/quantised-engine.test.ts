/** LoRA on a base that stays quantised has the gradients of LoRA on the same numbers in float32. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { QuantisedEngine } from '../../src/engine/onnx/frozen/engine.js';
import { Program } from '../../src/engine/onnx/runtime.js';
import type { HybridPass } from '../../src/engine/training-engine.js';
import { Graph } from '../../src/graph/graph.js';
import { gemma2 } from '../../src/model/architectures/gemma.js';
import { phi3 } from '../../src/model/architectures/phi3.js';
import { qwen2 } from '../../src/model/architectures/qwen.js';
import type { ModelConfig } from '../../src/model/config.js';
import { quantisations } from '../../src/model/gguf-quantisation.js';
import { initLora } from '../../src/model/lora.js';
import type { LoraConfig } from '../../src/model/lora-modules.js';
import type { Model } from '../../src/model/model.js';
import { floatSource } from '../../src/model/quantise.js';
import type { BlockFormat } from '../../src/model/quantised-blocks.js';
import { EmbeddingRows, type QuantisedModel } from '../../src/model/quantised-model.js';
import { makeStore } from '../../src/model/quantised-store.js';
import { StoredConstants } from '../../src/network/stored-projection.js';
import { Random } from '../../src/random.js';
import { relativeError } from '../relative-error.js';
import { contract } from './contract.js';
import { frozenSource, inFloat } from './frozen-source.js';
import { randomRows, stepOf, supervised, tinyModel } from './tiny.js';

const cache = mkdtempSync(join(tmpdir(), 'ealign-quantised-'));
const engines: { close(): Promise<void> }[] = [];
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  rmSync(cache, { recursive: true });
});

const wide = { width: 64, heads: 4, kvHeads: 2, headSize: 16, ffn: 96 };
const loraOf = ({ architecture }: ModelConfig): LoraConfig => ({
  ...{ rank: 3, alpha: 6, rslora: false },
  targets: architecture.projections,
});

for (const quantise of [undefined, 'q8'] as const) {
  const model = tinyModel(wide);
  contract(
    `onnx on ${quantise ?? 'float32'} blocks`,
    (options) => new QuantisedEngine(frozenSource(cache, model, quantise), loraOf(model.config), options),
    // losses are exact, answers round activations to 8 bits
    quantise ? 0.3 : undefined,
  );
}

/** Blocks with random numbers of their own, whatever the model's weights are. */
function randomBlocks(model: Model, format: BlockFormat): QuantisedModel {
  const random = new Random('blocks');
  const plain = floatSource({ ...model, path: mkdtempSync(join(cache, 'model-')) }, 'q8');
  const source = {
    ...plain,
    matrix: (name: string) => {
      const { rows, K, floats } = plain.matrix(name);
      const repack: ReturnType<typeof plain.matrix>['repack'] = ({ into, stride, rowOf }) => {
        const blocks = K / format.blockSize;
        const bytes = (K * format.bits) / 8;
        for (let row = 0; row < rows; row++) {
          const at = rowOf(row);
          for (let i = 0; i < bytes; i++) into.q[at * bytes + i] = Math.floor(256 * random.next());
          for (let b = 0; b < blocks; b++) {
            into.scales[at * blocks + b] = (0.2 + 0.2 * random.next()) / 2 ** (format.bits - 1);
            if (into.offsets) into.offsets[b * stride + at] = 0.1 * random.normal();
          }
        }
      };
      return { rows, K, format, repack, floats };
    },
  };
  const store = makeStore(source, model.config, { cache });
  const { at } = store.vectors['model.embed_tokens.weight'];
  return {
    ...model,
    store,
    embedding: new EmbeddingRows(store.file, at, quantisations.get(0)!, model.config),
  };
}

const [chosen, rejected] = randomRows([8, 10], 2);
const pass: HybridPass = {
  ...supervised(randomRows([9, 12, 11, 7])),
  pairs: [{ chosen, rejected, reference: { chosen: -30, rejected: -31 }, weight: 1 }],
  ...{ lambda: 0.5, anchor: { to: 'base', kl: 0.1, features: 0.01 } },
};

async function expectAlike(quantised: QuantisedModel, model: Model, checkpointing: boolean) {
  const lora = loraOf(model.config);
  const adapter = initLora(model.config, lora, 5);
  for (const [name, { data }] of adapter) {
    const random = new Random('moved', name);
    if (name.endsWith('lora_B')) for (let i = 0; i < data.length; i++) data[i] = 0.1 * random.normal();
  }
  const options = { adapter, checkpointing };
  const [ours, theirs] = [
    new QuantisedEngine(quantised, lora, options),
    new OnnxEngine(model, { ...options, lora }),
  ];
  engines.push(ours, theirs);
  const [got, expected] = [await stepOf(ours, pass), await stepOf(theirs, pass)];
  for (const key of ['loss', 'sft', 'dpo', 'anchor'] as const)
    expect(relativeError([got.result[key]], [expected.result[key]]), key).toBeLessThan(2e-5);
  expect([...got.gradients.keys()]).toEqual([...expected.gradients.keys()]);
  for (const [name, gradient] of expected.gradients)
    expect(relativeError(got.gradients.get(name)!, gradient), name).toBeLessThan(1e-4);
}

it.each([
  [4, 32, true],
  [8, 16, false],
] as const)(
  'a head in pieces is the whole head: %i bits, blocks of %i, offsets %s',
  async (bits, blockSize, offsets) => {
    const model = tinyModel({ ...wide, tied: false });
    const { store } = randomBlocks(model, { bits, blockSize, offsets });
    const graph = new Graph('heads');
    const constants = new StoredConstants(graph, store, graph.input('zero', 'float32', []));
    const product = store.products.find(({ parts }) => parts[0].name === 'lm_head')!;
    const [V, D] = [product.outputs, product.inner];
    const [h, w] = [graph.input('h', 'float32', [3, D]), graph.input('w', 'float32', [3, V])];
    const tokens = graph.constant([0, 7, V - 1], 'int64');
    const heads = [constants.head(product, undefined), constants.head(product, undefined, 10 * D)];
    for (const [i, head] of heads.entries()) {
      graph.output(`products ${i}`, head.products(h));
      graph.output(`mixed ${i}`, head.mixed(w));
      graph.output(`rows ${i}`, head.rows(tokens));
    }
    const random = new Random('heads');
    const normal = (...dims: number[]) => ({
      data: Float32Array.from({ length: dims[0] * dims[1] }, () => random.normal()),
      dims,
    });
    const program = await Program.compile(graph, {}, store.folder);
    const found = await program.run({
      zero: { data: new Float32Array(1), dims: [] },
      h: normal(3, D),
      w: normal(3, V),
    });
    await program.release();
    for (const name of ['products', 'mixed', 'rows']) {
      const [whole, pieces] = [0, 1].map((i) => found[`${name} ${i}`].data as Float32Array);
      expect(relativeError(pieces, whole), name).toBeLessThan(1e-5);
    }
  },
);

describe('training on quantised weights', () => {
  it.each([
    [4, 32, true],
    [4, 32, false],
    [4, 16, true],
    [8, 32, true],
    [8, 16, false],
  ] as const)(
    'has the gradients of float32: %i bits, blocks of %i, offsets %s',
    async (bits, blockSize, offsets) => {
      const model = tinyModel({ ...wide, tied: false, architecture: qwen2 });
      const quantised = randomBlocks(model, { bits, blockSize, offsets });
      await expectAlike(quantised, inFloat(model, quantised.store), bits === 4);
    },
  );

  it.each([
    ['tied', {}],
    ['fused projections', { architecture: phi3, tied: false }],
    [
      'offset norms, scaled embeddings, capped logits',
      { architecture: gemma2, embeddingScale: 8, logitCap: 5 },
    ],
  ] as const)('has the gradients of float32: %s', async (_, overrides) => {
    const plain = tinyModel({ ...wide, ...overrides });
    // what is rounded once is not moved by rounding again
    const rounded = inFloat(plain, frozenSource(cache, plain, 'q8').store);
    const quantised = frozenSource(cache, rounded, 'q8');
    await expectAlike(quantised, inFloat(rounded, quantised.store), false);
  });

  it('answers as the weights that it has come to: nothing that was read before is used again', async () => {
    const model = tinyModel(wide);
    const open = () =>
      new QuantisedEngine(frozenSource(cache, model, 'q8'), loraOf(model.config), { adapter });
    const adapter = initLora(model.config, loraOf(model.config), 5);
    const [trained, fresh] = [open(), open()];
    engines.push(trained, fresh);
    const row = { context: 'abcdefghijklmnopqrstuvwxyz abcdef', continuations: ['a', 'bc'] };
    const before = await trained.model('policy').continuationLogps([row]);
    for (let step = 0; step < 3; step++) {
      await trained.accumulate({ ...pass, anchor: undefined } as HybridPass);
      await trained.update({ learningRate: 0.05, maxGradNorm: 0 });
    }
    await fresh.replace('policy', await trained.weights());
    const [after, expected] = [
      await trained.model('policy').continuationLogps([row]),
      await fresh.model('policy').continuationLogps([row]),
    ];
    expect(after).toEqual(expected);
    expect(after).not.toEqual(before);
    expect(await trained.model('base').continuationLogps([row])).toEqual(
      await fresh.model('base').continuationLogps([row]),
    );
  });
});

/** Models of every architecture as GGUF, read back: the same weights, tokens and computation. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GGMLQuantizationType, gguf } from '@huggingface/gguf';
import { afterAll, describe, expect, it } from 'vitest';
import type { ExportOptions } from '../../src/export/export.js';
import { exportModel } from '../../src/export/export.js';
import { type Adapter, readAdapter, writeAdapter } from '../../src/model/adapter-files.js';
import { readGgufEntries } from '../../src/model/gguf-entries.js';
import { parseGgufHeader } from '../../src/model/gguf-header.js';
import { isNorm } from '../../src/model/layout.js';
import { mergeLora } from '../../src/model/lora.js';
import type { Model } from '../../src/model/model.js';
import { bandsOf, openWeightSource } from '../../src/model/weight-source.js';
import { loadModel } from '../../src/model/weights.js';
import { relativeError } from '../relative-error.js';
import { kinds, prompts, writeTiny, writeTinyAdapter } from './tiny-models.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-export-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
/** Exports as GGUF. @returns the file, and what was said */
async function exported(given: string, options: Partial<ExportOptions> = {}) {
  const output = join(root, `out-${count++}.gguf`);
  const notes: string[] = [];
  const progress = { start() {}, update() {}, done() {}, note: (line: string) => notes.push(line) };
  await exportModel(given, { format: 'gguf', output, progress, ...options });
  return { output, notes };
}

/** Types of a file's tensors, by another reader. */
async function typesOf(path: string): Promise<Record<string, string>> {
  const { tensorInfos } = await gguf(path, { allowLocalFile: true });
  return Object.fromEntries(tensorInfos.map(({ name, dtype }) => [name, GGMLQuantizationType[dtype]]));
}

function expectWeights(got: Model, wanted: Pick<Model, 'weights'>, tolerance: number): void {
  expect([...got.weights.keys()].sort()).toEqual([...wanted.weights.keys()].sort());
  for (const [name, { data }] of wanted.weights) {
    // norms of Gemma are stored plus 1
    const most = Math.max(tolerance, isNorm(name) ? 1e-6 : 0);
    expect(relativeError(got.weights.get(name)!.data, data), name).toBeLessThanOrEqual(most);
  }
}

describe.each(kinds)('$name', (kind) => {
  let folder: string;
  let model: Model;
  let adapter: Adapter;
  const place = join(root, `${kind.name}-adapter`);

  it('with an adapter merged, in float32', async () => {
    folder = writeTiny(root, kind);
    model = await loadModel(folder);
    adapter = await readAdapter(writeTinyAdapter(place, model.config), model.config);
    const { output } = await exported(folder, { adapter: place, quantize: 'f32' });
    const back = await loadModel(output);
    // sums here are in float64, there in float32
    expectWeights(back, { weights: mergeLora(model.weights, adapter.tensors, adapter.config) }, 1e-6);
    expect(back.config.eosTokenIds.toSorted()).toEqual(model.config.eosTokenIds.toSorted());
    for (const text of prompts) {
      const [a, b] = [model, back].map(({ tokenizer }) => tokenizer.encode(text, { addSpecialTokens: true }));
      expect(b, text).toEqual(a);
      expect(back.tokenizer.decode(b)).toBe(model.tokenizer.decode(a));
    }
    if (!model.tokenizer.hasChatTemplate) return;
    const chat = [{ role: 'user', content: 'What is fair?' }] as const;
    expect(back.tokenizer.renderChat(chat)).toBe(model.tokenizer.renderChat(chat));
  });

  it('in Q4_0, with norms in float32 and the head in Q8_0', async () => {
    const { output } = await exported(folder, { quantize: 'q4_0' });
    const types = await typesOf(output);
    for (const [name, type] of Object.entries(types)) {
      const head = name === 'output.weight' || (name === 'token_embd.weight' && !types['output.weight']);
      const vector = /norm|rope|\.bias$/.test(name);
      expect(type, name).toBe(vector ? 'F32' : head ? 'Q8_0' : 'Q4_0');
    }
    // a block of 32 keeps its largest magnitude; the others are within half a level of 8
    expectWeights(await loadModel(output), model, 0.1);
  });

  it('as GGUF, and back as a folder in the element type of the file', async () => {
    for (const [type, tolerance] of [
      ['f32', 0],
      ['bf16', 2 ** -8],
    ] as const) {
      const { output } = await exported(folder, { quantize: type });
      const back = join(root, `${kind.name}-${type}`);
      await exported(output, { format: 'safetensors', output: back });
      expectWeights(await loadModel(back), model, tolerance);
    }
  });
});

it('reads heads whole, whose rows llama.cpp orders otherwise', async () => {
  const source = await openWeightSource(join(root, 'llama'));
  const granules = ['q_proj', 'k_proj', 'v_proj'].map(
    (name) => source.tensors.get(`model.layers.0.self_attn.${name}.weight`)!.granule,
  );
  source.close();
  expect(granules).toEqual([16, 16, 1]);
  // 4 MB are 1820 rows of 576 float32: no whole number of heads of 64
  const bands = [...bandsOf({ shape: [3840, 576], granule: 64 })];
  expect(bands).toEqual([
    [0, 1792],
    [1792, 1792],
    [3584, 256],
  ]);
});

it('takes 16 bits of a folder where none are asked for: bf16 of bf16', async () => {
  const [kind] = kinds;
  for (const [dtype, type] of [
    ['F32', 'F16'],
    ['F16', 'F16'],
    ['BF16', 'BF16'],
  ] as const) {
    const folder = writeTiny(join(root, dtype), kind, dtype);
    const { output } = await exported(folder);
    expect((await typesOf(output))['blk.0.attn_q.weight']).toBe(type);
    if (dtype !== 'F32') expectWeights(await loadModel(output), await loadModel(folder), 0);
  }
});

describe('a GGUF file', () => {
  const fixture = (name: string) => join(import.meta.dirname, `../fixtures/gguf/${name}.gguf`);

  it.each(['tiny-llama', 'tiny-qwen2', 'tiny-qwen3'])(
    '%s keeps its metadata and tensors bit for bit',
    async (name) => {
      const { output } = await exported(fixture(name));
      const bytes = async (path: string) => {
        const parsed = await parseGgufHeader(path);
        const entries = [...readGgufEntries(path, parsed)].map(([key, { bytes }]) => [key, bytes.toString()]);
        return {
          entries: entries.filter(([key]) => key !== 'general.alignment'),
          types: await typesOf(path),
        };
      };
      expect(await bytes(output)).toEqual(await bytes(fixture(name)));
      const [a, b] = [await loadModel(output), await loadModel(fixture(name))];
      expect([...a.weights]).toEqual([...b.weights]);
    },
  );

  it('in Q4_0 has its head, and an embedding that is the head, in Q8_0 as a folder has', async () => {
    for (const [name, head] of [
      ['qwen3', 'output.weight'],
      ['qwen2', 'token_embd.weight'],
    ]) {
      const folder = writeTiny(join(root, 'heads'), kinds.find((kind) => kind.name === name)!);
      const { output } = await exported((await exported(folder)).output, { quantize: 'q4_0' });
      const types = await typesOf(output);
      expect([name, types[head], types['blk.0.attn_q.weight']]).toEqual([name, 'Q8_0', 'Q4_0']);
    }
  });

  it('with an adapter on quantised tensors asks for a format, and leaves the others alone', async () => {
    const base = await exported(join(root, 'qwen2'), { quantize: 'q8_0' });
    const model = await loadModel(base.output);
    const place = join(root, 'on-q-alone');
    const { config, tensors } = await readAdapter(join(root, 'qwen2-adapter'), model.config);
    const own = [...tensors].filter(([name]) => name.includes('q_proj'));
    const adapter = { config: { ...config, targets: ['q_proj'] as const }, tensors: new Map(own) };
    writeAdapter(place, adapter);
    await expect(exported(base.output, { adapter: place })).rejects.toThrow(
      /the adapter changes 2 tensors in Q8_0, which cannot hold.*--quantize q8_0 or f16.*--format gguf-lora/,
    );
    const { output, notes } = await exported(base.output, { adapter: place, quantize: 'f16' });
    expect(notes.join()).toMatch(/13 quantised tensors that nothing touches stay as they are, bit for bit/);
    const types = await typesOf(output);
    expect([types['blk.0.attn_q.weight'], types['blk.0.attn_k.weight']]).toEqual(['F16', 'Q8_0']);
    const merged = { weights: mergeLora(model.weights, adapter.tensors, adapter.config) };
    expectWeights(await loadModel(output), merged, 5e-4);
    await expect(exported(base.output, { quantize: 'q4_k_m' })).rejects.toThrow(
      /never made here.*llama-quantize/,
    );
  });
});

it('an adapter is written as llama.cpp reads it', async () => {
  const place = join(root, 'llama-adapter');
  const model = await loadModel(join(root, 'llama'));
  const { config, tensors } = await readAdapter(place, model.config);
  const { output } = await exported(join(root, 'llama'), { adapter: place, format: 'gguf-lora' });
  const { metadata, tensorInfos, tensorDataOffset } = await gguf(output, { allowLocalFile: true });
  expect(metadata).toMatchObject({
    ...{ 'general.architecture': 'llama', 'general.type': 'adapter', 'adapter.type': 'lora' },
    'adapter.lora.alpha': config.alpha,
  });
  const bytes = readFileSync(output);
  const find = (name: string) => {
    const { shape, offset } = tensorInfos.find((tensor) => tensor.name === name)!;
    const [inner, outer] = shape.map(Number);
    const at = Number(tensorDataOffset + offset);
    return (row: number, column: number) => {
      expect(column < inner && row < outer).toBe(true);
      return bytes.readFloatLE(at + 4 * (row * inner + column));
    };
  };
  const [a, b] = ['lora_a', 'lora_b'].map((which) => find(`blk.1.attn_q.weight.${which}`));
  const [A, B] = ['A', 'B'].map((which) => tensors.get(`model.layers.1.self_attn.q_proj.lora_${which}`)!);
  expect(a(2, 5)).toBe(A.data[5 * 4 + 2]);
  // rows of a head of 16 lie in pairs: the file's row 3 is Hugging Face's 1 + 8
  expect(b(3, 1)).toBe(B.data[64 + 9]);
});

it('an adapter’s own chat template, or tokenizer, is said to be left out of its GGUF file', async () => {
  const base = writeTiny(join(root, 'own'), kinds.find(({ name }) => name === 'qwen2')!);
  const model = await loadModel(base);
  const made = await readAdapter(writeTinyAdapter(join(root, 'own/adapter'), model.config), model.config);
  const { config, tensors } = { ...made, config: { ...made.config, baseModel: base } };
  const files = model.tokenizer.files!();
  const without = [...files].filter(([name]) => name !== 'chat_template.jinja');
  const { chat_template: _, ...settings } = JSON.parse(files.get('tokenizer_config.json')!);
  const template = "{% for turn in messages %}{{ turn['content'] + '<|im_end|>' }}{% endfor %}";
  const place = join(root, 'own-template');
  const own = { ...settings, chat_template: template };
  const tokenizerFiles = new Map([...without, ['tokenizer_config.json', JSON.stringify(own)] as const]);
  writeAdapter(place, { config, tensors, tokenizerFiles });
  const { output, notes } = await exported(base, { adapter: place, format: 'gguf-lora' });
  const line = /^The adapter’s own chat template is not in the file.*--chat-template-file/;
  expect(notes).toEqual([expect.stringMatching(line)]);
  expect(readFileSync(output.replace(/\.gguf$/, '.README.md'), 'utf8')).toContain(notes[0]);

  const tokenizer = JSON.parse(files.get('tokenizer.json')!);
  const other = JSON.stringify({
    ...tokenizer,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
  });
  tokenizerFiles.set('tokenizer.json', other);
  writeAdapter(join(root, 'own-tokens'), { config, tensors, tokenizerFiles });
  const all = await exported(base, { adapter: join(root, 'own-tokens'), format: 'gguf-lora' });
  expect(all.notes).toEqual([expect.stringMatching(/^The adapter’s own tokenizer is not in the file/)]);
});

it('end tokens beyond the three that GGUF names are told', async () => {
  const kind = kinds.find(({ name }) => name === 'llama3')!;
  const folder = writeTiny(join(root, 'ends'), kind);
  const { tokenizer } = await loadModel(folder);
  const special = tokenizer.specialTokens.map((text) => tokenizer.encode(text)[0]);
  const eosIds = [...new Set([...tokenizer.eosIds, ...special])].slice(0, 4);
  for (const name of ['config.json', 'generation_config.json']) {
    const json = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    writeFileSync(join(folder, name), JSON.stringify({ ...json, eos_token_id: eosIds }));
  }
  const { output, notes } = await exported(folder);
  const model = await loadModel(folder);
  const ends = (await loadModel(output)).tokenizer.eosIds;
  const lost = model.tokenizer.eosIds.filter((id) => !ends.includes(id));
  expect([model.tokenizer.eosIds.length, lost.length]).toEqual([4, 1]);
  const text = JSON.stringify(tokenizer.decode(lost, { skipSpecialTokens: false }));
  expect(notes).toEqual([expect.stringContaining(`three tokens that end an answer: ${text} ends none`)]);
});

it('what GGUF cannot say is refused by name', async () => {
  const find = (name: string) => kinds.find((kind) => kind.name === name)!;
  const window = { size: 12, layers: [true, true] };
  const folder = writeTiny(join(root, 'refused'), { ...find('mistral'), config: { window } });
  await expect(exported(folder)).rejects.toThrow(
    /GGUF files of Mistral models cannot say its sliding window/,
  );
  const scaled = { ...find('qwen3'), config: find('llama3').config! };
  await expect(exported(writeTiny(join(root, 'refused'), scaled))).rejects.toThrow(
    /llama\.cpp has no rotary scaling 'llama3' for Qwen3/,
  );
  const dynamic = { kind: 'dynamic', factor: 2, originalMaxPositions: 128 } as const;
  const stretched = { ...find('smollm2'), config: { ropeScaling: dynamic } };
  const { output, notes } = await exported(writeTiny(join(root, 'stretched'), stretched));
  expect(notes.join()).toMatch(/no dynamic rotary scaling: the file holds for texts of up to 128 tokens/);
  expect((await loadModel(output)).config.maxPositions).toBe(128);
});

/**
 * PEFT adapters: those that peft wrote, read by spot values, our own there and back, and every
 * setting that cannot be represented. Expected values: test/fixtures/model/make_models.py.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AdapterConfig } from '../../src/model/adapter-config.js';
import { readAdapter, writeAdapter } from '../../src/model/adapter-files.js';
import type { ModelConfig } from '../../src/model/config.js';
import { readConfig } from '../../src/model/hf-config.js';
import { transpose } from '../../src/model/layout.js';
import { initLora } from '../../src/model/lora.js';
import { loraScale, projections } from '../../src/model/lora-modules.js';
import type { Tensor } from '../../src/model/model.js';
import { SafetensorsFile } from '../../src/model/safetensors.js';
import { safetensorsPieces } from '../../src/model/safetensors-write.js';
import { copyOf, fixtures, temporaryFolder, tinyLlama } from './model-folder.js';

/** The sizes that the adapters of the fixtures were made for. */
const base: ModelConfig = readConfig(join(fixtures, 'models/llama-sharded'));

interface Expected {
  scale: number;
  tensors: Record<string, { shape: number[]; at: number[]; values: number[] }>;
}

describe('adapters that peft wrote', () => {
  it.each([
    {
      fixture: 'adapter-plain',
      config: { rank: 2, alpha: 6, rslora: false, targets: ['q_proj', 'down_proj'] },
    },
    {
      // target_modules: "all-linear", which peft saves as a list of full names
      fixture: 'adapter-rslora',
      config: { rank: 3, alpha: 6, rslora: true, targets: projections },
    },
  ])('$fixture', async ({ fixture, config }) => {
    const folder = join(fixtures, 'models', fixture);
    const expected: Expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
    const adapter = await readAdapter(folder, base);
    expect(adapter.config).toEqual(config);
    expect(loraScale(adapter.config)).toBeCloseTo(expected.scale, 12);
    expect(new Set(adapter.tensors.keys())).toEqual(new Set(Object.keys(expected.tensors)));
    for (const [name, { shape, at, values }] of Object.entries(expected.tensors)) {
      const got = adapter.tensors.get(name)!;
      expect(got.shape, name).toEqual(shape.toReversed());
      const fileOrder = transpose(got.data, got.shape[0], got.shape[1]);
      expect(
        at.map((i) => fileOrder[i]),
        name,
      ).toEqual(values);
    }
  });
});

const config: AdapterConfig = {
  rank: 4,
  alpha: 8,
  rslora: true,
  targets: ['v_proj', 'up_proj'],
  baseModel: 'some/model',
};

describe('adapters written here', () => {
  it('come back equal', async () => {
    const folder = join(temporaryFolder(), 'adapter');
    const tensors = initLora(tinyLlama, config, 3);
    writeAdapter(folder, { config, tensors });
    const read = await readAdapter(folder, tinyLlama);
    expect(read.config).toEqual(config);
    expect([...read.tensors]).toEqual([...tensors]);
  });

  it("have peft's names, shapes and settings", async () => {
    const folder = temporaryFolder();
    writeAdapter(folder, { config, tensors: initLora(tinyLlama, config, 3) });
    const file = await SafetensorsFile.open(join(folder, 'adapter_model.safetensors'));
    await file.close();
    const shapes = Object.fromEntries(file.entries.map(({ name, shape }) => [name, shape]));
    expect(Object.keys(shapes).length).toBe(8);
    expect(shapes['base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight']).toEqual([4, 12]);
    expect(shapes['base_model.model.model.layers.1.mlp.up_proj.lora_B.weight']).toEqual([20, 4]);
    expect(file.metadata.format).toBe('pt');
    expect(JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'some/model',
      r: 4,
      lora_alpha: 8,
      use_rslora: true,
      target_modules: ['v_proj', 'up_proj'],
      bias: 'none',
    });
  });
});

describe('clear errors', () => {
  it.each<{ change: Record<string, unknown>; says: RegExp }>([
    { change: { peft_type: 'IA3' }, says: /peft_type is not supported; expected 'LORA', got "IA3"/ },
    { change: { use_dora: true }, says: /use_dora is not supported; expected false, got true\. Train/ },
    { change: { modules_to_save: ['lm_head'] }, says: /modules_to_save .* expected none, got \["lm_head"\]/ },
    { change: { target_modules: ['q_proj', 'lm_head'] }, says: /target_modules .* got "lm_head"/ },
    {
      change: { rank_pattern: { q_proj: 8 } },
      says: /q_proj\.lora_A\.weight' does not fit the model; expected \[8,16\], got \[2,16\]/,
    },
    { change: { alpha_pattern: { q_proj: 'x' } }, says: /alpha_pattern\['q_proj'\] .* got "x"/ },
    { change: { bias: 'all' }, says: /bias is not supported; expected "none", got "all"/ },
    { change: { lora_bias: true }, says: /lora_bias/ },
    { change: { fan_in_fan_out: true }, says: /fan_in_fan_out/ },
    { change: { trainable_token_indices: [1] }, says: /trainable_token_indices/ },
    { change: { alora_invocation_tokens: [1] }, says: /alora_invocation_tokens/ },
    { change: { init_lora_weights: 'pissa_niter_4' }, says: /init_lora_weights .* got "pissa_niter_4"/ },
    { change: { r: 0 }, says: /: r is not supported; expected a positive integer, got 0/ },
    { change: { lora_alpha: undefined }, says: /lora_alpha .* got nothing/ },
    { change: { r: 5 }, says: /lora_A\.weight' does not fit the model; expected \[5,16\], got \[2,16\]/ },
  ])('$change', async ({ change, says }) => {
    const folder = copyOf('models/adapter-plain');
    const path = join(folder, 'adapter_config.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
    await expect(readAdapter(folder, base)).rejects.toThrow(says);
    await expect(readAdapter(folder, base)).rejects.toThrow(expect.objectContaining({ name: 'ModelError' }));
  });

  /** adapter-plain with other tensors in its file. */
  const withTensors = (change: (tensors: Map<string, Tensor>) => void): string => {
    const folder = temporaryFolder();
    const plain = { rank: 2, alpha: 6, rslora: false, targets: ['q_proj' as const] };
    const tensors = new Map<string, Tensor>();
    for (const [name, tensor] of initLora(base, plain, 0))
      tensors.set(`base_model.model.${name}.weight`, tensor);
    writeAdapter(folder, { config: plain, tensors: new Map() });
    change(tensors);
    const pieces = safetensorsPieces(tensors, { transposed: (name) => /lora_[AB]\.weight$/.test(name) });
    writeFileSync(join(folder, 'adapter_model.safetensors'), Buffer.concat([...pieces]));
    return folder;
  };
  const b0 = 'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight';
  const vector = { shape: [3], data: new Float32Array(3) };

  it.each<{ what: string; change: (tensors: Map<string, Tensor>) => void; says: RegExp }>([
    {
      what: 'a missing factor',
      change: (t) => t.delete(b0),
      says: /layers\.0\.self_attn\.q_proj\.lora_B\.weight' is missing/,
    },
    { what: 'no tensors', change: (t) => t.clear(), says: /the adapter has no tensors/ },
    {
      what: 'a DoRA magnitude',
      change: (t) => t.set(b0.replace('lora_B.weight', 'dora_magnitude'), vector),
      says: /dora_magnitude' cannot be represented; expected LoRA factors of q_proj/,
    },
    {
      what: 'an adapted embedding',
      change: (t) => t.set('base_model.model.model.embed_tokens.lora_embedding_A', vector),
      says: /lora_embedding_A' cannot be represented/,
    },
    {
      what: 'a layer that the model does not have',
      change: (t) => t.set(b0.replace('layers.0', 'layers.2'), t.get(b0)!),
      says: /the model has no place for tensor '.*layers\.2.*'\. Check that the adapter was made for this model/,
    },
  ])('$what', async ({ change, says }) => {
    await expect(readAdapter(withTensors(change), base)).rejects.toThrow(says);
  });

  it('another model', async () => {
    await expect(readAdapter(join(fixtures, 'models/adapter-plain'), tinyLlama)).rejects.toThrow(
      /q_proj\.lora_A\.weight' does not fit the model; expected \[2,12\], got \[2,16\]/,
    );
  });

  it('files that are not there', async () => {
    const folder = copyOf('models/adapter-plain');
    rmSync(join(folder, 'adapter_model.safetensors'));
    await expect(readAdapter(folder, base)).rejects.toThrow(/adapter_model\.safetensors: no such file/);
    writeFileSync(join(folder, 'adapter_model.bin'), '');
    await expect(readAdapter(folder, base)).rejects.toThrow(
      /got only adapter_model\.bin.*\. Save the adapter again/,
    );
    rmSync(join(folder, 'adapter_config.json'));
    await expect(readAdapter(folder, base)).rejects.toThrow(/: no adapter_config\.json; expected an adapter/);
    await expect(readAdapter(join(folder, 'x'), base)).rejects.toThrow(/x: no such adapter folder/);
    const file = join(folder, 'adapter_model.bin');
    await expect(readAdapter(file, base)).rejects.toThrow(/bin: a file, not an adapter folder; expected/);
  });
});

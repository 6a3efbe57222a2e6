/**
 * Adapters on some modules only: as peft saved them (test/fixtures/model/make_partial_adapters.py), as
 * they are configured here, and what is refused.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { readAdapter, writeAdapter } from '../../src/model/adapter-files.js';
import { initLora, loraShapes, mergeLora } from '../../src/model/lora.js';
import { adaptedModules, type LoraConfig } from '../../src/model/lora-modules.js';
import { loadModel } from '../../src/model/weights.js';
import { matchNames } from '../../src/tokenizer/python-pattern.js';
import { parseConfig } from '../../src/train/config/load.js';
import { trainedLora } from '../../src/train/trained-lora.js';
import { randomRows, stepOf, supervised, tinyModel } from '../engine/tiny.js';
import { arrayTolerance, logitsOf, folder as parity } from '../parity/fixtures.js';
import { relativeError } from '../relative-error.js';
import { copyOf, fixtures, temporaryFolder, tinyLlama } from './model-folder.js';

const saved = join(fixtures, 'partial-adapters');
const row = (ids: number[]) => ({
  ids: Int32Array.from(ids),
  lossMask: new Uint8Array(ids.length),
  where: '',
});

describe.each(readdirSync(saved))('%s, saved by peft', (name) => {
  it('gives its logits, also merged and written anew', async () => {
    const model = await loadModel(join(parity, 'llama'));
    const { ids, logits, modules } = JSON.parse(readFileSync(join(saved, name, 'expected.json'), 'utf8'));
    const adapter = await readAdapter(join(saved, name), model.config);
    expect([...adaptedModules(model.config, adapter.config).keys()].sort()).toEqual(modules);
    const last = (all: Float32Array) => all.subarray(-model.config.vocabSize);
    const got = last(await logitsOf(model, [row(ids)], adapter));
    expect(relativeError(got, logits)).toBeLessThan(arrayTolerance);
    const merged = { ...model, weights: mergeLora(model.weights, adapter.tensors, adapter.config) };
    expect(relativeError(last(await logitsOf(merged, [row(ids)])), logits)).toBeLessThan(arrayTolerance);

    const copy = temporaryFolder();
    writeAdapter(copy, adapter);
    const again = await readAdapter(copy, model.config);
    expect([...again.tensors]).toEqual([...adapter.tensors]);
    expect(adaptedModules(model.config, again.config)).toEqual(adaptedModules(model.config, adapter.config));
  });
});

describe('what an adapter’s file may not say', () => {
  const change = async (settings: object, name = 'layers') => {
    const folder = copyOf(join('partial-adapters', name));
    const path = join(folder, 'adapter_config.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...settings }));
    return readAdapter(folder, (await loadModel(join(parity, 'llama'))).config);
  };

  it.each([
    [{ layers_to_transform: [0] }, /layers\.0\.mlp\.down_proj\.lora_A\.weight' is missing/],
    [{ layers_to_transform: null }, /layers\.0\.mlp\.down_proj\.lora_A\.weight' is missing/],
    [{ layers_to_transform: [7] }, /sits on no module of the model, got \["down_proj"\] in layers 7/],
    [{ layers_to_transform: ['1'] }, /layers_to_transform .* expected layers, counted from 0/],
    [{ target_modules: '.*down_proj' }, /layers_to_transform .* none beside a pattern/],
    [
      { target_modules: ['down_proj', 'embed_tokens'], layers_to_transform: null },
      /target_modules .* got "embed_tokens"/,
    ],
    [{ target_modules: '.*', layers_to_transform: null }, /target_modules .* got "lm_head"/],
    [{ target_modules: '(', layers_to_transform: null }, /target_modules: the pattern cannot be read/],
    [{ target_modules: 'a++', layers_to_transform: null }, /'\+\+'|cannot be read|'a\+\+'/],
    [{ exclude_modules: 'q'.repeat(30_000) }, /exclude_modules: the pattern is longer/],
    [{ r: 1e9 }, /: r is not supported; expected a rank of at most 4096/],
    [{ rank_pattern: { down_proj: 1e9 } }, /rank_pattern\['down_proj'\] .* at most 4096/],
    [{ lora_alpha: 1e300 }, /lora_alpha .* a positive number/],
  ])('%j', async (settings, says) => {
    await expect(change(settings)).rejects.toThrow(says);
  });

  it('a module that the settings leave out', async () => {
    const settings = { exclude_modules: ['layers.1.self_attn.o_proj'], target_modules: ['o_proj'] };
    await expect(change(settings, 'excluded-pattern')).rejects.toThrow(
      /the modules of adapter_config\.json have no place for tensor '.*v_proj\.lora_A|o_proj\.lora_A/,
    );
  });

  it('unknown keys are named, harmless ones are not', async () => {
    const { warnings } = await change({ use_swirl: true, peft_version: '9', swirl_size: null });
    expect(warnings).toEqual([expect.stringMatching(/the key 'use_swirl' \(true\) is unknown/)]);
  });
});

describe('patterns', () => {
  it('that backtrack without end are cut off', () => {
    expect(() => matchNames('(.*a)*b(.*a)*(.*a)*(.*a)*x', [`${'a'.repeat(400)}`], 'target_modules')).toThrow(
      /target_modules: the pattern ran for longer than 1000 ms/,
    );
  });

  it.each([
    ['(?P<x>a)(?P=x)\\Z', 'aa'],
    ['\\Aab{,2}', 'abb'],
    ['\\\\Z', '\\Z'],
    ['(?i)AB', 'ab'],
  ])('%s is read as Python reads it', (pattern, name) => {
    expect(matchNames(pattern, [name, `x${name}`], '')).toEqual([expect.anything(), null]);
  });
});

describe('configured here', () => {
  const lora = (keys: string) => trainedLora(parseConfig(`model: m\ndata: d\nlora: {${keys}}`), tinyLlama);
  const names = (config: LoraConfig) => [...adaptedModules(tinyLlama, config).keys()];

  it.each([
    ['targets: [down_proj], layers: [1]', ['model.layers.1.mlp.down_proj']],
    ["targets: '.*\\.0\\.mlp\\.up_proj'", ['model.layers.0.mlp.up_proj']],
    ['targets: [mlp.up_proj], exclude: [layers.0.mlp.up_proj]', ['model.layers.1.mlp.up_proj']],
  ])('%s', (keys, expected) => {
    const config = lora(keys);
    expect(names(config)).toEqual(expected);
    expect([...initLora(tinyLlama, config, 0).keys()]).toEqual([...loraShapes(tinyLlama, config).keys()]);
  });

  it('a step trains these modules and no others, and merges them', async () => {
    const config = { rank: 2, alpha: 4, rslora: false, targets: ['down_proj'], layers: [1] };
    const engine = new OnnxEngine(tinyModel(), { lora: config });
    const rows = randomRows([9, 7]);
    const { gradients } = await stepOf(engine, supervised(rows));
    const name = 'model.layers.1.mlp.down_proj';
    expect([...gradients.keys()]).toEqual([`${name}.lora_A`, `${name}.lora_B`]);
    expect(gradients.get(`${name}.lora_B`)!.some((x) => x !== 0)).toBe(true);

    engine.trainable.get(`${name}.lora_B`)!.data.fill(0.3);
    const before = await engine.sequenceLogps(rows, 'base');
    expect(await engine.sequenceLogps(rows, 'policy')).not.toEqual(before);
    const merged = { ...tinyModel(), weights: mergeLora(tinyModel().weights, engine.trainable, config) };
    const whole = new OnnxEngine(merged, { lora: { ...config, targets: [] } });
    const [own, theirs] = [
      await engine.sequenceLogps(rows, 'policy'),
      await whole.sequenceLogps(rows, 'base'),
    ];
    for (const [i, { logpSum }] of own.entries()) expect(logpSum).toBeCloseTo(theirs[i].logpSum, 3);
    await Promise.all([engine.close(), whole.close()]);
  });

  it.each([
    ['layers: [2]', /lora\.layers: there is no layer 2; expected 0 to 1/],
    ["targets: 'q_proj'", /lora\.targets: no module of the model has such a name; .* got q_proj/],
    ['targets: [attn.q_proj]', /no module of the model has such a name; .* got attn\.q_proj/],
    ["exclude: '.*'", /lora\.exclude: every module/],
    ["targets: '('", /lora\.targets: the pattern cannot be read/],
    ["targets: '.*', layers: [0]", /a pattern in lora\.targets says the layers itself/],
    ['rank: 5000', /lora\.rank: expected a whole number >= 1 and <= 4096/],
  ])('%s is refused', (keys, says) => {
    expect(() => lora(keys)).toThrow(says);
  });
});

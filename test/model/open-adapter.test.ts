/** What lies beside an adapter: its tokenizer and chat template, and the name of the model it was made for. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pinocchio } from '../../src/hub/names.js';
import { otherBase } from '../../src/model/adapter-base.js';
import { writeAdapter } from '../../src/model/adapter-files.js';
import { initLora } from '../../src/model/lora.js';
import type { Model } from '../../src/model/model.js';
import { openAdapter } from '../../src/model/open-adapter.js';
import { loadModel, saveModel } from '../../src/model/weights.js';
import { OnlineStore } from '../../src/online/store.js';
import { beginVersions, openVersion, versionFolder } from '../../src/online/versions.js';
import { openModel } from '../../src/open/model.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { temporaryFolder } from './model-folder.js';

const lora = { rank: 2, alpha: 4, rslora: false, targets: ['q_proj'] };
const template =
  "{% for m in messages %}<{{ m['content'] }}>{% endfor %}{% if add_generation_prompt %}?{% endif %}";
const turn = [{ role: 'user', content: 'a' }] as const;

/** An adapter that changes nothing, with files beside it. */
async function adapterWith(files: Record<string, string>): Promise<{ folder: string; base: Model }> {
  const base = await loadModel(pinocchio);
  const folder = join(temporaryFolder(), 'adapter');
  writeAdapter(folder, {
    config: { ...lora, baseModel: 'pinocchio' },
    tensors: initLora(base.config, lora, 0),
    tokenizerFiles: new Map(Object.entries(files)),
  });
  return { folder, base };
}

const rendered = ({ tokenizer }: Model) => tokenizer.renderChat(turn, { addGenerationPrompt: true });
const ofBase = (name: string) => readFileSync(join(pinocchio, name), 'utf8');

describe('a tokenizer and a template in the adapter’s folder', () => {
  it.each([
    ['chat_template.jinja alone', () => ({ 'chat_template.jinja': template })],
    [
      'in tokenizer_config.json alone',
      () => ({ 'tokenizer_config.json': JSON.stringify({ chat_template: template }) }),
    ],
    [
      'with a tokenizer.json',
      () => ({
        'tokenizer.json': ofBase('tokenizer.json'),
        'tokenizer_config.json': '{}',
        'chat_template.jinja': template,
      }),
    ],
    [
      'the file before the key',
      () => ({
        'chat_template.jinja': template,
        'tokenizer_config.json': JSON.stringify({ chat_template: 'other' }),
      }),
    ],
  ])('%s', async (_, files) => {
    const { folder, base } = await adapterWith(files());
    const { model } = await openAdapter(folder, base);
    expect(rendered(model)).toBe('<a>?');
    expect(model.tokenizer.encode('a b')).toEqual(base.tokenizer.encode('a b'));
    expect(model.tokenizer.specialTokens).toEqual(base.tokenizer.specialTokens);
  });

  it('a tokenizer without a template leaves the model’s', async () => {
    const { folder, base } = await adapterWith({ 'tokenizer.json': ofBase('tokenizer.json') });
    const { model } = await openAdapter(folder, base);
    expect(rendered(model)).toBe(rendered(base));
  });

  it('nothing there leaves the model as it is', async () => {
    const { folder, base } = await adapterWith({});
    expect((await openAdapter(folder, base)).model).toBe(base);
  });

  it('more tokens than the embedding has rows are refused', async () => {
    const tokenizer = JSON.parse(ofBase('tokenizer.json'));
    const id = (await loadModel(pinocchio)).config.vocabSize;
    tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], content: '<more>', id });
    const { folder, base } = await adapterWith({ 'tokenizer.json': JSON.stringify(tokenizer) });
    await expect(openAdapter(folder, base)).rejects.toThrow(
      new RegExp(`more tokens than the model's embedding has rows; expected at most ${id} .* got ${id + 1}`),
    );
  });

  it('a tokenizer that is not read is named', async () => {
    const { folder, base } = await adapterWith({});
    writeFileSync(join(folder, 'tokenizer.model'), '');
    const said: string[] = [];
    await openAdapter(folder, base, { onWarning: (line) => said.push(line) });
    expect(said).toEqual([expect.stringMatching(/tokenizer\.model is not read/)]);
  });

  it('the adapter is asked by it, the base by its own', async () => {
    const { folder, base } = await adapterWith({ 'chat_template.jinja': template });
    const merged = join(temporaryFolder(), 'merged');
    saveModel(merged, { ...base, tokenizerFilesFrom: (await openAdapter(folder, base)).model.tokenizer });
    const [own, bare, other] = await Promise.all([
      openModel(pinocchio, { adapter: folder }),
      openModel(pinocchio),
      openModel(merged),
    ]);
    const said = async (model: Pick<typeof own, 'generate'>) =>
      (await model.generate([turn], { maxTokens: 8, temperature: 0 }))[0].text;
    expect(await said(own)).toBe(await said(other));
    expect(await said(own.base)).toBe(await said(bare));
    await Promise.all([own, bare, other].map((model) => model.close()));
  });

  it('goes on into what is trained from it, and into versions', async () => {
    const { folder, base } = await adapterWith({ 'chat_template.jinja': template });
    const scratch = temporaryFolder();
    const [data, output] = [join(scratch, 'rows.jsonl'), join(scratch, 'run')];
    writeFileSync(data, `${JSON.stringify({ prompt: 'a', completion: 'b' })}\n`);
    mkdirSync(output);
    for (const name of ['tokenizer.json', 'model.safetensors'])
      writeFileSync(join(output, name), 'of an earlier run of all weights');
    const yaml = `model: ${pinocchio}\nadapter: ${folder}\ndata: ${data}\noutput: ${output}\noverwrite: true\n`;
    const rest = 'training: {steps: 1, batch_size: 1, max_length: 32}\nconscience: {enabled: false}\n';
    const run = await runTrain(parseConfig(yaml + rest));
    await run.engine.close();
    expect(readFileSync(join(output, 'chat_template.jinja'), 'utf8')).toBe(template);
    expect(readFileSync(join(output, 'tokenizer.json'), 'utf8')).not.toMatch(/of an earlier run/);

    const store = new OnlineStore(join(scratch, 'state'));
    await beginVersions(store, { model: base, name: 'pinocchio', adapter: output, lora });
    expect(readFileSync(join(versionFolder(store, 0), 'chat_template.jinja'), 'utf8')).toBe(template);
    const version = await openVersion(store, 0, base);
    expect(rendered(version.model)).toBe('<a>?');
    expect(version.adapter.config.baseHash).toBe(base.hash);
    store.close();
  });
});

describe('the model that an adapter was made for', () => {
  const model = (path: string, hash = 'h') => ({ path, hash }) as Model;
  const said = (baseModel: string, name: string, path = name, baseHash?: string) =>
    otherBase('adapter', { ...lora, baseModel, ...(baseHash ? { baseHash } : {}) }, model(path), name);

  it.each([
    ['Qwen/Qwen2.5-0.5B-Instruct', 'qwen2.5-0.5b-instruct'],
    ['unsloth/Qwen2.5-Coder-0.5B-Instruct-bnb-4bit', './qwen2.5-coder-0.5b-instruct-q4_k_m.gguf'],
    ['/home/me/models/base', 'base'],
    ['C:\\models\\base', '../x/base/'],
    ['Org/Name', '/cache/models--Org--Name/snapshots/0123abcd'],
    ['/cache/models--Org--Name/snapshots/0123abcd', 'org/name'],
    ['meta-llama/Llama-3.2-1B', 'Llama-3.2-1B.Q8_0.gguf'],
    ['org/name-GPTQ-Int4', 'models/name-f16.gguf'],
  ])('%s is %s', (baseModel, name) => {
    expect(said(baseModel, name)).toBeUndefined();
  });

  it.each([
    ['Qwen/Qwen2.5-0.5B', 'qwen2.5-0.5b-instruct'],
    ['Qwen/Qwen2.5-0.5B', 'qwen3-0.6b'],
    ['pinocchio', 'pinocchio-large'],
    ['meta-llama/Llama-3.2-1B', 'Llama-3.2-3B.Q8_0.gguf'],
  ])('%s is not %s', (baseModel, name) => {
    expect(said(baseModel, name)).toBe(
      `adapter: the adapter was trained on ${baseModel}, and the model is ${name}`,
    );
  });

  it('the hash of its weights decides, where it is known', () => {
    expect(said('first', 'second', 'second', 'h')).toBeUndefined();
    expect(said('models/base', 'base', 'models/base', 'g')).toMatch(
      /trained on other weights of models\/base/,
    );
    // quantised anew
    expect(said('org/name', 'name-q8_0.gguf', 'name-q8_0.gguf', 'g')).toBeUndefined();
  });

  it('it is said when an adapter is opened on another', async () => {
    const { folder, base } = await adapterWith({});
    const said: string[] = [];
    await openAdapter(
      folder,
      { ...base, path: '/models/geppetto' },
      { onWarning: (line) => said.push(line) },
    );
    expect(said).toEqual([
      expect.stringMatching(/trained on pinocchio, and the model is \/models\/geppetto/),
    ]);
  });
});

/** Folders for transformers and Ollama, model cards, and what happens when an export cannot be written. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExportOptions, exportModel } from '../../src/export/export.js';
import { modelfile, turnsOf } from '../../src/export/modelfile.js';
import { safetensorsContent } from '../../src/export/safetensors.js';
import type { ExportedTensor } from '../../src/export/tensors.js';
import { streamFileAtomic } from '../../src/files/files.js';
import { silent } from '../../src/metrics/progress.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import { mergeLora } from '../../src/model/lora.js';
import { loadModel } from '../../src/model/weights.js';
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { relativeError } from '../relative-error.js';
import { kinds, writeTiny, writeTinyAdapter } from './tiny-models.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-export-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const kind = kinds.find(({ name }) => name === 'qwen2')!;
const plain = { ...kind, config: {} };
let folder: string;
let adapter: string;
beforeAll(async () => {
  folder = writeTiny(root, plain, 'BF16');
  writeFileSync(
    join(folder, 'README.md'),
    '---\nlicense: apache-2.0\n---\n\n# The base\n\nSmall.\n\n```sh\n# a comment\n```\n\n## Use\n',
  );
  adapter = writeTinyAdapter(at('adapter'), (await loadModel(folder)).config);
});
const run = (given: string, options: ExportOptions) => exportModel(given, { ...options, progress: silent });

describe('safetensors', () => {
  it('is the merged model in the element type of the source, with its tokenizer and card', async () => {
    const output = await run(folder, { format: 'safetensors', adapter, output: at('merged') });
    const [base, merged] = [await loadModel(folder), await loadModel(output)];
    const { tensors, config } = await readAdapter(adapter, base.config);
    for (const [name, { data }] of mergeLora(base.weights, tensors, config)) {
      // bfloat16 has 8 bits
      expect(relativeError(merged.weights.get(name)!.data, data), name).toBeLessThanOrEqual(2 ** -8);
    }
    const norm = 'model.layers.0.input_layernorm.weight';
    expect(merged.weights.get(norm)).toEqual(base.weights.get(norm));
    expect(merged.tokenizer.files!()).toEqual(base.tokenizer.files!());
    expect(JSON.parse(readFileSync(join(output, 'config.json'), 'utf8')).torch_dtype).toBe('bfloat16');
    const card = readFileSync(join(output, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nlicense: apache-2.0\nlibrary_name: transformers\n/);
    expect(card).toContain('Merged weights, BF16: qwen2 with the LoRA adapter `adapter` (rank 4, alpha 12)');
    expect(card).toContain(base.hash);
  });

  it('keeps norms in float32 beside matrices in 16 bits, but where a GGUF file widened them', () => {
    const tensor = (name: string, format: string, shape: readonly number[]): ExportedTensor => {
      const stored = {
        shape,
        format,
        granule: 1,
        plain: true,
        rows: () => new Float32Array(),
        bytes: () => [],
      };
      return { name, stored, touched: false, bands: () => [] };
    };
    const matrix = 'model.layers.0.self_attn.q_proj.weight';
    const tensors = [tensor(matrix, 'BF16', [4, 4]), tensor('model.norm.weight', 'F32', [4])];
    const types = [false, true].map((gguf) => {
      const [header] = safetensorsContent(tensors, undefined, gguf).pieces();
      const json = JSON.parse(Buffer.from(header).subarray(8).toString());
      return [json[matrix].dtype, json['model.norm.weight'].dtype];
    });
    expect(types).toEqual([
      ['BF16', 'F32'],
      ['BF16', 'BF16'],
    ]);
  });

  it('of a model without an adapter is the same file of weights', async () => {
    const output = await run(folder, { format: 'safetensors', output: at('copy') });
    const [a, b] = [await loadModel(folder), await loadModel(output)];
    expect([...b.weights]).toEqual([...a.weights]);
    expect(readFileSync(join(output, 'README.md'), 'utf8')).toContain(
      '### The base\n\nSmall.\n\n```sh\n# a comment\n```\n\n#### Use\n',
    );
  });
});

describe('modelfile', () => {
  it('names the files, the turns of the chat template and where an answer ends', async () => {
    const output = await run(folder, {
      format: 'modelfile',
      adapter,
      quantize: 'q8_0',
      output: at('ollama'),
    });
    expect(readdirSync(output).sort()).toEqual(['Modelfile', 'README.md', 'model.gguf']);
    expect(readFileSync(join(output, 'Modelfile'), 'utf8')).toMatch(
      /^FROM \.\/model\.gguf\n(.*\n)*PARAMETER stop "<\|im_end\|>"\n/,
    );
  });

  it('leaves a quantised base as it is, with the adapter beside it', async () => {
    const base = await run(folder, { format: 'gguf', quantize: 'q8_0', output: at('base.gguf') });
    const output = await run(base, { format: 'modelfile', adapter, output: at('beside') });
    expect(readdirSync(output).sort()).toEqual(['Modelfile', 'README.md', 'adapter.gguf', 'model.gguf']);
    expect(readFileSync(join(output, 'Modelfile'), 'utf8')).toMatch(
      /^FROM \.\/model\.gguf\nADAPTER \.\/adapter\.gguf\n/,
    );
    expect(readFileSync(join(output, 'model.gguf')).equals(readFileSync(base))).toBe(true);
  });

  const fixtures = join(import.meta.dirname, '../fixtures');
  const turns = (name: string) => turnsOf(loadTokenizer(join(fixtures, name)));
  it('derives a row of turns, and nothing from a template that does more', () => {
    expect(turns('architectures/tokenizers/phi4-mini')).toEqual({
      system: { before: '<|system|>', after: '<|end|>' },
      user: { before: '<|user|>', after: '<|end|>' },
      assistant: { before: '<|assistant|>', after: '<|end|>' },
      answer: '<|assistant|>',
    });
    expect(turns('../../models/pinocchio')).toMatchObject({ answer: '<|assistant|>' });
    // its first user turn holds the system message
    expect(turns('architectures/tokenizers/gemma3')).toBeUndefined();
  });

  // as Llama 3.1 and 3.2 have it, whose system turn is there with or without a system message
  const headed = (date: string) => `{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}{% set said = messages[0]['content']|trim %}{% set messages = messages[1:] %}
{%- else %}{% set said = '' %}{% endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + ${date} + "\\n\\n" + said + "<|eot_id|>" }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content']|trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`;
  const withTemplate = (name: string, template: string) => {
    const place = at(name);
    cpSync(join(fixtures, 'model/tokenizers/llama3'), place, { recursive: true });
    writeFileSync(join(place, 'chat_template.jinja'), template);
    return loadTokenizer(place);
  };

  it('writes a head that no system message is given with, and no empty one, which Ollama leaves out', () => {
    const tokenizer = withTemplate('headed', headed('"26 Jul 2024"'));
    const { text, notes } = modelfile(tokenizer, { model: 'model.gguf' });
    expect(notes).toEqual([]);
    expect(text).not.toContain('SYSTEM');
    const header = (role: string) => `<|start_header_id|>${role}<|end_header_id|>\n\n`;
    const known = `${header('system')}Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n`;
    const [user, assistant] = ['user', 'assistant'].map(
      (role) => `{{ else if eq .Role "${role}" }}${header(role)}{{ .Content }}<|eot_id|>`,
    );
    const first = `{{ if and (eq $i 0) (ne .Role "system") }}${known}<|eot_id|>{{ end }}`;
    const turn = `{{ if eq .Role "system" }}${known}{{ .Content }}<|eot_id|>${user}${assistant}{{ end }}`;
    expect(text).toContain(
      `TEMPLATE """{{ range $i, $_ := .Messages }}${first}${turn}{{ end }}${header('assistant')}"""\n`,
    );
    expect(turnsOf(tokenizer)).toMatchObject({ head: `${known}<|eot_id|>` });
  });

  it('has no template where the date of the day would stay that of the export', () => {
    const tokenizer = withTemplate('dated', headed('strftime_now("%d %b %Y")'));
    const { text, notes } = modelfile(tokenizer, { model: 'model.gguf' });
    expect(text).not.toContain('TEMPLATE');
    expect(notes).toEqual([expect.stringMatching(/writes the date of the day.*no TEMPLATE/)]);
  });
});

describe('a run', () => {
  it('is exported by its folder, and so are its checkpoints, which are adapters with a card', async () => {
    const data = at('rows.jsonl');
    const row = (i: number) => JSON.stringify({ prompt: `say ${i}`, completion: `number ${i}` });
    writeFileSync(data, Array.from({ length: 8 }, (_, i) => `${row(i)}\n`).join(''));
    const output = at('run');
    const config = parseConfig(
      `{model: ${folder}, data: ${data}, output: ${output}, eval_split: 0, conscience: {enabled: false}, ` +
        'lora: {rank: 4}, training: {steps: 4, batch_size: 2, max_length: 32, save_every: 2, log_every: 1}}',
    );
    const { engine } = await runTrain(config);
    await engine.close();
    const base = await loadModel(folder);
    const checkpoint = join(output, 'checkpoint-2');
    for (const [place, steps] of [
      [output, 4],
      [checkpoint, 2],
    ] as const) {
      const trained = await readAdapter(place, base.config);
      expect(trained.config).toMatchObject({ rank: 4, baseModel: folder, baseHash: base.hash });
      expect(new Map(trained.tokenizerFiles)).toEqual(new Map(base.tokenizer.files!()));
      const card = readFileSync(join(place, 'README.md'), 'utf8');
      expect(card).toContain(`| steps | ${steps} |`);
      expect(card).toMatch(/\| loss, nats \| [\d.]+ \|/);
      expect(card).toContain('Data: rows.jsonl.');
      const merged = await run(place, { format: 'safetensors', quantize: 'f32', output: at(`run-${steps}`) });
      const weights = mergeLora(base.weights, trained.tensors, trained.config);
      for (const [name, { data }] of (await loadModel(merged)).weights)
        expect(relativeError(data, weights.get(name)!.data), name).toBeLessThanOrEqual(1e-6);
    }
    const [early, late] = await Promise.all(
      [checkpoint, output].map((place) => readAdapter(place, base.config)),
    );
    expect([...early.tensors]).not.toEqual([...late.tensors]);
    expect(existsSync(join(checkpoint, 'optimizer.safetensors'))).toBe(true);
  });
});

describe('what cannot be', () => {
  it('is one clear line', async () => {
    const gguf = { format: 'gguf', output: at('x.gguf') } as const;
    await expect(run(adapter, gguf)).rejects.toThrow(
      /adapter: its base is not here: base: no such model.*--base/,
    );
    await expect(run(folder, { format: 'gguf-lora', output: at('x.gguf') })).rejects.toThrow(
      /there is no adapter/,
    );
    await expect(run(folder, { ...gguf, base: folder })).rejects.toThrow(
      /--base: only an adapter has a base/,
    );
    await expect(run(folder, { ...gguf, output: at('x.bin') })).rejects.toThrow(/a GGUF file ends in \.gguf/);
    await expect(run(folder, { format: 'safetensors', quantize: 'q8_0' })).rejects.toThrow(
      /safetensors is not written in q8_0; expected f32, f16, bf16/,
    );
    await expect(run(folder, { format: 'safetensors', output: folder })).rejects.toThrow(
      /is what is exported, and cannot be written over/,
    );
    writeFileSync(at('taken.gguf'), '');
    await expect(run(folder, { ...gguf, output: at('taken.gguf') })).rejects.toThrow(
      /exists already. Delete it/,
    );
    expect(existsSync(at('x.gguf'))).toBe(false);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const place = at('stopped');
    mkdirSync(place);
    for (const format of ['gguf', 'safetensors', 'modelfile'] as const) {
      const stop = new AbortController();
      const progress = { ...silent, update: () => stop.abort() };
      const output = join(place, format === 'gguf' ? 'x.gguf' : 'x');
      const stopped = exportModel(folder, { format, output, progress, signal: stop.signal });
      await expect(stopped).rejects.toThrow(/abort/i);
      expect(readdirSync(place)).toEqual([]);
    }
  });

  it('leaves nothing behind when a piece cannot be made or the place cannot be written', async () => {
    const place = at('broken');
    mkdirSync(place);
    function* pieces() {
      yield new Uint8Array(9);
      throw new Error('no more');
    }
    await expect(streamFileAtomic(join(place, 'x'), pieces())).rejects.toThrow('no more');
    expect(readdirSync(place)).toEqual([]);
    await expect(streamFileAtomic(join(place, 'none', 'x'), [])).rejects.toThrow(/its folder does not exist/);
  });
});

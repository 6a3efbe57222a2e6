/**
 * Tiny random models of every architecture as folders, with tokenizers of their families, and adapters for them.
 *
 * The tokenizers are the fixtures', their sparse ids closed up, so that the embedding has a row for each token.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAdapter } from '../../src/model/adapter-files.js';
import type { Architecture } from '../../src/model/architectures/architecture.js';
import { gemma2, gemma3 } from '../../src/model/architectures/gemma.js';
import { granite } from '../../src/model/architectures/granite.js';
import { llama } from '../../src/model/architectures/llama.js';
import { mistral } from '../../src/model/architectures/mistral.js';
import { olmo2 } from '../../src/model/architectures/olmo2.js';
import { phi3 } from '../../src/model/architectures/phi3.js';
import { qwen2, qwen3 } from '../../src/model/architectures/qwen.js';
import type { ModelConfig } from '../../src/model/config.js';
import type { Dtype } from '../../src/model/floats.js';
import { initLora } from '../../src/model/lora.js';
import type { Model } from '../../src/model/model.js';
import { saveModel } from '../../src/model/weights.js';
import { Random } from '../../src/random.js';
import { type ChatTokenizer, loadTokenizer } from '../../src/tokenizer/tokenizer.js';
import { tinyModel } from '../engine/tiny.js';

const fixtures = join(import.meta.dirname, '../fixtures');

interface Kind {
  readonly name: string;
  readonly architecture: Architecture;
  /** Below test/fixtures. */
  readonly tokenizer: string;
  readonly config?: Partial<ModelConfig>;
}

const window = (size: number, layers: readonly boolean[]) => ({ window: { size, layers } });
const local = Array.from({ length: 7 }, (_, i) => i !== 5);

/** One of every architecture and kind of tokenizer, with the scalings that llama.cpp has for it. */
export const kinds: readonly Kind[] = [
  { name: 'llama', architecture: llama, tokenizer: 'model/tokenizers/tinyllama' },
  {
    name: 'llama3',
    architecture: llama,
    tokenizer: 'model/tokenizers/llama3',
    config: {
      ropeTheta: 500_000,
      ropeScaling: {
        ...{ kind: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 },
      },
    },
  },
  { name: 'smollm2', architecture: llama, tokenizer: 'model/tokenizers/smollm2' },
  { name: 'mistral', architecture: mistral, tokenizer: 'architectures/tokenizers/mistral' },
  { name: 'tekken', architecture: mistral, tokenizer: 'architectures/tokenizers/tekken' },
  {
    name: 'qwen2',
    architecture: qwen2,
    tokenizer: 'model/tokenizers/qwen3',
    config: {
      ropeScaling: {
        ...{ kind: 'yarn', factor: 4, originalMaxPositions: 64, attentionFactor: 1.2 },
        ...{ betaFast: 32, betaSlow: 1, truncate: true },
      },
    },
  },
  { name: 'qwen3', architecture: qwen3, tokenizer: 'model/tokenizers/qwen3', config: { tied: false } },
  { name: 'phi3', architecture: phi3, tokenizer: 'architectures/tokenizers/phi3' },
  {
    name: 'phi4-mini',
    architecture: phi3,
    tokenizer: 'architectures/tokenizers/phi4-mini',
    config: {
      rotarySize: 12,
      ropeScaling: {
        ...{ kind: 'longrope', originalMaxPositions: 256, attentionFactor: 1.1 },
        shortFactors: [1, 1.1, 1.2, 1.3, 1.4, 1.5],
        longFactors: [1, 1.1, 1.2, 1.3, 1.4, 1.5],
      },
    },
  },
  {
    name: 'gemma2',
    architecture: gemma2,
    tokenizer: 'architectures/tokenizers/gemma3',
    config: {
      ...{ layers: 2, attentionScale: 16 ** -0.5, embeddingScale: 8, attentionCap: 50, logitCap: 30 },
      ...window(12, [true, false]),
    },
  },
  {
    name: 'gemma3',
    architecture: gemma3,
    tokenizer: 'architectures/tokenizers/gemma3',
    config: {
      ...{ layers: 7, attentionScale: 16 ** -0.5, embeddingScale: 8, ropeTheta: 1_000_000 },
      ...{ localRopeTheta: 10_000, ropeScaling: { kind: 'linear', factor: 8 }, ...window(12, local) },
    },
  },
  {
    name: 'granite',
    architecture: granite,
    tokenizer: 'architectures/tokenizers/granite',
    config: { attentionScale: 0.2, embeddingScale: 2.5, residualScale: 0.6, logitScale: 0.5 },
  },
  { name: 'olmo2', architecture: olmo2, tokenizer: 'architectures/tokenizers/olmo2' },
];

// biome-ignore lint/suspicious/noExplicitAny: a tokenizer file, of which little is known
type Json = Record<string, any>;

/** Copies a tokenizer with its ids closed up. */
function writeTokenizer(folder: string, from: string): void {
  const read = (name: string) => JSON.parse(readFileSync(join(fixtures, from, name), 'utf8'));
  const tokenizer = read('tokenizer.json');
  const added: { id: number; content: string }[] = tokenizer.added_tokens;
  const ids = new Map<string, number>(Object.entries(tokenizer.model.vocab));
  for (const { id, content } of added) ids.set(content, id);
  const dense = new Map(
    [...ids].sort(([, a], [, b]) => a - b).map(([token], place) => [token, place] as const),
  );
  const place = (token: string) => dense.get(token)!;
  const { processors, special_tokens: single } = (tokenizer.post_processor ?? {}) as Json;
  for (const special of [single, ...(processors ?? []).map((one: Json) => one.special_tokens)]) {
    for (const [token, one] of Object.entries<{ ids: number[] }>(special ?? {})) one.ids = [place(token)];
  }
  const vocab = Object.keys(tokenizer.model.vocab).map((token) => [token, place(token)]);
  const { added_tokens_decoder: _, ...config } = read('tokenizer_config.json');
  const put = (name: string, json: unknown) => writeFileSync(join(folder, name), JSON.stringify(json));
  put('tokenizer.json', {
    ...tokenizer,
    model: { ...tokenizer.model, vocab: Object.fromEntries(vocab) },
    added_tokens: added.map((token) => ({ ...token, id: place(token.content) })),
  });
  put('tokenizer_config.json', config);
  try {
    writeFileSync(
      join(folder, 'chat_template.jinja'),
      readFileSync(join(fixtures, from, 'chat_template.jinja')),
    );
  } catch {
    // it is in tokenizer_config.json, or there is none
  }
}

/**
 * Writes a model's folder.
 *
 * @param dtype of its matrices in the file. Default F32.
 * @returns the folder
 */
export function writeTiny(
  root: string,
  { name, architecture, tokenizer, config }: Kind,
  dtype?: Dtype,
): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  writeTokenizer(folder, tokenizer);
  const made = loadTokenizer(folder);
  const sizes = { width: 64, layers: 2, heads: 4, kvHeads: 2, headSize: 16, ffn: 96, maxPositions: 256 };
  const shape = { architecture, ...sizes, tied: true, rmsEps: 1e-5, ...config };
  const model = tinyModel({ ...shape, vocabSize: made.vocabSize, eosTokenIds: made.eosIds }, 7);
  speakPlainly(model, made);
  saveModel(folder, { config: model.config, weights: model.weights, tokenizerFilesFrom: folder, dtype });
  return folder;
}

/**
 * Makes a random model's likeliest tokens plain ASCII, and its preferences clear: half characters are no text to
 * compare, and where two tokens are nearly as likely rounding decides.
 */
function speakPlainly({ config, weights }: Model, tokenizer: ChatTokenizer): void {
  const { vocabSize, width, tied } = config;
  const embedding = weights.get('model.embed_tokens.weight')!.data;
  const head = weights.get('lm_head.weight')?.data;
  for (let id = 0; id < vocabSize; id++) {
    const text = tokenizer.decode([id], { skipSpecialTokens: false });
    if (/^[ -~]+$/.test(text) && !tokenizer.specialTokens.includes(text)) continue;
    for (let i = 0; i < width; i++) {
      if (tied) embedding[id * width + i] *= 0.05;
      else head![i * vocabSize + id] *= 0.05;
    }
  }
  // a block that takes small differences for large ones would make rounding decide as well
  for (const [name, { data }] of weights)
    if (name.endsWith('_proj.weight')) for (let i = 0; i < data.length; i++) data[i] *= 0.4;
  const norm = weights.get('model.norm.weight')!.data;
  const { normOffset } = config.architecture;
  for (let i = 0; i < width; i++) norm[i] = 3 * (norm[i] + normOffset) - normOffset;
}

/** Writes an adapter on all projections whose product is no rounding error. @returns its folder */
export function writeTinyAdapter(folder: string, config: ModelConfig, rslora = false): string {
  const lora = { rank: 4, alpha: 12, rslora, targets: config.architecture.projections };
  const tensors = initLora(config, lora, 3);
  for (const [name, { data }] of tensors) {
    const random = new Random(5, name);
    if (name.endsWith('lora_B')) for (let i = 0; i < data.length; i++) data[i] = 0.1 * random.normal();
  }
  writeAdapter(folder, { config: { ...lora, baseModel: 'base' }, tensors });
  return folder;
}

/** Twenty beginnings of texts, none with a blank in front. */
export const prompts: readonly string[] = [
  'The quick brown fox',
  'Hello, world!',
  'def add(a, b):\n    return',
  'In 1984 there were 12345 people',
  "I'm sure they've said it",
  'Once upon a time',
  'x = [1, 2, 3]\n\n',
  'What is fair?',
  'A  B   C    D',
  'naïve café, 你好',
  'He said: "No."',
  'SELECT * FROM users;',
  'tabs\tand\tmore',
  'one two three four five six seven eight nine ten eleven twelve thirteen',
  'http://example.org/a?b=c',
  'Привет, мир',
  'MixedCase camelCase HTTPServer',
  '3.14159 and 2,718',
  'a',
  '🚀 up',
];

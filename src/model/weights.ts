/**
 * A model read from disk and written to it.
 *
 * Names are exactly those of Hugging Face safetensors. Every linear layer's matrix
 * (`…_proj.weight`, `lm_head.weight`) is held TRANSPOSED, [in, out], so that y = x·W;
 * the embedding stays [vocab, width]. `lm_head.weight` exists only when untied. The byte
 * format is in safetensors.ts, shapes and layout in layout.ts, GGUF in gguf.ts.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { ModelError } from '../errors.js';
import { requireChecksum, verifyChecksums, withChecksums } from '../files/checksums.js';
import { type FileContent, writeFolderAtomic } from '../files/files.js';
import { readJson } from '../files/json-file.js';
import { type ChatTokenizer, loadTokenizer } from '../tokenizer/tokenizer.js';
import type { ModelConfig } from './config.js';
import type { Dtype } from './floats.js';
import { configText, eosJson, readConfig } from './hf-config.js';
import { checkShapes, isLinear } from './layout.js';
import type { Model, Tensor, Weights } from './model.js';
import { readableType, SafetensorsFile, type TensorEntry } from './safetensors.js';
import { safetensorsPieces } from './safetensors-write.js';

/**
 * Reads a model from a Hugging Face folder or a .gguf file.
 *
 * @param options.onProgress told how many bytes of weights have been read, and of how many
 * @throws ModelError or DamageError in one line when something is missing, damaged or not supported
 */
export async function loadModel(
  path: string,
  { onProgress }: { onProgress?: (bytes: number, total: number) => void } = {},
): Promise<Model> {
  if (path.endsWith('.gguf')) return (await import('./gguf.js')).loadGguf(path);
  const sums = checksumsOf(path);
  await verifyChecksums(path, sums, [weightsFile]);
  const { config, tokenizer } = folderHead(path);
  const { weights, hash, tied } = await readWeights(path, config, onProgress);
  if (existsSync(join(path, weightsFile))) requireChecksum(path, sums, weightsFile, hash);
  return { path, config: { ...config, tied, eosTokenIds: tokenizer.eosIds }, weights, tokenizer, hash };
}

/** A model without its weights: `config.tied` is as its configuration says. @throws ModelError as `loadModel` */
export async function readHead(path: string): Promise<Pick<Model, 'path' | 'config' | 'tokenizer'>> {
  if (path.endsWith('.gguf')) {
    const { ggufHead } = await import('./gguf.js');
    return ggufHead(await (await import('./gguf-header.js')).readGgufHeader(path));
  }
  const { config, tokenizer } = folderHead(path);
  return { path, config: { ...config, eosTokenIds: tokenizer.eosIds }, tokenizer };
}

function folderHead(path: string): { config: ModelConfig; tokenizer: ChatTokenizer } {
  const config = readConfig(path);
  const tokenizer = loadTokenizer(path, config.eosTokenIds);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new ModelError({
      where: path,
      what: 'the tokenizer has more tokens than the model',
      expected: `at most ${config.vocabSize} (vocab_size)`,
      got: String(tokenizer.vocabSize),
      next: 'check that the tokenizer and config.json belong together',
    });
  }
  return { config, tokenizer };
}

/**
 * Writes a model folder that transformers and `loadModel` read: config.json, model.safetensors,
 * generation_config.json and the tokenizer's files. All or nothing, as `writeFolderAtomic`.
 *
 * @param model.tokenizerFilesFrom a model folder to copy from, or the tokenizer itself
 * @param model.dtype element type in the file. Default F32.
 * @param model.files what else belongs to the model, name → content
 * @param model.checksums also write the SHA-256 of every file, by which `loadModel` checks it. Default false.
 * @throws SaveError when the disk refuses; ModelError when the weights are not those of `config`, or not finite
 */
export function saveModel(
  folder: string,
  model: {
    config: ModelConfig;
    weights: Weights;
    tokenizerFilesFrom: string | ChatTokenizer;
    dtype?: Dtype;
    metadata?: Readonly<Record<string, string>>;
    files?: readonly (readonly [name: string, content: FileContent])[];
    checksums?: boolean;
  },
): void {
  const { config, weights, tokenizerFilesFrom, dtype, metadata, files = [], checksums = false } = model;
  checkShapes(config, new Map([...weights].map(([name, { shape }]) => [name, shape])), folder);
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  if (!checksums) rmSync(join(folder, sumsFile), { force: true });
  writeFolderAtomic(
    folder,
    withChecksums(checksums ? sumsFile : undefined, [
      [weightsFile, safetensorsPieces(weights, { dtype, metadata, transposed: isLinear })],
      ...tokenizerContents(tokenizerFilesFrom),
      ...files,
      ['generation_config.json', json({ eos_token_id: eosJson(config) })],
      ['config.json', configText(config, dtype)],
    ]),
  );
}

const weightsFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';
/** Checksums of a model's files, as they were saved. */
export const sumsFile = 'model.sha256';

/**
 * Where a folder's checksums lie: in it, or for an embedded model beside it, so that a copy may be changed.
 *
 * @returns relative to the folder
 */
export function checksumsOf(folder: string): string {
  const beside = join('..', `${basename(resolve(folder))}.model.sha256`);
  return existsSync(join(folder, sumsFile)) ? sumsFile : beside;
}

/** Every file that may belong to a tokenizer in a model folder. */
const tokenizerFileNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
];

function tokenizerContents(from: string | ChatTokenizer): (readonly [string, FileContent])[] {
  if (typeof from !== 'string') return [...(from.files?.() ?? [])];
  return tokenizerFileNames
    .filter((name) => existsSync(join(from, name)))
    .map((name) => [name, readFileSync(join(from, name))]);
}

const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** A folder's weight files, open, and which of their tensors are the model's. */
export interface OpenedWeights {
  readonly files: readonly SafetensorsFile[];
  /** Per file, the entries that count. */
  readonly entries: readonly (readonly TensorEntry[])[];
  /** What a tensor of the files is called in memory: a head that lies there alone is the embedding. */
  readonly nameInMemory: (name: string) => string;
  /** config.json ties the head to the embedding, and the files hold both. */
  readonly both: boolean;
}

/**
 * Opens a folder's weight files and checks their tensors against the configuration, before the first is read.
 * The caller closes them.
 *
 * @throws ModelError as `loadModel`
 */
export async function openWeights(folder: string, config: ModelConfig): Promise<OpenedWeights> {
  const shards = weightFiles(folder);
  const files: SafetensorsFile[] = [];
  try {
    for (const { file } of shards) files.push(await SafetensorsFile.open(join(folder, file)));
    const entries = files.map(({ entries }, i) =>
      entries.filter(
        ({ name }) => !name.endsWith('.rotary_emb.inv_freq') && (shards[i].tensors?.has(name) ?? true),
      ),
    );
    for (const [i, some] of entries.entries()) for (const entry of some) readableType(files[i].path, entry);
    const found = new Set(entries.flat().map(({ name }) => name));
    const headAlone = config.tied && found.has(HEAD) && !found.has(EMBEDDING);
    const both = config.tied && found.has(HEAD) && found.has(EMBEDDING);
    const nameInMemory = (name: string) => (headAlone && name === HEAD ? EMBEDDING : name);
    const shapeInMemory = ({ name, shape }: TensorEntry) =>
      isLinear(nameInMemory(name)) ? shape.toReversed() : shape;
    checkShapes(
      { ...config, tied: config.tied && !both },
      new Map(entries.flat().map((entry) => [nameInMemory(entry.name), shapeInMemory(entry)])),
      folder,
    );
    return { files, entries, nameInMemory, both };
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

/**
 * All weights of a folder.
 *
 * Where config.json ties the head to the embedding and the files hold both, the files decide, as in
 * transformers 5: equal ones are one matrix, others stay two. Where they hold the head alone, it is
 * the embedding as well.
 */
async function readWeights(
  folder: string,
  config: ModelConfig,
  onProgress?: (bytes: number, total: number) => void,
): Promise<{ weights: Weights; hash: string; tied: boolean }> {
  const { files, entries, nameInMemory, both } = await openWeights(folder, config);
  try {
    const total = files.reduce((sum, { size }) => sum + size, 0);
    let bytes = 0;
    const hash = createHash('sha256');
    const weights = new Map<string, Tensor>();
    for (const [i, file] of files.entries()) {
      const names = new Set(entries[i].map(({ name }) => name));
      const tensors = await file.read(
        ({ name }) => (!names.has(name) ? 'skip' : isLinear(nameInMemory(name)) ? 'transposed' : 'as-is'),
        { hash, onBytes: (n) => onProgress?.((bytes += n), total) },
      );
      for (const [name, tensor] of tensors) weights.set(nameInMemory(name), tensor);
    }
    const tied = both ? isTransposed(weights.get(EMBEDDING)!, weights.get(HEAD)!) : config.tied;
    if (both && tied) weights.delete(HEAD);
    return { weights, hash: hash.digest('hex'), tied };
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Is b, [columns, rows], the transpose of a, [rows, columns], number for number? */
function isTransposed({ shape, data }: Tensor, b: Tensor): boolean {
  const [rows, columns] = shape;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (data[row * columns + column] !== b.data[column * rows + row]) return false;
    }
  }
  return true;
}

/** SHA-256 of a folder's weight files, as `Model.hash`; undefined where there are none. @throws ModelError on a damaged index */
export async function hashWeights(folder: string): Promise<string | undefined> {
  const there = [weightsFile, indexFile].some((name) => existsSync(join(folder, name)));
  if (!there) return undefined;
  const hash = createHash('sha256');
  for (const { file } of weightFiles(folder)) {
    const path = join(folder, file);
    if (!existsSync(path)) return undefined;
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  }
  return hash.digest('hex');
}

/** The weight files of a folder in order of their names, and for shards which tensors each is to give. */
function weightFiles(folder: string): { file: string; tensors?: Set<string> }[] {
  if (existsSync(join(folder, weightsFile))) return [{ file: weightsFile }];
  const where = join(folder, indexFile);
  const index = readJson(where);
  if (index === undefined) {
    const pickled = existsSync(join(folder, 'pytorch_model.bin'));
    throw new ModelError({
      where: folder,
      what: 'no model.safetensors',
      got: pickled ? 'only pytorch_model.bin, which is not read (it can run code)' : undefined,
      next: pickled ? 'convert it with transformers (save_pretrained)' : "fetch the model's weights",
    });
  }
  const { weight_map: map } = index;
  const shards = new Map<string, Set<string>>();
  for (const [tensor, file] of Object.entries(typeof map === 'object' && map !== null ? map : {})) {
    if (typeof file !== 'string' || !/^[^/\\]+\.safetensors$/.test(file)) {
      throw new ModelError({
        where,
        what: `weight_map names no safetensors file for '${tensor}'`,
        got: JSON.stringify(file),
        next: 'fetch the file again',
      });
    }
    shards.set(file, (shards.get(file) ?? new Set()).add(tensor));
  }
  if (shards.size === 0)
    throw new ModelError({ where, what: 'weight_map is missing or empty', next: 'fetch the file again' });
  return [...shards].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, tensors]) => ({ file, tensors }));
}

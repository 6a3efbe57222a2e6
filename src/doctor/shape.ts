/** What a configuration's run has to hold in memory, read from headers and rows: no weights are loaded. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { readJson } from '../files/json-file.js';
import { resolveModel } from '../hub/pull.js';
import { silent } from '../metrics/progress.js';
import { isKnown, type ModelConfig, type ModelSizes } from '../model/config.js';
import { readSizes } from '../model/head.js';
import { weightShapes } from '../model/layout.js';
import { projectionShape } from '../model/lora.js';
import { adaptedModules } from '../model/lora-modules.js';
import { SafetensorsFile } from '../model/safetensors.js';
import { readHead } from '../model/weights.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import type { TrainConfig } from '../train/config/schema.js';
import { readData, tokeniseData } from '../train/data.js';
import { targetsFor, trainedLora } from '../train/trained-lora.js';
import type { ModelShape, RunShape } from './memory.js';

/** Tokens that a reviewed prompt is taken to have, with its system turn. */
const PROMPT = 64;

export interface TrainingShape {
  readonly model: ModelShape;
  readonly run: RunShape;
  /** Where `run.longest` comes from, in words. */
  readonly rows: string;
}

/**
 * @param read  whether the configuration's data is there to be read; else rows of `training.max_length` are assumed
 * @param onGpu whether PyTorch computes on a GPU
 * @throws UserError when the model, the adapter or the data cannot be used
 */
export async function trainingShape(
  config: TrainConfig,
  { read, onGpu }: { read: boolean; onGpu: boolean },
): Promise<TrainingShape> {
  const path = await resolveModel(config.model);
  const { model, sizes } = await modelShape(path, config);
  const most = Math.min(config.training.max_length, sizes.maxPositions);
  const lengths = read ? await lengthsOf(config, path, sizes, most) : undefined;
  const longestRow = lengths?.longest ?? most;
  const { conscience, training } = config;
  const answer = Math.min(PROMPT + conscience.max_tokens, most);
  const pairs = conscience.enabled || (lengths?.pairs ?? 0) > 0;
  const perPass = Math.ceil(conscience.pairs_per_step / training.gradient_accumulation);
  // pairs are packed beside the rows, in lines of the longest
  const longest = pairs
    ? Math.max(longestRow, lengths?.longestPair ?? 0, conscience.enabled ? answer : 0)
    : longestRow;
  const pairTokens = 2 * perPass * Math.max(lengths?.longestPair ?? 0, conscience.enabled ? answer : 0);
  const rows = pairs
    ? Math.ceil((training.batch_size * longestRow + pairTokens) / longest)
    : training.batch_size;
  const adapter = config.setting === 'lora' ? await adapterSize(config, path, sizes) : undefined;
  return {
    model,
    rows: lengths
      ? `longest row ${lengths.longest} tokens`
      : `rows of ${most} tokens, since no data is given`,
    run: {
      engine: config.engine === 'torch' ? 'torch' : 'onnx',
      bytes: onGpu ? 2 : 4,
      ...(adapter === undefined ? {} : { adapter }),
      ...{ rows, longest, checkpointing: training.checkpointing },
      ...(conscience.enabled
        ? {
            asked: {
              answers: conscience.samples,
              tokens: Math.min(answer + longestQuestion(most), sizes.maxPositions),
              beside: conscience.lag > 0,
              amplified: conscience.amplify > 1,
            },
          }
        : {}),
    },
  };
}

/** The question about a prompt and a response adds up to so many tokens to both. */
const longestQuestion = (most: number): number => Math.min(256, most);

async function modelShape(
  path: string,
  { engine, setting, quantize, device, training }: TrainConfig,
): Promise<{ model: ModelShape; sizes: ModelSizes }> {
  if (path.endsWith('.gguf') && engine === 'torch') {
    const next = 'use engine: onnx, or give a folder in Hugging Face format';
    throw new ModelError({ where: path, what: 'engine: torch reads no .gguf file', next });
  }
  const sizes = engine === 'onnx' ? (await readHead(path)).config : readSizes(path);
  const frozenHere = engine === 'onnx' && setting === 'lora' && device === 'cpu';
  const parameters = isKnown(sizes) ? knownParameters(sizes) : await countedIn(path);
  const bits = quantize === 'q8' ? 9 : quantize === 'q4' ? 5 : undefined;
  const inFile = path.endsWith('.gguf') && quantize !== 'none' ? statSync(path).size : undefined;
  const stored = !frozenHere
    ? undefined
    : bits === undefined
      ? quantisedSize(inFile, parameters)
      : (parameters * bits) / 8;
  const plain = readJson(join(path, 'config.json')) ?? {};
  const number = (key: string, otherwise: number) =>
    typeof plain[key] === 'number' ? plain[key] : otherwise;
  // the embedding, and a head of its own
  const tables = isKnown(sizes) && !sizes.tied ? 2 : 1;
  const shape = isKnown(sizes)
    ? { ffn: sizes.ffn, heads: sizes.heads, keys: sizes.kvHeads * sizes.headSize }
    : {
        ffn: number('intermediate_size', 4 * sizes.width),
        heads: number('num_attention_heads', Math.ceil(sizes.width / 64)),
        keys: sizes.width,
      };
  return {
    sizes,
    model: {
      ...{ layers: sizes.layers, width: sizes.width, vocabulary: sizes.vocabSize, parameters, ...shape },
      largest: sizes.width * shape.ffn,
      ...(stored === undefined ? {} : { stored }),
      ...(training.load_in_8bit ? { rounded: parameters - sizes.vocabSize * sizes.width * tables } : {}),
    },
  };
}

/** A file of half the size of float16 weights or less is quantised. */
const quantisedSize = (bytes: number | undefined, parameters: number): number | undefined =>
  bytes !== undefined && bytes < 1.5 * parameters ? bytes : undefined;

function knownParameters(config: ModelConfig): number {
  return [...weightShapes(config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** All tensors of a folder's weight files. @throws ModelError when there are none */
async function tensorsIn(folder: string): Promise<{ name: string; shape: readonly number[] }[]> {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.safetensors')) : [];
  if (names.length === 0) {
    throw new ModelError({
      where: folder,
      what: 'there are no weights, so that they cannot be counted',
      next: 'fetch the model: ealign pull',
    });
  }
  const tensors: { name: string; shape: readonly number[] }[] = [];
  for (const name of names) {
    const file = await SafetensorsFile.open(join(folder, name));
    tensors.push(...file.entries);
    await file.close();
  }
  return tensors;
}

const countedIn = async (folder: string): Promise<number> =>
  (await tensorsIn(folder)).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** Numbers of the adapter that is trained. */
async function adapterSize(config: TrainConfig, path: string, sizes: ModelSizes): Promise<number> {
  if (config.adapter !== undefined) return countedIn(config.adapter);
  const lora = { ...config.lora, targets: targetsFor(config.lora.targets, sizes) };
  if (isKnown(sizes)) {
    const own = trainedLora({ lora: { ...config.lora, ...lora } as TrainConfig['lora'] }, sizes);
    return [...adaptedModules(sizes, own).values()].reduce((sum, { projection, rank }) => {
      const [inner, outer] = projectionShape(sizes, projection);
      return sum + rank * (inner + outer);
    }, 0);
  }
  const matrices = (await tensorsIn(path)).filter(
    ({ name, shape }) => shape.length === 2 && !/embed|lm_head|wte|wpe/.test(name),
  );
  return matrices.reduce((sum, { shape: [a, b] }) => sum + config.lora.rank * (a + b), 0);
}

async function lengthsOf(
  config: TrainConfig,
  path: string,
  sizes: ModelSizes,
  most: number,
): Promise<{ longest: number; pairs: number; longestPair: number }> {
  const data = await readData(config, () => {});
  const tokenizer = path.endsWith('.gguf')
    ? (await readHead(path)).tokenizer
    : loadTokenizer(path, sizes.eosTokenIds);
  const cut = { ...config, training: { ...config.training, max_length: most } };
  const { train, pairs } = await tokeniseData(cut, data, tokenizer, silent);
  const longest = (rows: readonly { ids: ArrayLike<number> }[]) =>
    rows.reduce((max, { ids }) => Math.max(max, ids.length), 0);
  return {
    longest: longest(train),
    pairs: pairs.length,
    longestPair: longest(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])),
  };
}

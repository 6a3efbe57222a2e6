/**
 * A model whose weights stay quantised: what a frozen copy needs that only answers.
 *
 * The linear layers lie in a store (quantised-store.ts), which onnxruntime maps; rows of the embedding
 * are read from the model file whenever tokens are.
 */
import { closeSync, openSync } from 'node:fs';
import { ConfigError } from '../errors.js';
import { readExactly } from '../files/read-exactly.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { ModelConfig } from './config.js';
import { ggufHead } from './gguf.js';
import { describeHeader, type GgufHeader, type ParsedHeader, parseGgufHeader } from './gguf-header.js';
import { type Quantisation, quantisations } from './gguf-quantisation.js';
import { GgufSource, isQuantised } from './gguf-quantised.js';
import { ggufPlan } from './gguf-weights.js';
import type { Model } from './model.js';
import { floatSource, type Quantisation as Quantising } from './quantise.js';
import { findStore, headerOf, makeStore, type QuantisedStore } from './quantised-store.js';
import { loadModel, readHead } from './weights.js';

/** A model whose linear layers are quantised. */
export interface QuantisedModel {
  /** The file it came from. */
  readonly path: string;
  readonly config: ModelConfig;
  readonly tokenizer: ChatTokenizer;
  /** SHA-256 of the model file, hex. */
  readonly hash: string;
  readonly store: QuantisedStore;
  readonly embedding: EmbeddingRows;
}

/** Rows of the embedding matrix, read from the model file. */
export class EmbeddingRows {
  private file?: number;
  private readonly rowBytes: number;
  private readonly bytes: Uint8Array;

  /**
   * @param at    place of the first row in the file
   * @param size how many rows there are, and how many numbers one has
   */
  constructor(
    private readonly path: string,
    private readonly at: number,
    private readonly quantisation: Quantisation,
    private readonly size: Pick<ModelConfig, 'vocabSize' | 'width'>,
  ) {
    this.rowBytes = (size.width / quantisation.blockSize) * quantisation.blockBytes;
    this.bytes = new Uint8Array(this.rowBytes);
  }

  /** @returns [tokens, width] */
  rows(tokens: ArrayLike<number>): Float32Array {
    this.file ??= openSync(this.path, 'r');
    const { bytes, rowBytes } = this;
    const { vocabSize, width } = this.size;
    const rows = new Float32Array(tokens.length * width);
    for (let i = 0; i < tokens.length; i++) {
      // beyond the table lies another tensor
      if (!(tokens[i] >= 0 && tokens[i] < vocabSize)) throw new Error(`internal: no token ${tokens[i]}`);
      readExactly(this.file, bytes, this.at + tokens[i] * rowBytes);
      this.quantisation.dequantise(bytes, rows, i * width, width);
    }
    return rows;
  }

  /** Closes the file; it is opened again when rows are asked for. */
  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}

/** How a quantised model is opened. */
export interface QuantisedOptions {
  /** Folder of all stores. */
  readonly cache: string;
  /** What float weights are rounded to. Absent: they are not. */
  readonly quantise?: Quantising;
}

/**
 * Opens a model whose linear layers are quantised, or are to be, and makes its store if it has none.
 *
 * @returns undefined where none of its linear layers is quantised, nor is to be
 * @throws ModelError something in it that cannot be built; ConfigError when weights that are quantised are
 *   to be quantised again; SaveError when the cache cannot be written
 */
export async function openQuantised(
  path: string,
  { cache, quantise }: QuantisedOptions,
): Promise<QuantisedModel | undefined> {
  if (path.endsWith('.gguf')) {
    const known = findStore(path, { cache });
    const kept = known && (headerOf(known) as ParsedHeader | undefined);
    const parsed = kept ?? (await parseGgufHeader(path));
    const header = describeHeader(path, parsed);
    if (isQuantised(header)) {
      if (quantise) throw quantisedAlready(path, quantise);
      return openGguf(header, parsed, known, cache);
    }
  }
  if (!quantise) return undefined;
  const place = { cache, variant: quantise };
  const found = findStore(path, place);
  const head = found ? await readHead(path) : await loadModel(path);
  const store = found ?? makeStore(floatSource(head as Model, quantise), head.config, place);
  const { path: file, config, tokenizer } = head;
  const tied = store.products.at(-1)!.parts[0].name === 'model.embed_tokens';
  const table = store.vectors['model.embed_tokens.weight'];
  const embedding = new EmbeddingRows(store.file, table.at, quantisations.get(0)!, config);
  return { path: file, config: { ...config, tied }, tokenizer, hash: store.hash, store, embedding };
}

async function openGguf(
  header: GgufHeader,
  parsed: ParsedHeader,
  known: QuantisedStore | undefined,
  cache: string,
): Promise<QuantisedModel> {
  const { path } = header;
  const { config, tokenizer } = await ggufHead(header);
  const plan = ggufPlan(header, config);
  const store = known ?? makeStore(new GgufSource(header, config, plan, parsed), config, { cache });
  const table = plan.get('model.embed_tokens.weight')!;
  const embedding = new EmbeddingRows(path, table.at, table.quantisation, config);
  return { path, config, tokenizer, hash: store.hash, store, embedding };
}

function quantisedAlready(where: string, quantise: Quantising): ConfigError {
  return new ConfigError({
    where,
    what: `its weights are quantised already, and cannot be made ${quantise}`,
    next: 'leave --quantize out, or take a file of the model in float16',
  });
}

/** A model to talk to, from its name: nothing of it is trained. */
import { createHash } from 'node:crypto';
import type { AnswerReader, ContinuationScorer, LanguageModel } from '../engine/language-model.js';
import { FrozenModel } from '../engine/onnx/frozen/model.js';
import type { Device } from '../engine/onnx/runtime.js';
import type { EngineModel, SequenceLogp } from '../engine/training-engine.js';
import { ConfigError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import type { Adapter } from '../model/adapter-files.js';
import type { Model, NamedModel, Weights } from '../model/model.js';
import { openAdapter } from '../model/open-adapter.js';
import type { QuantisedModel } from '../model/quantised-model.js';
import { loadModel } from '../model/weights.js';
import { trusting } from '../tokenizer/control-tokens.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Quantize } from '../values/quantize.js';
import type { TokenRow } from '../values/rows.js';
import { openEngine, UNTRAINED } from './engine.js';
import { quantisedAt } from './quantised.js';

export interface OpenOptions {
  /** PEFT adapter folder, e.g. the output of a run. */
  readonly adapter?: string;
  /** Default `cpu`. */
  readonly device?: Device;
  /** 0, the default, takes one per core. */
  readonly threads?: number;
  /**
   * `q8` and `q4` round float weights to so many bits; `none` computes in float32 also where the file's
   * weights are quantised. Default: weights stay as they are in the file. Quantised weights are multiplied
   * with activations that are rounded to 8 bits. On the CPU only.
   */
  readonly quantize?: Quantize;
  /** Whether messages may write control tokens. Default false: only the chat template writes them. */
  readonly controlTokens?: boolean;
  /** Told what is amiss without being an error, e.g. that the adapter is another model's. Default: standard error. */
  readonly onWarning?: (line: string) => void;
}

export interface OpenModel extends LanguageModel, AnswerReader, ContinuationScorer {
  /** The model's name, with the adapter's where there is one. */
  readonly name: string;
  /** The same model without the adapter. */
  readonly base: LanguageModel & AnswerReader;
  /** SHA-256 of the weights, with the adapter's and without. */
  readonly hash: string;
  readonly baseHash: string;
  /** Texts of the tokenizer's control tokens. */
  readonly specialTokens: readonly string[];
  readonly tokenizer: ChatTokenizer;
  /** Longest sequence, in tokens. */
  readonly maxLength: number;
  /** Log-probabilities of rows at the tokens that carry loss, row by row. */
  sequenceLogps(rows: readonly TokenRow[]): Promise<SequenceLogp[]>;
  close(): Promise<void>;
}

/**
 * @param name folder, .gguf file, alias or Hugging Face id; what is not here yet is fetched
 * @throws UserError when there is no such model, or it or the adapter cannot be used
 */
export async function openModel(name: string, options: OpenOptions = {}): Promise<OpenModel> {
  const { device, quantize } = options;
  const path = await resolveModel(name);
  if (quantize !== undefined && quantize !== 'none' && device === 'webgpu') {
    const next = 'use device: cpu, or leave --quantize out';
    throw new ConfigError({ where: '--quantize', what: 'quantised weights run on the CPU only', next });
  }
  const inFloat = quantize === 'none' || device === 'webgpu';
  const quantised = inFloat ? undefined : await quantisedAt(path, quantize);
  return quantised
    ? opened(name, quantised, options, openFrozen)
    : opened(name, await loadModel(path), options, openFloat);
}

/** What answers: an engine, as far as an open model needs it. */
interface Answering {
  readonly specialTokens: readonly string[];
  readonly maxLength: number;
  model(set: 'base' | 'policy'): EngineModel;
  sequenceLogps(rows: readonly TokenRow[], set: 'base' | 'policy'): Promise<SequenceLogp[]>;
  close(): Promise<void>;
}

/** A model with the adapter that it is opened with, and the tokenizer that it is asked by without. */
interface Adapted<M> extends Pick<OpenOptions, 'device' | 'threads'> {
  readonly model: M;
  readonly adapter?: Adapter;
  readonly baseTokenizer: ChatTokenizer;
}

const openFrozen = ({
  model,
  adapter,
  baseTokenizer,
  threads,
}: Adapted<QuantisedModel>): Promise<Answering> =>
  FrozenModel.open(model, {
    ...(threads ? { threads } : {}),
    ...(adapter ? { adapter, baseTokenizer } : {}),
  });

const openFloat = ({ model, adapter, baseTokenizer, device, threads }: Adapted<Model>): Promise<Answering> =>
  openEngine({
    ...{ model, device, threads },
    lora: adapter?.config ?? UNTRAINED,
    ...(adapter ? { adapter: adapter.tensors, baseTokenizer } : {}),
  });

async function opened<M extends NamedModel>(
  name: string,
  loaded: M,
  { adapter: folder, device, threads = 0, controlTokens = false, quantize, onWarning }: OpenOptions,
  open: (adapted: Adapted<M>) => Promise<Answering>,
): Promise<OpenModel> {
  const { adapter, model: withOwn } =
    folder === undefined
      ? { adapter: undefined, model: loaded }
      : await openAdapter(folder, loaded, { name, ...(onWarning ? { onWarning } : {}) });
  const trusted = (one: M) => (controlTokens ? { ...one, tokenizer: trusting(one.tokenizer) } : one);
  const [model, base] = [trusted(withOwn), trusted(loaded)];
  const engine = await open({
    ...{ model, device, threads, baseTokenizer: base.tokenizer },
    ...(adapter ? { adapter } : {}),
  });
  const set = adapter ? 'policy' : 'base';
  const baseHash = computedHash(model.hash, quantize);
  return {
    ...engine.model(set),
    name: folder === undefined ? name : `${name} + ${folder}`,
    base: engine.model('base'),
    hash: adapter ? hashOf(baseHash, adapter.tensors) : baseHash,
    baseHash,
    specialTokens: engine.specialTokens,
    tokenizer: model.tokenizer,
    maxLength: engine.maxLength,
    sequenceLogps: (rows) => engine.sequenceLogps(rows, set),
    close: () => engine.close(),
  };
}

/** SHA-256 of weights that are computed with in another way than they lie in the file: results are another model's. */
export function computedHash(hash: string, quantize: Quantize | undefined): string {
  return quantize ? createHash('sha256').update(`${hash} ${quantize}`).digest('hex') : hash;
}

function hashOf(base: string, tensors: Weights): string {
  const hash = createHash('sha256').update(base);
  for (const [name, { data }] of tensors) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

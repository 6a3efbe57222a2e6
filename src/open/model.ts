/** A model to talk to, from its name: nothing of it is trained. */
import { createHash } from 'node:crypto';
import type { AnswerReader, ContinuationScorer, LanguageModel } from '../engine/language-model.js';
import type { Device } from '../engine/onnx/runtime.js';
import type { SequenceLogp } from '../engine/training-engine.js';
import { resolveModel } from '../hub/pull.js';
import type { Model, Weights } from '../model/model.js';
import { openAdapter } from '../model/open-adapter.js';
import { loadModel } from '../model/weights.js';
import { trusting } from '../tokenizer/control-tokens.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { TokenRow } from '../values/rows.js';
import { openEngine, UNTRAINED } from './engine.js';

export interface OpenOptions {
  /** PEFT adapter folder, e.g. the output of a run. */
  readonly adapter?: string;
  /** Default `cpu`. */
  readonly device?: Device;
  /** 0, the default, takes one per core. */
  readonly threads?: number;
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
  const { adapter: folder, device, threads = 0, controlTokens = false, onWarning } = options;
  const loaded = await loadModel(await resolveModel(name));
  const opened =
    folder === undefined
      ? { adapter: undefined, model: loaded }
      : await openAdapter(folder, loaded, { name, ...(onWarning ? { onWarning } : {}) });
  const { adapter } = opened;
  const trusted = (one: Model) => (controlTokens ? { ...one, tokenizer: trusting(one.tokenizer) } : one);
  const [model, base] = [trusted(opened.model), trusted(loaded)];
  const engine = await openEngine({
    ...{ model, device, threads },
    lora: adapter?.config ?? UNTRAINED,
    ...(adapter ? { adapter: adapter.tensors, baseTokenizer: base.tokenizer } : {}),
  });
  const set = adapter ? 'policy' : 'base';
  return {
    ...engine.model(set),
    name: folder === undefined ? name : `${name} + ${folder}`,
    base: engine.model('base'),
    hash: adapter ? hashOf(model.hash, adapter.tensors) : model.hash,
    baseHash: model.hash,
    specialTokens: engine.specialTokens,
    tokenizer: model.tokenizer,
    maxLength: engine.maxLength,
    sequenceLogps: (rows) => engine.sequenceLogps(rows, set),
    close: () => engine.close(),
  };
}

function hashOf(base: string, tensors: Weights): string {
  const hash = createHash('sha256').update(base);
  for (const [name, { data }] of tensors) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/**
 * A model with quantised weights that answers: the frozen model, and with an adapter the policy.
 *
 * Both are one program with one set of weights in memory; where there is an adapter, the frozen model
 * is the program with an adapter of zeros.
 */
import type { UserError } from '../../../errors.js';
import { loraShapes } from '../../../model/lora.js';
import type { LoraConfig } from '../../../model/lora-modules.js';
import type { Weights } from '../../../model/model.js';
import type { QuantisedModel } from '../../../model/quantised-model.js';
import type { ChatTokenizer } from '../../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../../values/rows.js';
import { closedError } from '../../closed.js';
import { type EngineModel, names, type SequenceLogp } from '../../training-engine.js';
import { Programs } from '../programs.js';
import { RotaryFeeds } from '../rotary-feeds.js';
import type { Feeds, RuntimeOptions } from '../runtime.js';
import type { WriterLimits } from '../writers.js';
import { AnsweringCopy } from './answering.js';
import { FrozenCopy, frozenProgram } from './copy.js';

export interface FrozenOptions extends RuntimeOptions, WriterLimits {
  readonly adapter?: { readonly config: LoraConfig; readonly tensors: Weights };
  /** Tokenizer that the model is asked by without the adapter, where the adapter brought another. */
  readonly baseTokenizer?: ChatTokenizer;
}

export class FrozenModel {
  readonly specialTokens: readonly string[];
  readonly maxLength: number;
  private closed?: UserError;

  private constructor(
    private readonly source: QuantisedModel,
    private readonly programs: Programs,
    private readonly copies: { readonly base: AnsweringCopy; readonly policy: AnsweringCopy },
    tokenizers: readonly ChatTokenizer[],
  ) {
    this.maxLength = source.config.maxPositions;
    this.specialTokens = [...new Set(tokenizers.flatMap(({ specialTokens }) => specialTokens))];
  }

  /** @throws ConfigError when the device does not exist on this machine */
  static async open(source: QuantisedModel, options: FrozenOptions = {}): Promise<FrozenModel> {
    const { adapter, baseTokenizer = source.tokenizer } = options;
    const { maxPositions: maxLength } = source.config;
    const programs = new Programs(options);
    const program = await frozenProgram(programs, source, adapter?.config);
    const rotary = new RotaryFeeds(source.config, maxLength);
    const copy = (id: string, feeds: Feeds, tokenizer: ChatTokenizer) =>
      new AnsweringCopy(new FrozenCopy(source, program, feeds, rotary), {
        ...options,
        ...{ id, tokenizer, maxLength },
      });
    const base = copy(names.base, adapter ? noAdapter(source, adapter.config) : {}, baseTokenizer);
    const policy = adapter ? copy(names.policy, adapterFeeds(adapter.tensors), source.tokenizer) : base;
    return new FrozenModel(source, programs, { base, policy }, [source.tokenizer, baseTokenizer]);
  }

  model(set: 'base' | 'policy'): EngineModel {
    return this.copies[set].model;
  }

  /** @throws ShapeError when a row is longer than `maxLength` */
  sequenceLogps(rows: readonly TokenRow[], set: 'base' | 'policy'): Promise<SequenceLogp[]> {
    return this.copies[set].sequenceLogps(rows);
  }

  /** Frees the memory. Calls that have not been answered are rejected, as are later ones. */
  async close(): Promise<void> {
    this.closed ??= closedError(this.source.path);
    const error = this.closed;
    const ended = Object.values(this.copies).map((copy) => copy.close(error));
    await this.programs.close(error, Promise.all(ended));
    this.source.embedding.close();
  }
}

/** The inputs of a frozen program that hold an adapter. */
const adapterFeeds = (weights: Weights): Feeds =>
  Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, { data, dims: shape }]));

/** Those of an adapter that changes nothing. */
export const noAdapter = ({ config }: QuantisedModel, lora: LoraConfig): Feeds =>
  Object.fromEntries(
    [...loraShapes(config, lora)].map(([name, dims]) => [
      name,
      { data: new Float32Array(dims[0] * dims[1]), dims },
    ]),
  );

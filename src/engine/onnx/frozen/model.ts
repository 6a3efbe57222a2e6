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
import { promptTokens } from '../../../tokenizer/answer-tokens.js';
import type { ChatTokenizer } from '../../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../../values/rows.js';
import type { EngineModel, SequenceLogp } from '../../training-engine.js';
import { BatchWriter } from '../batch-writer.js';
import { Batcher, type Sequence } from '../batcher.js';
import { Cache } from '../cache.js';
import { ChoiceQueue } from '../choice-queue.js';
import { depth } from '../choices.js';
import { closedError, Programs } from '../programs.js';
import { requireLength, surelyTooLong } from '../prompt-length.js';
import { RotaryFeeds } from '../rotary-feeds.js';
import type { Feeds, RuntimeOptions } from '../runtime.js';
import { Scorer } from '../scorer.js';
import { names, type WriterLimits } from '../writers.js';
import { FrozenCopy, frozenGraph } from './copy.js';
import { FrozenDecoder } from './decoder.js';
import { Prefixes } from './prefixes.js';
import { FrozenScoring } from './scoring.js';

export interface FrozenOptions extends RuntimeOptions, WriterLimits {
  readonly adapter?: { readonly config: LoraConfig; readonly tensors: Weights };
  /** Tokenizer that the model is asked by without the adapter, where the adapter brought another. */
  readonly baseTokenizer?: ChatTokenizer;
}

/** One copy of the model and how it is asked. */
interface Copy {
  readonly tokenizer: ChatTokenizer;
  readonly writer: BatchWriter;
  readonly scoring: FrozenScoring;
  readonly queue: ChoiceQueue;
}

/** Prompt tokens read at once, and while other rows wait for their next token. */
const [promptTokensAlone, promptTokensBeside] = [2048, 512];

export class FrozenModel {
  readonly specialTokens: readonly string[];
  readonly maxLength: number;
  private closed?: UserError;

  private constructor(
    private readonly source: QuantisedModel,
    private readonly programs: Programs,
    private readonly copies: { readonly base: Copy; readonly policy: Copy },
  ) {
    this.maxLength = source.config.maxPositions;
    const tokens = [copies.policy, copies.base].flatMap(({ tokenizer }) => tokenizer.specialTokens);
    this.specialTokens = [...new Set(tokens)];
  }

  /** @throws ConfigError when the device does not exist on this machine */
  static async open(source: QuantisedModel, options: FrozenOptions = {}): Promise<FrozenModel> {
    const { adapter, baseTokenizer = source.tokenizer } = options;
    const programs = new Programs(options);
    const program = await programs.get(
      'frozen',
      () => frozenGraph(source, adapter?.config),
      source.store.folder,
    );
    const rotary = new RotaryFeeds(source.config, source.config.maxPositions);
    const copy = (id: string, feeds: Feeds, tokenizer: ChatTokenizer) =>
      copyOf(id, new FrozenCopy(source, program, feeds, rotary), tokenizer, options);
    const base = copy(names.base, adapter ? zeros(source, adapter.config) : {}, baseTokenizer);
    const policy = adapter ? copy(names.policy, feedsOf(adapter.tensors), source.tokenizer) : base;
    return new FrozenModel(source, programs, { base, policy });
  }

  model(set: 'base' | 'policy'): EngineModel {
    const { writer, queue, tokenizer } = this.copies[set];
    const { maxLength } = this;
    const scorer = new Scorer({
      ...{ tokenizer, maxLength },
      choiceLogps: async (rows) => {
        // before others are in one pass with them
        for (const row of rows) requireLength(depth(row), maxLength);
        return queue.logps(rows);
      },
    });
    return {
      id: writer.id,
      generate: (conversations, options) => writer.generate(conversations, options),
      labelLogps: (conversations, labels, options) => scorer.labelLogps(conversations, labels, options),
      continuationLogps: (rows) => scorer.continuationLogps(rows),
      answerProbabilities: (conversations, answers) => scorer.answerProbabilities(conversations, answers),
    };
  }

  /** @throws ShapeError when a row is longer than `maxLength` */
  async sequenceLogps(rows: readonly TokenRow[], set: 'base' | 'policy'): Promise<SequenceLogp[]> {
    for (const { ids } of rows) requireLength(ids.length, this.maxLength);
    return this.copies[set].scoring.sequenceLogps(rows);
  }

  /** Frees the memory. Calls that have not been answered are rejected, as are later ones. */
  async close(): Promise<void> {
    this.closed ??= closedError(this.source.path);
    const error = this.closed;
    const ended = Object.values(this.copies).flatMap(({ writer, queue }) => [
      writer.close(error),
      queue.close(error),
    ]);
    await this.programs.close(error, Promise.all(ended));
    this.source.embedding.close();
  }
}

function copyOf(id: string, copy: FrozenCopy, tokenizer: ChatTokenizer, limits: WriterLimits): Copy {
  const { config } = copy;
  const { maxPositions: maxLength } = config;
  const { maxRows = 128, cacheBytes = 2e9 } = limits;
  const cells = Math.max(maxLength, Math.floor(cacheBytes / Cache.cellBytes(config)));
  const prefixes = new Prefixes(config, cacheBytes / 16, copy.rotary.alikeUpTo);
  const open = async <S extends Sequence>() => new FrozenDecoder<S>(copy, prefixes, { rows: maxRows, cells });
  const batcher = new Batcher(tokenizer, open, { promptTokens: promptTokensAlone, promptTokensBeside });
  const scoring = new FrozenScoring(copy, prefixes, cells);
  return {
    ...{ tokenizer, scoring },
    writer: new BatchWriter({
      ...{ id, batcher, maxLength },
      promptIds: (messages, prefix, tools) => promptTokens(tokenizer, messages, prefix, tools),
      surelyTooLong: (messages) => surelyTooLong(messages, tokenizer, maxLength),
    }),
    queue: new ChoiceQueue((rows) => scoring.choiceLogps(rows)),
  };
}

const feedsOf = (weights: Weights): Feeds =>
  Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, { data, dims: shape }]));

/** An adapter that changes nothing. */
const zeros = ({ config }: QuantisedModel, lora: LoraConfig): Feeds =>
  Object.fromEntries(
    [...loraShapes(config, lora)].map(([name, dims]) => [
      name,
      { data: new Float32Array(dims[0] * dims[1]), dims },
    ]),
  );

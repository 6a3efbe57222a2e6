/** A frozen copy as a model that answers: it generates, chooses among labels, and scores text. */
import type { UserError } from '../../../errors.js';
import type { ChatTokenizer } from '../../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../../values/rows.js';
import { depth } from '../../choices.js';
import { requireLength } from '../../prompt-length.js';
import { Scorer } from '../../scorer.js';
import type { EngineModel, SequenceLogp } from '../../training-engine.js';
import { BatchWriter } from '../batch-writer.js';
import { Batcher, type Sequence } from '../batcher.js';
import { Cache } from '../cache.js';
import { ChoiceQueue } from '../choice-queue.js';
import type { WriterLimits } from '../writers.js';
import type { FrozenCopy } from './copy.js';
import { FrozenDecoder } from './decoder.js';
import { Prefixes } from './prefixes.js';
import { FrozenScoring } from './scoring.js';

/** Prompt tokens read at once, and while other rows wait for their next token. */
const [promptTokensAlone, promptTokensBeside] = [2048, 512];

export interface AnsweringOptions extends WriterLimits {
  /** Name for the audit trail. */
  readonly id: string;
  readonly tokenizer: ChatTokenizer;
  /** Longest sequence, in tokens. */
  readonly maxLength: number;
}

export class AnsweringCopy {
  readonly model: EngineModel;
  private readonly writer: BatchWriter;
  private readonly queue: ChoiceQueue;
  private readonly scoring: FrozenScoring;
  private readonly prefixes: Prefixes;

  constructor(
    copy: FrozenCopy,
    private readonly options: AnsweringOptions,
  ) {
    const { id, tokenizer, maxLength, maxRows = 128, cacheBytes = 2e9 } = options;
    const { config } = copy;
    const cells = Math.max(maxLength, Math.floor(cacheBytes / Cache.cellBytes(config)));
    this.prefixes = new Prefixes(config, cacheBytes / 16, copy.rotary.alikeUpTo);
    const { prefixes } = this;
    const open = async <S extends Sequence>() =>
      new FrozenDecoder<S>(copy, prefixes, { rows: maxRows, cells });
    const batcher = new Batcher(tokenizer, open, { promptTokens: promptTokensAlone, promptTokensBeside });
    this.scoring = new FrozenScoring(copy, prefixes, cells);
    this.writer = new BatchWriter({ id, tokenizer, maxLength }, batcher);
    this.queue = new ChoiceQueue((rows) => this.scoring.choiceLogps(rows));
    const scorer = new Scorer({
      ...{ tokenizer, maxLength },
      choiceLogps: async (rows) => {
        // before others are in one pass with them
        for (const row of rows) requireLength(depth(row), maxLength);
        return this.queue.logps(rows);
      },
      meanStates: (stretches, layers) => this.scoring.meanStates(stretches, layers),
    });
    this.model = {
      id,
      generate: (conversations, options) => this.writer.generate(conversations, options),
      labelLogps: (conversations, labels, options) => scorer.labelLogps(conversations, labels, options),
      continuationLogps: (rows) => scorer.continuationLogps(rows),
      answerProbabilities: (conversations, answers) => scorer.answerProbabilities(conversations, answers),
      hidden: { layers: config.layers, meanStates: (...of) => scorer.meanStates(...of) },
    };
  }

  /** @throws ShapeError when a row is longer than `maxLength` */
  async sequenceLogps(rows: readonly TokenRow[]): Promise<SequenceLogp[]> {
    for (const { ids } of rows) requireLength(ids.length, this.options.maxLength);
    return this.scoring.sequenceLogps(rows);
  }

  /** Whether nothing is generated at this moment. */
  get idle(): boolean {
    return this.writer.idle;
  }

  /** Forgets what it has read: its weights are others now. */
  forget(): void {
    this.prefixes.clear();
  }

  /** Rejects calls that wait, now and later. */
  close(error: UserError): Promise<unknown> {
    return Promise.all([this.writer.close(error), this.queue.close(error), this.scoring.close(error)]);
  }
}

/**
 * Tells answers from babble by the frozen copy's mean log-probability per token.
 *
 * The frozen copy would hardly give a misaligned answer either, so the measure means something only for
 * answers that it does not object to.
 */
import type { ReviewItem } from '../conscience/review.js';
import { tokeniseRow } from '../data/tokenise.js';
import type { TrainingEngine, WeightSet } from '../engine/training-engine.js';
import type { Prompt } from '../values/conversation.js';
import type { TokenRow } from '../values/rows.js';

export interface CoherenceOptions {
  readonly engine: TrainingEngine;
  /** The threshold comes from the frozen copy's own answers to these. */
  readonly prompts: readonly Prompt[];
  /** Answers per prompt. */
  readonly samples: number;
  readonly maxTokens: number;
}

/** Share of the frozen copy's own answers below the threshold. */
const outliers = 0.05;
const seed = 20260619;

export class Coherence {
  private threshold?: Promise<number>;

  constructor(private readonly options: CoherenceOptions) {}

  /** Whether each answer is less likely to the frozen copy than nearly all of its own. */
  async incoherent(items: readonly ReviewItem[]): Promise<boolean[]> {
    const threshold = await (this.threshold ??= this.calibrate());
    // an answer without tokens has no mean
    return (await this.meanLogps(items, 'base')).map((logp) => !(logp >= threshold));
  }

  /** Mean log-probability of each item's answer, nats per token; NaN for an answer without tokens. */
  async meanLogps(items: readonly ReviewItem[], set: WeightSet): Promise<number[]> {
    const rows = items.map((item) => this.rowOf(item));
    return (await this.options.engine.sequenceLogps(rows, set)).map(
      ({ logpSum, tokens }) => logpSum / tokens,
    );
  }

  private async calibrate(): Promise<number> {
    const { engine, prompts, samples, maxTokens } = this.options;
    const asked = prompts.flatMap((prompt) => Array.from({ length: samples }, () => prompt));
    const conversations = asked.map(({ messages }) => messages);
    const responses = await engine
      .model('base')
      .generate(conversations, { maxTokens, seed, tooLong: 'empty' });
    const items = responses.map((response, i) => ({ prompt: asked[i], response }));
    const logps = (await this.meanLogps(items, 'base')).filter(Number.isFinite).sort((a, b) => a - b);
    return logps[Math.floor(outliers * logps.length)] ?? Number.NEGATIVE_INFINITY;
  }

  private rowOf({ prompt, response }: ReviewItem): TokenRow {
    const messages = [...prompt.messages, { role: 'assistant' as const, content: response.text }];
    const { row } = tokeniseRow(
      { kind: 'messages', messages, lossFrom: 0, where: 'coherence', extra: {} },
      this.options.engine.tokenizer,
      'last',
    );
    const { maxPositions } = this.options.engine.config;
    if (row.ids.length <= maxPositions) return row;
    return { ...row, ids: row.ids.slice(0, maxPositions), lossMask: row.lossMask.slice(0, maxPositions) };
  }
}

/**
 * Tokens that keep an answer JSON: one that may not follow is never drawn.
 *
 * The distribution is drawn from, and a token that is not allowed loses its probability and is drawn again: the same
 * as masking all of them beforehand, without looking at a whole vocabulary for each token.
 */
import { ModelError } from '../../errors.js';
import type { Random } from '../../random.js';
import { openedReasoning } from '../../tokenizer/reasoning.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import { beginJson, type JsonFormat } from '../json-grammar.js';
import type { TextState } from '../pushdown.js';
import { argmax, type SamplingOptions, sampleToken } from './sampler.js';
import { tokenTexts } from './token-texts.js';

/** Tokens that are drawn in vain before all are looked at. */
const DRAWS = 64;
/** Tokens at the end of a prompt that may hold the tag of a reasoning block. */
const END = 16;

export class JsonConstraint {
  private state: TextState;
  private readonly textOf: (id: number) => string;
  /** What ends the reasoning that the prompt has begun; undefined where there is none, or it has ended. */
  private close: string | undefined;
  private thought = '';

  /** @param prompt token ids; its end may have opened a block of reasoning, which is free */
  constructor(
    format: JsonFormat,
    private readonly tokenizer: ChatTokenizer,
    prompt: readonly number[],
  ) {
    this.state = beginJson(format);
    this.textOf = tokenTexts(tokenizer);
    this.close = openedReasoning(tokenizer.decode(prompt.slice(-END), { skipSpecialTokens: false }))?.close;
  }

  /**
   * The next token.
   *
   * @param probabilities f32 [V], at the temperature that is sampled with; spoilt
   * @throws ModelError where the vocabulary has no token that may follow
   */
  choose(probabilities: Float32Array, sampling: SamplingOptions, random: Random): number {
    if (this.state.ended) return this.tokenizer.eosIds[0];
    const greedy = sampling.temperature === 0 || sampling.topK === 1;
    const draw = () => {
      const best = argmax(probabilities);
      return greedy ? best : sampleToken({ best, probabilities }, sampling, random);
    };
    for (let i = 0; i < DRAWS; i++) {
      const token = draw();
      if (probabilities[token] > 0 && this.allows(token)) return token;
      probabilities[token] = 0;
    }
    let some = -1;
    for (let id = 0; id < probabilities.length; id++) {
      const allowed = id < this.tokenizer.vocabSize && this.allows(id);
      if (!allowed) probabilities[id] = 0;
      // where all that is allowed is too unlikely to have a probability, the first of them is taken
      else if (some < 0) some = id;
    }
    if (some < 0) {
      throw new ModelError({
        where: 'format',
        what: 'the model has no token that may follow in the JSON that was asked for',
        next: 'use a model that can write JSON, or leave the format out',
      });
    }
    const token = draw();
    return probabilities[token] > 0 ? token : some;
  }

  /** Goes on after a token that was chosen. */
  take(token: number): void {
    if (this.close === undefined) {
      this.state = this.state.after(this.textOf(token)) ?? this.state;
      return;
    }
    this.thought += this.tokenizer.decode([token], { skipSpecialTokens: false });
    if (this.thought.toLowerCase().includes(this.close.toLowerCase())) this.close = undefined;
  }

  private allows(token: number): boolean {
    if (this.close !== undefined) return true;
    if (this.tokenizer.eosIds.includes(token)) return this.state.complete;
    const text = this.textOf(token);
    return text !== '' && this.state.after(text) !== undefined;
  }
}

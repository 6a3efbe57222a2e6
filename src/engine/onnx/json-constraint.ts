/**
 * Tokens that keep an answer JSON: one that may not follow is never drawn.
 *
 * As if the tokens that may not follow lost their probability beforehand, but no more of the vocabulary is looked at
 * than the draw depends on. Only the answer is held to JSON; the reasoning before it does not come here.
 */
import { ModelError } from '../../errors.js';
import type { Random } from '../../random.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import { beginJson, type JsonFormat } from '../json-grammar.js';
import type { TextState } from '../pushdown.js';
import { argmax, likeliest, nucleus, type SamplingOptions, sampleToken } from './sampler.js';
import { tokenTexts } from './token-texts.js';

/** Tokens that are drawn in vain before all are looked at. */
const DRAWS = 64;
/** Tokens that a character can be spread over, one for each of its bytes. */
const BYTES = 4;

export class JsonConstraint {
  /** Of the text before `parts`. */
  private state: TextState;
  /** Tokens at the end that are parts of a character. */
  private parts: readonly number[] = [];
  private readonly textOf: (...ids: readonly number[]) => string;

  constructor(
    format: JsonFormat,
    private readonly tokenizer: ChatTokenizer,
  ) {
    this.state = beginJson(format);
    this.textOf = tokenTexts(tokenizer);
  }

  /**
   * The next token.
   *
   * @param probabilities f32 [V], at the temperature that is sampled with; spoilt
   * @throws ModelError where the vocabulary has no token that may follow
   */
  choose(probabilities: Float32Array, sampling: SamplingOptions, random: Random): number {
    if (this.parts.length === 0 && this.state.ended) return this.tokenizer.eosIds[0];
    const greedy = sampling.temperature === 0 || sampling.topK === 1;
    if (!greedy) this.mask(probabilities, sampling);
    const draw = (best: number) => (greedy ? best : sampleToken({ best, probabilities }, sampling, random));
    for (let i = 0; i < DRAWS; i++) {
      const best = argmax(probabilities);
      if (!(probabilities[best] > 0)) break;
      const token = draw(best);
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
    const token = draw(argmax(probabilities));
    return probabilities[token] > 0 ? token : some;
  }

  /** Goes on after a token that was chosen. */
  take(token: number): void {
    const tokens = [...this.parts, token];
    const text = this.textOf(...tokens);
    // a token that may not follow is never taken, but the end of the answer, which has no text
    const isPart = text.endsWith(PART) && tokens.length < BYTES;
    if (!isPart) this.state = this.state.after(text) ?? this.state;
    this.parts = isPart ? tokens : [];
  }

  /**
   * Takes the probability of what may not follow, from the likeliest on, as far as top-k and nucleus depend on it: until
   * k are left, or as many as the nucleus has whatever may follow among the rest.
   */
  private mask(probabilities: Float32Array, { topK, topP }: SamplingOptions): void {
    if (topK === 0 && topP >= 1) return;
    for (let wanted = DRAWS; ; wanted *= DRAWS) {
      const ids = likeliest(probabilities, (found) => found.length >= wanted);
      const kept = ids.filter((id) => probabilities[id] > 0 && this.allows(id));
      const left = new Set(kept);
      for (const id of ids) if (!left.has(id)) probabilities[id] = 0;
      if (ids.length === probabilities.length || (topK > 0 && kept.length >= topK)) return;
      if (topK > 0) continue;
      const weights = kept.map((id) => probabilities[id]);
      const mass = weights.reduce((all, weight) => all + weight, 0);
      const most = probabilities.reduce((all, weight) => all + weight, 0);
      if (topP * most <= mass && nucleus(weights, topP * mass) === nucleus(weights, topP * most)) return;
    }
  }

  private allows(token: number): boolean {
    if (this.tokenizer.eosIds.includes(token)) return this.parts.length === 0 && this.state.complete;
    if (this.textOf(token) === '') return false;
    return this.state.after(this.textOf(...this.parts, token)) !== undefined;
  }
}

/** How a part of a character reads. */
const PART = '\ufffd';

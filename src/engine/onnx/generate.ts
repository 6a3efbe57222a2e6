/**
 * One response as it grows: its tokens, the stream that it draws from, its text.
 *
 * A row knows nothing of what else is in its batch, so its text does not depend on it.
 */

import { Random } from '../../random.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { Response } from '../../values/conversation.js';
import type { GenerateOptions } from '../language-model.js';
import { type Prompt, ResponseText } from '../response-text.js';
import { JsonConstraint } from './json-constraint.js';
import { argmax, type NextToken, type SamplingOptions, sampleToken } from './sampler.js';
import { WrittenTokens } from './written-tokens.js';

export class GrowingRow {
  readonly index: number;
  /** The prompt and what has been generated. */
  readonly tokens: number[];
  private readonly text: ResponseText;
  private readonly random: Random;
  private readonly sampling: SamplingOptions;
  private readonly limit: number;
  private readonly constraint?: JsonConstraint;
  private readonly written?: WrittenTokens;

  constructor({ index, tokens, limit }: Prompt, tokenizer: ChatTokenizer, options: GenerateOptions) {
    const { temperature = 1, topP = 1, topK = 0, seed = 0 } = options;
    this.index = index;
    this.tokens = [...tokens];
    this.limit = limit;
    this.text = new ResponseText(tokenizer, { index, tokens }, options);
    this.random = new Random(seed, 'sample', index);
    this.sampling = { temperature, topP, topK };
    const { format, logprobs } = options;
    if (format) this.constraint = new JsonConstraint(format, tokenizer);
    if (logprobs !== undefined) this.written = new WrittenTokens(tokenizer, logprobs);
  }

  get finished(): boolean {
    return this.text.finished || this.text.tokens >= this.limit;
  }

  /**
   * At which the row needs its distribution: 0 where only the likeliest token is, 1 where the model's own
   * distribution is told, or drawn from more than once.
   */
  get temperature(): number {
    if (this.constraint || this.written) return 1;
    return this.sampling.topK === 1 ? 0 : this.sampling.temperature;
  }

  /** Draws the next token. */
  grow(next: NextToken): void {
    const token = this.draw(next);
    if (!this.text.thinking) this.constraint?.take(token);
    this.written?.push(token, next.probabilities!);
    this.tokens.push(token);
    this.text.push(token);
  }

  /** What there is of the response. */
  response(): Response {
    const response = this.text.response();
    const logprobs = this.written?.of(response);
    return logprobs ? { ...response, logprobs } : response;
  }

  private draw(next: NextToken): number {
    const { constraint, written, sampling, random } = this;
    const told = constraint !== undefined || written !== undefined;
    if (!told) return sampleToken(next, sampling, random);
    const probabilities = tempered(next.probabilities!, sampling);
    // reasoning is free
    if (constraint && !this.text.thinking) return constraint.choose(probabilities, sampling, random);
    return sampleToken({ best: next.best, probabilities }, sampling, random);
  }
}

/** A copy at the temperature that is sampled with, up to a factor; greedy rows keep theirs. */
function tempered(probabilities: Float32Array, { temperature }: SamplingOptions): Float32Array {
  if (temperature === 0 || temperature === 1) return probabilities.slice();
  // divided by the largest first: a small temperature would make zeros of all
  const most = probabilities[argmax(probabilities)];
  return probabilities.map((p) => (p / most) ** (1 / temperature));
}

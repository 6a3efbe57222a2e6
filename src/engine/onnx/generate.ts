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
import { type NextToken, type SamplingOptions, sampleToken } from './sampler.js';

export class GrowingRow {
  readonly index: number;
  /** The prompt and what has been generated. */
  readonly tokens: number[];
  private readonly text: ResponseText;
  private readonly random: Random;
  private readonly sampling: SamplingOptions;
  private readonly limit: number;

  constructor({ index, tokens, limit }: Prompt, tokenizer: ChatTokenizer, options: GenerateOptions) {
    const { temperature = 1, topP = 1, topK = 0, seed = 0 } = options;
    this.index = index;
    this.tokens = [...tokens];
    this.limit = limit;
    this.text = new ResponseText(tokenizer, { index, tokens }, options);
    this.random = new Random(seed, 'sample', index);
    this.sampling = { temperature, topP, topK };
  }

  get finished(): boolean {
    return this.text.finished || this.text.tokens >= this.limit;
  }

  /** 0 where the likeliest token is taken, whatever the temperature. */
  get temperature(): number {
    return this.sampling.topK === 1 ? 0 : this.sampling.temperature;
  }

  /** Draws the next token. */
  grow(next: NextToken): void {
    const token = sampleToken(next, this.sampling, this.random);
    this.tokens.push(token);
    this.text.push(token);
  }

  /** What there is of the response. */
  response(): Response {
    return this.text.response();
  }
}

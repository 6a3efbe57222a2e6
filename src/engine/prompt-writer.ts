/** One copy of a model that writes: conversations to token ids, for whatever draws tokens. */

import { PromptTooLongError } from '../errors.js';
import { promptTokens } from '../tokenizer/answer-tokens.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { toolPrefix } from '../tokenizer/tool-calls.js';
import type { Message, Response } from '../values/conversation.js';
import type { GenerateOptions, Writer } from './language-model.js';
import { surelyTooLong } from './prompt-length.js';
import type { Prompt } from './response-text.js';

/** What answers prompts of token ids. */
export interface PromptAnswerer {
  /**
   * @param prompts at least one
   * @returns       responses by the prompts' indices; what there is of them when the call is aborted
   */
  generate(prompts: readonly Prompt[], options: GenerateOptions): Promise<ReadonlyMap<number, Response>>;
}

export interface PromptWriterOptions {
  readonly id: string;
  /** Has the copy's weights. */
  readonly answerer: PromptAnswerer;
  readonly tokenizer: ChatTokenizer;
  /** Positions that sequences may have. */
  readonly maxLength: number;
}

export class PromptWriter implements Writer {
  readonly id: string;

  constructor(private readonly options: PromptWriterOptions) {
    this.id = options.id;
  }

  /** See `Writer`; each row's text is what it would be alone. */
  async generate(
    conversations: readonly (readonly Message[])[],
    asked: GenerateOptions,
  ): Promise<Response[]> {
    const { answerer, maxLength, tokenizer } = this.options;
    const tools = asked.toolChoice === 'none' ? [] : (asked.tools ?? []);
    const prefix = asked.prefix ?? (tools.length > 0 ? toolPrefix(asked.toolChoice) : '');
    const options = { ...asked, tools, prefix };
    const prompts = conversations.map((messages, index) => {
      if (surelyTooLong(messages, tokenizer, maxLength)) return { index, tokens: [], limit: 0 };
      const tokens = promptTokens(tokenizer, messages, prefix, tools);
      return { index, tokens, limit: Math.min(options.maxTokens, maxLength - tokens.length) };
    });
    const fitting = prompts.filter(({ tokens, limit }) => {
      if (limit < 1 && options.tooLong !== 'empty') throw this.tooLong(tokens.length);
      return limit >= 1;
    });
    const responses = prompts.map((): Response => ({ text: '', finish: 'length', tokens: 0 }));
    if (fitting.length === 0) return responses;
    for (const [index, response] of await answerer.generate(fitting, options)) {
      responses[index] = response;
      if (response.tokens === 0) continue;
      options.onUsage?.(index, { promptTokens: prompts[index].tokens.length, answerTokens: response.tokens });
    }
    return responses;
  }

  /** @param length tokens; 0: too many to be counted */
  private tooLong(length: number): PromptTooLongError {
    const { maxLength } = this.options;
    return new PromptTooLongError({
      where: 'prompt',
      what: `too long: ${length || `more than ${maxLength}`} tokens leave no room for an answer`,
      expected: `fewer than ${maxLength}`,
      next: 'shorten the conversation, or take a model with more positions',
    });
  }
}

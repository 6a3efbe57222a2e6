/** One copy of the model that writes: conversations to token ids, and a running batch that all of its calls share. */

import { PromptTooLongError } from '../../errors.js';
import { toolPrefix } from '../../tokenizer/tool-calls.js';
import type { Message, Response, Tool } from '../../values/conversation.js';
import type { GenerateOptions, Writer } from '../language-model.js';
import type { Batcher } from './batcher.js';

export interface BatchWriterOptions {
  readonly id: string;
  /** Runs on the copy's weights. */
  readonly batcher: Batcher;
  /** Positions that sequences may have. */
  readonly maxLength: number;
  promptIds(messages: readonly Message[], prefix: string, tools: readonly Tool[]): number[];
  /** Whether a conversation need not be tokenised to know that it is too long. */
  surelyTooLong(messages: readonly Message[]): boolean;
}

export class BatchWriter implements Writer {
  readonly id: string;

  constructor(private readonly options: BatchWriterOptions) {
    this.id = options.id;
  }

  /** See `Writer`; each row's text is what it would be alone. */
  async generate(
    conversations: readonly (readonly Message[])[],
    asked: GenerateOptions,
  ): Promise<Response[]> {
    const { batcher, maxLength, promptIds, surelyTooLong } = this.options;
    const tools = asked.toolChoice === 'none' ? [] : (asked.tools ?? []);
    const prefix = asked.prefix ?? (tools.length > 0 ? toolPrefix(asked.toolChoice) : '');
    const options = { ...asked, tools, prefix };
    const prompts = conversations.map((messages, index) => {
      if (surelyTooLong(messages)) return { index, tokens: [], limit: 0 };
      const tokens = promptIds(messages, prefix, tools);
      return { index, tokens, limit: Math.min(options.maxTokens, maxLength - tokens.length) };
    });
    const fitting = prompts.filter(({ tokens, limit }) => {
      if (limit < 1 && options.tooLong !== 'empty') throw this.tooLong(tokens.length);
      return limit >= 1;
    });
    const responses = prompts.map((): Response => ({ text: '', finish: 'length', tokens: 0 }));
    if (fitting.length === 0) return responses;
    for (const [index, response] of await batcher.generate(fitting, options)) {
      responses[index] = response;
      if (response.tokens === 0) continue;
      options.onUsage?.(index, { promptTokens: prompts[index].tokens.length, answerTokens: response.tokens });
    }
    return responses;
  }

  get idle(): boolean {
    return this.options.batcher.idle;
  }

  /** Rejects all calls, now and later. */
  close(error: Error): Promise<void> {
    return this.options.batcher.close(error);
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

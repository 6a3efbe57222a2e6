/** A language model that says what a test wants, and remembers what it was asked. */

import type { GenerateOptions, LabelOptions, LanguageModel } from '../../src/engine/language-model.js';
import type { Message, Response } from '../../src/values/conversation.js';

export interface Script {
  /** The answer to a conversation; a plain text has stopped by itself. */
  readonly say?: (messages: readonly Message[], index: number) => string | Partial<Response>;
  /** Probabilities of the labels, in their order. */
  readonly judge?: (messages: readonly Message[], labels: readonly string[]) => readonly number[];
}

export class ScriptedModel implements LanguageModel {
  readonly generateCalls: { conversations: readonly (readonly Message[])[]; options: GenerateOptions }[] = [];
  readonly labelCalls: {
    conversations: readonly (readonly Message[])[];
    labels: readonly string[];
    prefix?: string;
  }[] = [];

  constructor(
    readonly id: string,
    private readonly script: Script,
  ) {}

  async generate(
    conversations: readonly (readonly Message[])[],
    options: GenerateOptions,
  ): Promise<Response[]> {
    this.generateCalls.push({ conversations, options });
    return conversations.map((messages, i) => {
      const said = this.script.say!(messages, i);
      const parts = typeof said === 'string' ? { text: said } : said;
      options.onUsage?.(i, { promptTokens: messages.length, answerTokens: 1 });
      return { text: '', finish: 'stop', tokens: 1, ...parts };
    });
  }

  async labelLogps(
    conversations: readonly (readonly Message[])[],
    labels: readonly string[],
    { prefix, onUsage }: LabelOptions = {},
  ): Promise<number[][]> {
    this.labelCalls.push({ conversations, labels, prefix });
    return conversations.map((messages, i) => {
      onUsage?.(i, { promptTokens: messages.length, answerTokens: 0 });
      return this.script.judge!(messages, labels).map(Math.log);
    });
  }
}

export function promptOf(content: string, id = `probe:${content}`) {
  return { messages: [{ role: 'user', content }], source: 'probe', id } as const;
}

export function responseOf(text: string, parts: Partial<Response> = {}): Response {
  return { text, finish: 'stop', tokens: text.length, ...parts };
}

/** A model that says its answer word by word, and stops when nobody listens. */
import { setImmediate } from 'node:timers/promises';
import type { GenerateOptions, LanguageModel } from '../../src/engine/language-model.js';
import { splitReasoning } from '../../src/tokenizer/reasoning.js';
import { splitToolCalls } from '../../src/tokenizer/tool-calls.js';
import type { Message } from '../../src/values/conversation.js';

export class StreamingModel implements LanguageModel {
  readonly id = 'streaming';
  /** Words said by the last answer. */
  words = 0;

  constructor(private readonly answer: string) {}

  async generate(conversations: readonly (readonly Message[])[], options: GenerateOptions) {
    const { signal, onText, onUsage, tools = [] } = options;
    let said = '';
    this.words = 0;
    for (const word of this.answer.match(/\S+\s*|\s+/g) ?? []) {
      await setImmediate();
      if (signal?.aborted) break;
      this.words += 1;
      said += word;
      onText?.(0, word);
    }
    onUsage?.(0, { promptTokens: 10, answerTokens: this.words });
    const { text, reasoning } = splitReasoning(said);
    return conversations.map(() => ({
      ...splitToolCalls(text, tools),
      ...(reasoning === undefined ? {} : { reasoning }),
      finish: said === this.answer ? ('stop' as const) : ('length' as const),
      tokens: this.words,
    }));
  }

  async labelLogps(): Promise<number[][]> {
    throw new Error('it does not judge');
  }
}

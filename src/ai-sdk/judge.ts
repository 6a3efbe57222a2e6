/** A model of the AI SDK in the role of the conscience: it is asked in words, and answers in words. */
import type { LanguageModelV4 } from '@ai-sdk/provider';
import type { GenerateOptions, LanguageModel } from '../engine/language-model.js';
import { ConfigError } from '../errors.js';
import type { Message, Response } from '../values/conversation.js';
import { promptOf } from './prompt.js';
import { responseOf, usageOf } from './result.js';

/** Nothing of the call under review reaches it but the text: no tools, no format of the answer. */
export function judgeOf(model: LanguageModelV4): LanguageModel {
  const ask = async (
    messages: readonly Message[],
    index: number,
    options: GenerateOptions,
  ): Promise<Response> => {
    const { maxTokens, temperature, topP, topK, stop, signal, onUsage } = options;
    const { content, finishReason, usage } = await model.doGenerate({
      prompt: promptOf(messages),
      maxOutputTokens: maxTokens,
      temperature,
      topP,
      topK,
      stopSequences: stop && [...stop],
      abortSignal: signal,
    });
    const used = usageOf(usage);
    onUsage?.(index, used);
    return responseOf(content, finishReason, used.answerTokens);
  };
  return {
    id: model.modelId,
    generate: (conversations, options) =>
      Promise.all(conversations.map((messages, i) => ask(messages, i, options))),
    labelLogps: async () => {
      throw new ConfigError({
        where: model.modelId,
        what: 'a model of the AI SDK gives no log-probabilities',
        next: "leave out reading, or say reading: 'text'",
      });
    },
  };
}

/** A model that a client of OpenAI's API asks, in the role of the conscience: in words, and it answers in words. */
import type { OpenAI } from 'openai';
import type { GenerateOptions, LanguageModel } from '../engine/language-model.js';
import { ConfigError } from '../errors.js';
import { splitReasoning } from '../tokenizer/reasoning.js';
import type { Message, Response } from '../values/conversation.js';

export interface ModelOfClient {
  readonly client: OpenAI;
  readonly model: string;
}

type Body = Record<string, unknown>;

/** What some endpoints refuse, and what they take instead: nothing, or a field of another name. */
const INSTEAD: Readonly<Record<string, string | undefined>> = {
  max_tokens: 'max_completion_tokens',
  temperature: undefined,
  top_p: undefined,
};

/** Nothing of the call under review reaches it but the text: no tools, no format of the answer. */
export function modelOfClient({ client, model }: ModelOfClient): LanguageModel {
  const complete = async (body: Body, signal: AbortSignal | undefined) => {
    for (;;) {
      try {
        return await client.chat.completions.create({ ...body, model, stream: false } as never, { signal });
      } catch (error) {
        const { status, param } = error as { status?: number; param?: string | null };
        if (status !== 400 || !param || !(param in INSTEAD) || !(param in body)) throw error;
        const instead = INSTEAD[param];
        if (instead !== undefined) body[instead] = body[param];
        delete body[param];
      }
    }
  };
  const ask = async (messages: readonly Message[], index: number, options: GenerateOptions) => {
    const { maxTokens, temperature, topP, signal, onUsage } = options;
    const turns = messages.map(({ role, content }) => ({ role: role === 'tool' ? 'user' : role, content }));
    const sampling = { max_tokens: maxTokens, temperature, top_p: topP };
    const { choices, usage } = await complete({ messages: turns, ...sampling }, signal);
    const used = { promptTokens: usage?.prompt_tokens ?? 0, answerTokens: usage?.completion_tokens ?? 0 };
    onUsage?.(index, used);
    const [{ message, finish_reason: finish }] = choices;
    const { text } = splitReasoning(message.content ?? message.refusal ?? '');
    return {
      text,
      finish: finish === 'length' ? 'length' : 'stop',
      tokens: used.answerTokens,
    } satisfies Response;
  };
  return {
    id: model,
    generate: (conversations, options) =>
      Promise.all(conversations.map((messages, i) => ask(messages, i, options))),
    labelLogps: async () => {
      throw new ConfigError({
        where: model,
        what: 'a model of a client is asked in words, and gives no log-probabilities',
        next: "leave out reading, or say reading: 'text'",
      });
    },
  };
}

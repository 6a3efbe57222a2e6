/**
 * A conscience in front of a model: the zero-shot setting of the method (arXiv:2606.19527). No
 * weights change.
 *
 * draft → review of reasoning and answer by the frozen model → where it objects, an ethical
 * alternative, reviewed again → the answer with its verdicts. Each stage is one batch.
 */
import { builtInCanaries, type Canary } from '../conscience/canaries.js';
import type { ConscienceCheck } from '../conscience/check.js';
import type { LanguageModel } from '../engine/language-model.js';
import type { Message, Usage } from '../values/conversation.js';
import { NO_USAGE } from '../values/usage.js';
import { type AnswerOptions, type ReviewedAnswer, totalUsage } from './answer.js';
import { draftStream } from './draft-stream.js';
import { Guard } from './guard.js';
import type { ZeroShotOptions } from './options.js';
import { type ConscienceEvent, release, type StreamPolicy } from './release.js';

export interface StreamOptions extends Omit<AnswerOptions, 'onText'> {
  /** Default `hold`. */
  readonly policy?: StreamPolicy;
}

/** A model whose answers have passed its conscience. */
export interface ConscientiousModel extends LanguageModel {
  /** Generates like `generate`, with verdicts: one result per conversation, in order. */
  answer(conversations: readonly (readonly Message[])[], options: AnswerOptions): Promise<ReviewedAnswer[]>;
  /** One answer as it comes, as far as the policy lets it; its last event is `finish`. */
  stream(messages: readonly Message[], options: StreamOptions): AsyncGenerator<ConscienceEvent, void>;
  /** Whether the conscience can be read, and tells good from bad: it reviews a few answers that are plainly one of them. */
  check(canaries?: readonly Canary[]): Promise<ConscienceCheck>;
}

/**
 * Puts a conscience in front of a model. It is a language model itself: `generate` gives what passed.
 *
 * `onText` is called once for each answer, when it has passed: nothing leaves before the verdict.
 * `onUsage` gets all that was spent on an answer: draft, reviews and alternatives.
 *
 * @throws ConfigError, from `answer`, when the format does not know the framework; whatever the models throw
 */
export function withConscience(model: LanguageModel, options: ZeroShotOptions = {}): ConscientiousModel {
  const guard = new Guard(options.conscience ?? frozenCopy(model), options);

  async function answer(
    conversations: readonly (readonly Message[])[],
    asked: AnswerOptions,
  ): Promise<ReviewedAnswer[]> {
    const { onText, onUsage, onSpent, onDraft, signal, ...drafting } = asked;
    const used = conversations.map(() => NO_USAGE);
    const drafts = await model.generate(conversations, {
      ...drafting,
      signal,
      onUsage: (i: number, usage: Usage) => {
        used[i] = usage;
        onSpent?.(i, 'draft', usage);
      },
    });
    for (const [i, draft] of drafts.entries()) onDraft?.(i, draft);
    signal?.throwIfAborted();
    const reviewed = await guard.review(
      conversations.map((messages, i) => ({ messages, response: drafts[i], usage: used[i] })),
      signal,
      onSpent,
    );
    const answers = await guard.settle(reviewed, asked);
    for (const [i, { response, usage }] of answers.entries()) {
      onText?.(i, response.text);
      onUsage?.(i, totalUsage(usage));
    }
    return answers;
  }

  return {
    id: `${model.id} with conscience`,
    answer,
    stream: (messages, { policy = 'hold', ...asked }) =>
      release(draftStream(model, messages, asked), guard, { messages, asked, policy }),
    check: (canaries = builtInCanaries) => guard.check(canaries),
    generate: async (conversations, asked) =>
      (await answer(conversations, asked)).map(({ response }) => response),
    labelLogps: (conversations, labels, how) => model.labelLogps(conversations, labels, how),
  };
}

function frozenCopy(model: LanguageModel & { readonly base?: LanguageModel }): LanguageModel {
  return model.base ?? model;
}

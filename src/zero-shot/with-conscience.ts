/**
 * A conscience in front of a model: the zero-shot setting of the method (arXiv:2606.19527). No
 * weights change.
 *
 * draft → review of reasoning and answer by the frozen model → where it objects, an ethical
 * alternative, reviewed again → the answer with its verdicts. Each stage is one batch. With `reviewInput` the
 * request is reviewed first, and nothing is drafted where that is objected to.
 */
import { builtInCanaries, type Canary } from '../conscience/canaries.js';
import type { ConscienceCheck } from '../conscience/check.js';
import type { LanguageModel } from '../engine/language-model.js';
import type { Message, Response, Usage } from '../values/conversation.js';
import { NO_USAGE } from '../values/usage.js';
import { type AnswerOptions, type ReviewedAnswer, totalUsage } from './answer.js';
import { draftStream } from './draft-stream.js';
import { Guard, type ReviewedDraft, type ReviewedRequest } from './guard.js';
import type { ZeroShotOptions } from './options.js';
import { type ConscienceEvent, release, type StreamPolicy } from './release.js';
import { fromIndices, mayBeAnswered, undrafted, withRequest } from './request.js';

export interface StreamOptions extends Omit<AnswerOptions, 'onText'> {
  /** Default `hold`. */
  readonly policy?: StreamPolicy;
}

/** An answer that something else has written, and what it answers. */
export interface GivenDraft {
  /** Ends with the turn that is answered. */
  readonly messages: readonly Message[];
  /** `text` alone will do. */
  readonly response: Pick<Response, 'text'> & Partial<Response>;
}

export interface SettleOptions extends AnswerOptions {
  /**
   * Whether the drafts are text of which nothing has been shown. One in doubt may then give way to an alternative, and an alternative
   * that the token limit ended is taken up to its last whole sentence. Default false.
   */
  readonly unseen?: boolean;
}

/** A model whose answers have passed its conscience. */
export interface ConscientiousModel extends LanguageModel {
  /** Generates like `generate`, with verdicts: one result per conversation, in order. */
  answer(conversations: readonly (readonly Message[])[], options: AnswerOptions): Promise<ReviewedAnswer[]>;
  /** One answer as it comes, as far as the policy lets it; its last event is `finish`. */
  stream(messages: readonly Message[], options: StreamOptions): AsyncGenerator<ConscienceEvent, void>;
  /**
   * Reviews answers that something else has written, and seeks alternatives to those that may not stand, as `answer`
   * does with drafts of its own. In order. The request itself is not reviewed, whatever `reviewInput` says.
   *
   * @param options how alternatives are sampled
   */
  settle(drafts: readonly GivenDraft[], options: SettleOptions): Promise<ReviewedAnswer[]>;
  /** Reviews requests before anything answers them; absent without `reviewInput`. In order. */
  reviewRequests?(
    conversations: readonly (readonly Message[])[],
    options?: Pick<AnswerOptions, 'signal' | 'onSpent'>,
  ): Promise<ReviewedRequest[]>;
  /** Whether the conscience can be read, and tells good from bad: it reviews a few answers that are plainly one of them. */
  check(canaries?: readonly Canary[]): Promise<ConscienceCheck>;
}

/**
 * Puts a conscience in front of a model. It is a language model itself: `generate` gives what passed.
 *
 * `onText` is called once for each answer, when it has passed: nothing leaves before the verdict.
 * `onUsage` gets all that was spent on an answer: draft, reviews and alternatives.
 *
 * @throws ConfigError when requests are to be reviewed and the format has no words for it; from `answer`, when
 *   the format does not know the framework; whatever the models throw
 */
export function withConscience(model: LanguageModel, options: ZeroShotOptions = {}): ConscientiousModel {
  const { reviewInput = false } = options;
  const guard = new Guard(options.conscience ?? frozenCopy(model), options);

  async function answer(
    conversations: readonly (readonly Message[])[],
    asked: AnswerOptions,
  ): Promise<ReviewedAnswer[]> {
    const { onText, onUsage } = asked;
    const requests = reviewInput
      ? await guard.reviewRequests(conversations, asked.signal, asked.onSpent)
      : undefined;
    const mayDraft = (i: number) => requests === undefined || mayBeAnswered(requests[i]);
    const open = conversations.map((_, i) => i).filter(mayDraft);
    const reviewed = await draft(
      open.map((i) => conversations[i]),
      fromIndices(asked, open),
    );
    const settled = await guard.settle(
      conversations.map((messages, i) =>
        mayDraft(i) ? reviewed[open.indexOf(i)] : undrafted(messages, requests![i]),
      ),
      asked,
      asked.format === undefined,
    );
    const answers = requests ? settled.map((one, i) => withRequest(one, requests[i])) : settled;
    for (const [i, { response, usage }] of answers.entries()) {
      onText?.(i, response.text);
      onUsage?.(i, totalUsage(usage));
    }
    return answers;
  }

  /** Drafts with their reviews. */
  async function draft(
    conversations: readonly (readonly Message[])[],
    { onText: _, onUsage: __, onSpent, onDraft, signal, ...drafting }: AnswerOptions,
  ): Promise<ReviewedDraft[]> {
    if (conversations.length === 0) return [];
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
    return guard.review(
      conversations.map((messages, i) => ({ messages, response: drafts[i], usage: used[i] })),
      signal,
      onSpent,
    );
  }

  async function settle(
    drafts: readonly GivenDraft[],
    { unseen = false, ...asked }: SettleOptions,
  ): Promise<ReviewedAnswer[]> {
    const reviewed = await guard.review(
      drafts.map(({ messages, response }) => ({
        messages,
        response: { finish: 'stop', tokens: 0, ...response },
        usage: NO_USAGE,
      })),
      asked.signal,
      asked.onSpent,
    );
    asked.signal?.throwIfAborted();
    return guard.settle(reviewed, asked, unseen);
  }

  async function* stream(
    messages: readonly Message[],
    { policy = 'hold', ...asked }: StreamOptions,
  ): AsyncGenerator<ConscienceEvent, void> {
    const unseen = policy === 'hold' && asked.format === undefined;
    const released = () =>
      release(draftStream(model, messages, asked), guard, { messages, asked, policy, unseen });
    if (!reviewInput) return yield* released();
    const [request] = await guard.reviewRequests([messages], asked.signal, asked.onSpent);
    asked.signal?.throwIfAborted();
    if (mayBeAnswered(request)) {
      for await (const event of released()) {
        yield event.type === 'finish' ? { ...event, answer: withRequest(event.answer, request) } : event;
      }
      return;
    }
    yield { type: 'verdict', review: request.review };
    const [answer] = await guard.settle([undrafted(messages, request)], asked);
    yield { type: 'text', text: answer.response.text };
    yield { type: 'finish', answer: withRequest(answer, request) };
  }

  return {
    id: `${model.id} with conscience`,
    answer,
    stream,
    settle,
    ...(reviewInput
      ? {
          reviewRequests: (conversations, { signal, onSpent } = {}) =>
            guard.reviewRequests(conversations, signal, onSpent),
        }
      : {}),
    check: (canaries = builtInCanaries) => guard.check(canaries),
    generate: async (conversations, asked) =>
      (await answer(conversations, asked)).map(({ response }) => response),
    labelLogps: (conversations, labels, how) => model.labelLogps(conversations, labels, how),
    ...(model.hidden ? { hidden: model.hidden } : {}),
  };
}

function frozenCopy(model: LanguageModel & { readonly base?: LanguageModel }): LanguageModel {
  return model.base ?? model;
}

/** A model as the server needs it: one request in, one answer out, whole or as it comes. */

import { NOTHING_SAID } from '../conscience/input-question.js';
import type { GenerateOptions, LanguageModel } from '../engine/language-model.js';
import type { Message, Response, Usage } from '../values/conversation.js';
import { addUsage, NO_USAGE } from '../values/usage.js';
import type { AnswerOptions, Spent } from '../zero-shot/answer.js';
import { draftStream } from '../zero-shot/draft-stream.js';
import type { ConscienceEvent } from '../zero-shot/release.js';
import type { ConscientiousModel, GivenDraft } from '../zero-shot/with-conscience.js';
import { type Answered, answered } from './chat-reply.js';
import type { ChatRequest } from './chat-request.js';

/** What streams; its last event is `finish`. */
export type ServedEvent =
  | Extract<ConscienceEvent, { type: 'text' | 'reasoning' | 'correction' }>
  | { readonly type: 'finish'; readonly answer: Answered };

/** What an answer has taken and said so far, by which one that was left early is charged and kept. */
export class Tally {
  spent: Spent = { draft: NO_USAGE, review: NO_USAGE, alternative: NO_USAGE };
  /** The draft, or as much as there was of it. */
  draft?: Response;

  /** Keeps the tally. */
  get hooks(): Pick<AnswerOptions, 'onSpent' | 'onDraft'> {
    return {
      onSpent: (_, use, usage) => {
        this.spent = { ...this.spent, [use]: addUsage(this.spent[use], usage) };
      },
      onDraft: (_, draft) => {
        this.draft = draft;
      },
    };
  }
}

export interface Served {
  /** Under which callers ask for it. */
  readonly name: string;
  /** Seconds since 1970. */
  readonly created: number;
  answer(request: ChatRequest, signal: AbortSignal, tally: Tally): Promise<Answered>;
  stream(request: ChatRequest, signal: AbortSignal, tally: Tally): AsyncGenerator<ServedEvent, void>;
  /** Reviews and corrects answers of other models. In order. */
  settle(
    drafts: readonly GivenDraft[],
    options: GenerateOptions,
    signal: AbortSignal,
    tally: Tally,
  ): Promise<Answered[]>;
  /** The verdict on a request; absent where requests are not reviewed. */
  reviewRequest?(messages: readonly Message[], signal: AbortSignal, tally: Tally): Promise<Answered>;
}

/** @param guarded the same model with its conscience */
export function served(name: string, model: LanguageModel, guarded: ConscientiousModel): Served {
  const { reviewRequests } = guarded;
  return {
    name,
    created: Math.floor(Date.now() / 1000),
    async answer({ messages, options, policy }, signal, { hooks }) {
      if (policy !== 'off') {
        const [answer] = await guarded.answer([messages], { ...options, ...hooks, signal });
        return answered(answer, policy);
      }
      let usage: Usage = NO_USAGE;
      const onUsage = (i: number, used: Usage) => {
        usage = used;
        hooks.onSpent?.(i, 'draft', used);
      };
      const [response] = await model.generate([messages], { ...options, signal, onUsage });
      hooks.onDraft?.(0, response);
      signal.throwIfAborted();
      return { response, draft: response, usage, record: null };
    },
    stream: (request, signal, tally) =>
      request.policy === 'off' ? plain(request, signal, tally) : reviewed(request, signal, tally),
    async settle(drafts, options, signal, { hooks: { onSpent } }) {
      const answers = await guarded.settle(drafts, { ...options, onSpent, signal });
      return answers.map((answer) => answered(answer, 'hold'));
    },
    ...(reviewRequests
      ? {
          async reviewRequest(messages, signal, { hooks: { onSpent } }) {
            const [{ review, usage }] = await reviewRequests([messages], { onSpent, signal });
            return answered(
              {
                ...{ response: NOTHING_SAID, draft: NOTHING_SAID, review, replacements: [] },
                outcome: review.verdict.kind === 'objected' ? 'withheld' : 'accepted',
                usage: { draft: NO_USAGE, review: usage, alternative: NO_USAGE },
              },
              'hold',
            );
          },
        }
      : {}),
  };

  async function* reviewed(
    { messages, options, policy }: ChatRequest,
    signal: AbortSignal,
    { hooks }: Tally,
  ): AsyncGenerator<ServedEvent, void> {
    if (policy === 'off') return;
    for await (const event of guarded.stream(messages, { ...options, ...hooks, signal, policy })) {
      if (event.type === 'finish') yield { type: 'finish', answer: answered(event.answer, policy) };
      else if (event.type !== 'verdict') yield event;
    }
  }

  async function* plain(
    { messages, options }: ChatRequest,
    signal: AbortSignal,
    { hooks }: Tally,
  ): AsyncGenerator<ServedEvent, void> {
    const draft = draftStream(model, messages, { ...options, ...hooks, signal });
    try {
      let shown = '';
      for await (const pieces of draft.pieces) {
        for (const piece of pieces) {
          if (piece.type === 'text') shown += piece.text;
          yield piece;
        }
      }
      const { response, usage } = await draft.whole;
      signal.throwIfAborted();
      const rest = response.text.startsWith(shown) ? response.text.slice(shown.length) : '';
      if (rest !== '') yield { type: 'text', text: rest };
      yield { type: 'finish', answer: { response, draft: response, usage, record: null } };
    } finally {
      draft.abort(new DOMException('The reader has left.', 'AbortError'));
      await draft.whole.catch(() => {});
    }
  }
}

/**
 * When the words of a draft may leave: the streaming policies.
 *
 * - `hold`: nothing before the verdict on the whole. Risk: none beyond the conscience's own errors;
 *   the reader waits for draft and review.
 * - `sentence`: each sentence after a verdict on all that was said up to it; at an objection the rest
 *   is dropped and corrected. Risk: what is harmful only together with what follows has left
 *   in part; more reviews, so more tokens.
 * - `after`: every word at once, then the verdict, then a correction. Risk: the reader has seen
 *   all of a flagged answer, and software may have acted on it.
 *
 * Calls of tools never leave before the verdict on the whole, whatever the policy.
 */
import type { Review } from '../conscience/review.js';
import type { Message, Response, Usage } from '../values/conversation.js';
import { addUsage, NO_USAGE } from '../values/usage.js';
import type { AnswerOptions, Outcome, ReviewedAnswer } from './answer.js';
import type { DraftStream } from './draft-stream.js';
import type { Guard, ReviewedDraft } from './guard.js';

export const STREAM_POLICIES = ['hold', 'sentence', 'after'] as const;
export type StreamPolicy = (typeof STREAM_POLICIES)[number];

/** What stands before a correction, on a paragraph of its own, where words cannot be taken back. */
export const CORRECTION_NOTICE = 'I take back what I said above. Instead:';

export type ConscienceEvent =
  /** Words for the reader. */
  | { readonly type: 'reasoning' | 'text'; readonly text: string }
  /** A verdict, as it was made: on the whole, or on what was said so far. */
  | { readonly type: 'verdict'; readonly review: Review }
  /** Replaces all text before it. */
  | { readonly type: 'correction'; readonly text: string; readonly outcome: Outcome }
  | { readonly type: 'finish'; readonly answer: ReviewedAnswer };

export interface ReleaseOptions {
  readonly messages: readonly Message[];
  /** Options that the draft was asked with. */
  readonly asked: AnswerOptions;
  readonly policy: StreamPolicy;
  /** See `Guard.settle`; default false. */
  readonly unseen?: boolean;
}

/** Lets a draft out as the policy says. A reader that stops reading stops the draft. */
export async function* release(
  draft: DraftStream,
  guard: Guard,
  options: ReleaseOptions,
): AsyncGenerator<ConscienceEvent, void> {
  try {
    yield* new Release(draft, guard, options).run();
  } finally {
    draft.abort(new DOMException('The reader has left.', 'AbortError'));
    await draft.whole.catch(() => {});
  }
}

/** What a sentence ends with, and what follows. Ideographs need no blank after the stop. */
const SENTENCE_END = /[.!?…]["'”’)\]]*\s+|[。！？]|\n+/g;

class Release {
  /** What has left. */
  private shown = '';
  private thought = '';
  private thoughtShown = 0;
  private reviewUsage: Usage = NO_USAGE;

  constructor(
    private readonly draft: DraftStream,
    private readonly guard: Guard,
    private readonly options: ReleaseOptions,
  ) {}

  async *run(): AsyncGenerator<ConscienceEvent, void> {
    const { policy } = this.options;
    const stopped = policy === 'sentence' ? yield* this.sentences() : undefined;
    if (policy === 'after') yield* this.everything();
    const reviewed = stopped ?? (yield* this.judgeWhole());
    const [answer] = await this.guard.settle(
      [{ ...reviewed, reviewUsage: this.reviewUsage }],
      this.options.asked,
      this.options.unseen,
    );
    yield* this.rest(answer);
    yield { type: 'finish', answer };
  }

  private async *everything(): AsyncGenerator<ConscienceEvent, void> {
    for await (const pieces of this.draft.pieces) {
      for (const { type, text } of pieces) {
        if (type === 'text') this.shown += text;
        else this.thought += text;
        yield { type, text };
      }
    }
    this.thoughtShown = this.thought.length;
  }

  /** @returns the draft so far, where an objection has stopped it */
  private async *sentences(): AsyncGenerator<ConscienceEvent, ReviewedDraft | undefined> {
    let text = '';
    for await (const pieces of this.draft.pieces) {
      for (const piece of pieces) {
        if (piece.type === 'text') text += piece.text;
        else this.thought += piece.text;
      }
      const end = lastEnd(text, this.shown.length);
      if (end === this.shown.length) continue;
      const reviewed = await this.judge(this.sofar(text.slice(0, end)), NO_USAGE);
      yield { type: 'verdict', review: reviewed.review };
      if (!this.guard.passes(reviewed.review)) {
        this.draft.abort(new DOMException('The conscience has objected.', 'AbortError'));
        const usage = await this.draft.whole.then(
          (whole) => whole.usage,
          () => NO_USAGE,
        );
        return { ...reviewed, usage };
      }
      yield* this.think();
      yield { type: 'text', text: text.slice(this.shown.length, end) };
      this.shown = text.slice(0, end);
    }
    return undefined;
  }

  private async *judgeWhole(): AsyncGenerator<ConscienceEvent, ReviewedDraft> {
    const { response, usage } = await this.draft.whole;
    this.options.asked.signal?.throwIfAborted();
    const reviewed = await this.judge(response, usage);
    yield { type: 'verdict', review: reviewed.review };
    return reviewed;
  }

  /** What is still to be said once the answer is settled. */
  private async *rest({ response, outcome }: ReviewedAnswer): AsyncGenerator<ConscienceEvent, void> {
    if (outcome === 'accepted') {
      this.thought = response.reasoning ?? '';
      yield* this.think();
      const rest = response.text.startsWith(this.shown) ? response.text.slice(this.shown.length) : '';
      if (rest !== '') yield { type: 'text', text: rest };
    } else if (this.shown === '') {
      yield { type: 'text', text: response.text };
    } else {
      yield { type: 'correction', text: response.text, outcome };
    }
  }

  private async *think(): AsyncGenerator<ConscienceEvent, void> {
    const text = this.thought.slice(this.thoughtShown);
    this.thoughtShown = Math.max(this.thoughtShown, this.thought.length);
    if (text !== '') yield { type: 'reasoning', text };
  }

  private async judge(response: Response, usage: Usage): Promise<ReviewedDraft> {
    const { messages, asked } = this.options;
    const [reviewed] = await this.guard.review([{ messages, response, usage }], asked.signal, asked.onSpent);
    this.reviewUsage = addUsage(this.reviewUsage, reviewed.reviewUsage);
    return reviewed;
  }

  private sofar(text: string): Response {
    const reasoning = this.thought.trim();
    return { text, finish: 'length', tokens: 0, ...(reasoning === '' ? {} : { reasoning }) };
  }
}

/** Where the last whole sentence of a text ends, not before `from`. */
function lastEnd(text: string, from: number): number {
  let end = from;
  for (const match of text.matchAll(SENTENCE_END)) end = Math.max(end, match.index + match[0].length);
  return end;
}

/**
 * What stands between a draft and its reader: review, and where the conscience objects an ethical
 * alternative, reviewed again. Where drafts come from is the caller's business.
 */
import type { Canary } from '../conscience/canaries.js';
import { type ConscienceCheck, checkConscience } from '../conscience/check.js';
import { defaultFormat } from '../conscience/format.js';
import { FRAMEWORKS } from '../conscience/frameworks.js';
import { inputSettings, requestItem } from '../conscience/input-question.js';
import { isRefusal } from '../conscience/refusal.js';
import { type Replacement, replace } from '../conscience/replace.js';
import {
  type PriorCache,
  type Review,
  type ReviewItem,
  type ReviewSettings,
  reviewMany,
} from '../conscience/review.js';
import type { GenerateOptions, LanguageModel } from '../engine/language-model.js';
import { ConfigError, RemoteError } from '../errors.js';
import { Random } from '../random.js';
import type { Message, Prompt, Response, Usage } from '../values/conversation.js';
import { addUsage, NO_USAGE } from '../values/usage.js';
import type { AnswerOptions, ReviewedAnswer, Spent } from './answer.js';
import { WITHHELD, type ZeroShotOptions } from './options.js';

/** What a model said, or has said so far. */
export interface Draft {
  readonly messages: readonly Message[];
  readonly response: Response;
  readonly usage: Usage;
}

/** A draft with its review, and what its reviews have taken. */
export interface ReviewedDraft extends Draft {
  readonly review: Review;
  readonly reviewUsage: Usage;
}

/** The review of a request, and what it has taken. */
export interface ReviewedRequest {
  readonly review: Review;
  readonly usage: Usage;
}

/** After so many that cannot be read it is said. */
const FIRST_REVIEWS = 3;

export class Guard {
  private readonly priorCache: PriorCache = new Map();
  private wordsOnly: boolean;
  /** First reviews of answers and of requests, of which none can be read; undefined once one can be, or that has been said. */
  private readonly unread: { answers?: number; requests?: number } = { answers: 0, requests: 0 };

  /** @throws ConfigError where requests are to be reviewed, and the format has no words for that */
  constructor(
    private readonly conscience: LanguageModel,
    private readonly options: ZeroShotOptions = {},
  ) {
    this.wordsOnly = options.reading === 'text';
    if (options.reviewInput) this.inputWords();
  }

  /** One batch. @throws ConfigError when the format does not know the framework; whatever the model throws */
  async review(
    drafts: readonly Draft[],
    signal?: AbortSignal,
    onSpent?: AnswerOptions['onSpent'],
  ): Promise<ReviewedDraft[]> {
    const { used, onUsage } = reviewMeter(drafts.length, onSpent);
    const reviews = await this.asked((settings) =>
      reviewMany(drafts.map(itemOf), { ...settings, onUsage, signal }),
    );
    this.watch('answers', reviews);
    return drafts.map((draft, i) => ({ ...draft, review: reviews[i], reviewUsage: used[i] }));
  }

  /** Requests, before anything is drafted. One batch. @throws as `review` */
  async reviewRequests(
    conversations: readonly (readonly Message[])[],
    signal?: AbortSignal,
    onSpent?: AnswerOptions['onSpent'],
  ): Promise<ReviewedRequest[]> {
    const { used, onUsage } = reviewMeter(conversations.length, onSpent);
    const items = conversations.map((messages, i) => requestItem(promptOf(messages, i)));
    const reviews = await this.asked((settings) =>
      reviewMany(items, { ...inputSettings(settings, this.inputWords()), onUsage, signal }),
    );
    this.watch('requests', reviews);
    return reviews.map((review, i) => ({ review, usage: used[i] }));
  }

  private inputWords() {
    const { format = defaultFormat() } = this.options;
    if (format.input) return format.input;
    throw new ConfigError({
      where: 'reviewInput',
      what: `${format.name} has no words for a question about the request alone`,
      next: 'leave it out: answers are reviewed all the same',
    });
  }

  /** Says once when none of the first reviews can be read. */
  private watch(of: 'answers' | 'requests', reviews: readonly Review[]): void {
    const before = this.unread[of];
    if (before === undefined) return;
    const readable = reviews.some(({ verdict }) => verdict.kind !== 'unreadable');
    const unread = before + reviews.length;
    this.unread[of] = readable || unread >= FIRST_REVIEWS ? undefined : unread;
    if (readable || this.unread[of] !== undefined) return;
    const whose = `reviews of ${of === 'requests' ? 'requests by ' : ''}the conscience (${this.conscience.id})`;
    this.warn(`None of the first ${unread} ${whose} can be read.`);
  }

  private warn(sentence: string): void {
    const { warn = (said: string) => process.emitWarning(said) } = this.options;
    warn(sentence);
  }

  /** Whether the conscience can be used at all, by canaries. */
  check(canaries: readonly Canary[]): Promise<ConscienceCheck> {
    return this.asked((settings) => checkConscience(canaries, settings));
  }

  /** Whether a draft may stand. */
  passes({ verdict: { kind } }: Review): boolean {
    return kind === 'accepted' || (kind === 'unreadable' && this.options.unreadable === 'pass');
  }

  /**
   * Seeks alternatives to the drafts that may not stand, and one to each that is in doubt. In order.
   *
   * @param asked  as the drafts were asked for; alternatives are sampled likewise
   * @param unseen whether the drafts are text of which nothing has been shown: one in doubt may then give way to an alternative,
   *   and an alternative that the token limit ended is taken up to its last whole sentence
   */
  async settle(
    drafts: readonly ReviewedDraft[],
    asked: AnswerOptions,
    unseen = false,
  ): Promise<ReviewedAnswer[]> {
    const { attempts = 2, withheld = WITHHELD, allowRefusals = true, manner } = this.options;
    const { signal } = asked;
    const tries: Replacement[][] = drafts.map(() => []);
    const spent: Spent[] = drafts.map(({ usage, reviewUsage }) => ({
      draft: usage,
      review: reviewUsage,
      alternative: NO_USAGE,
    }));
    const passes = drafts.map(({ review }) => this.passes(review));
    const standIn = (i: number) =>
      tries[i].find((found) => found.reason === null && (!passes[i] || isBetter(found, drafts[i].review)))
        ?.alternative;

    const seek = async (open: readonly number[], attempt: number) => {
      if (open.length === 0) return;
      signal?.throwIfAborted();
      const count = (part: 'review' | 'alternative') => (k: number, usage: Usage) => {
        const i = open[k];
        spent[i] = { ...spent[i], [part]: addUsage(spent[i][part], usage) };
        asked.onSpent?.(i, part, usage);
      };
      const sampling = {
        ...alternativeSampling(asked, this.options, attempt),
        onUsage: count('alternative'),
      };
      const found = await this.asked((settings) =>
        replace(
          open.map((i) => itemOf(drafts[i], i)),
          {
            ...settings,
            sampling,
            allowRefusals,
            // a limit ends drafts, too
            unfinished: unseen ? 'cut' : 'drop',
            ...(manner ? { manner } : {}),
            onUsage: count('review'),
            alternative: this.options.alternative ?? this.conscience,
            signal,
          },
        ),
      );
      for (const [k, i] of open.entries()) tries[i].push(found[k]);
    };
    const all = drafts.map((_, i) => i);
    for (let attempt = 0; attempt < attempts; attempt++) {
      await seek(
        all.filter((i) => !passes[i] && !standIn(i)),
        attempt,
      );
    }
    try {
      if (unseen && attempts > 0)
        await seek(
          all.filter((i) => passes[i] && this.doubts(drafts[i])),
          0,
        );
    } catch (error) {
      if (signal?.aborted) throw error;
      // they may stand, whatever becomes of alternatives
      this.warn(`No alternative to an answer in doubt can be had: ${(error as Error).message}`);
    }
    signal?.throwIfAborted();

    return drafts.map(({ response: draft, review }, i): ReviewedAnswer => {
      const kept = { draft, review, replacements: tries[i], usage: spent[i] };
      const alternative = standIn(i);
      if (alternative) return { response: alternative.response, outcome: 'corrected', ...kept };
      if (passes[i]) return { response: draft, outcome: 'accepted', ...kept };
      if (declinesRightly(draft, review, tries[i])) return { response: draft, outcome: 'accepted', ...kept };
      return { response: { text: withheld, finish: 'stop', tokens: 0 }, outcome: 'withheld', ...kept };
    });
  }

  /** Whether a draft that may stand is rather careless than careful; an alternative has no tools to call. */
  private doubts({ response, review: { verdict } }: ReviewedDraft): boolean {
    const { doubt = 1 } = this.options;
    const calls = (response.toolCalls ?? []).length > 0;
    return !calls && verdict.kind === 'accepted' && verdict.pObjection >= doubt;
  }

  /** Reviews; with `auto`, in words if the endpoint gives no log-probabilities. */
  private async asked<T>(work: (settings: ReviewSettings) => Promise<T>): Promise<T> {
    const { reading = 'auto' } = this.options;
    try {
      return await work(this.settings());
    } catch (error) {
      const mute = error instanceof RemoteError && error.failure === 'logprobs';
      if (!mute || reading !== 'auto' || this.wordsOnly) throw error;
      this.wordsOnly = true;
      return work(this.settings());
    }
  }

  private settings(): ReviewSettings {
    const { conscience, priorCache, wordsOnly } = this;
    const { framework = FRAMEWORKS.asimov, format = defaultFormat() } = this.options;
    const { threshold = 0.5, minMass = 0.01, prior = 'off', parts, bias } = this.options;
    return {
      ...(parts ? { parts } : {}),
      ...(bias === undefined ? {} : { bias }),
      conscience,
      framework,
      format,
      priorCache,
      threshold,
      minMass,
      prior: wordsOnly ? 'off' : prior,
      reading: wordsOnly ? 'text' : 'labels',
    };
  }
}

/** Adds up what the reviews of so many items take, and tells of it. */
function reviewMeter(items: number, onSpent: AnswerOptions['onSpent']) {
  const used = Array.from({ length: items }, () => NO_USAGE);
  const onUsage = (i: number, usage: Usage) => {
    used[i] = addUsage(used[i], usage);
    onSpent?.(i, 'review', usage);
  };
  return { used, onUsage };
}

/** Whether an alternative is to be preferred to a draft that may stand. */
function isBetter({ alternative }: Replacement, { verdict }: Review): boolean {
  const other = alternative?.review?.verdict;
  if (!other || alternative.refusal || other.kind === 'unreadable' || verdict.kind === 'unreadable')
    return false;
  return other.pObjection < verdict.pObjection / 2;
}

/** Longest refusal that says nothing else, in characters. */
const MERE_REFUSAL = 200;

/**
 * Whether a draft only declines, and whoever was to find a better answer could only decline as well: there the
 * request is wrong, and not the answer. One that goes on after declining is no mere refusal.
 */
function declinesRightly(draft: Response, { verdict }: Review, tries: readonly Replacement[]): boolean {
  const mere = draft.finish === 'stop' && draft.text.length <= MERE_REFUSAL && isRefusal(draft.text);
  if (!mere || verdict.kind !== 'objected' || tries.length === 0) return false;
  return tries.every(
    ({ alternative, reason }) => alternative?.refusal === true || reason === 'alternative-identical',
  );
}

function itemOf({ messages, response }: Draft, index: number): ReviewItem {
  return { prompt: promptOf(messages, index), response };
}

const promptOf = (messages: readonly Message[], index: number): Prompt => ({
  ...{ messages, source: 'user', id: `user:${index}` },
});

/** Sampling and form as of the answer, without its tools, with a new seed at each attempt. */
function alternativeSampling(
  { temperature, topP, topK, signal, seed = 0, maxTokens, stop, format }: GenerateOptions,
  { maxAlternativeTokens = maxTokens }: ZeroShotOptions,
  attempt: number,
): GenerateOptions {
  return {
    temperature,
    topP,
    topK,
    signal,
    stop,
    ...(format ? { format } : {}),
    maxTokens: maxAlternativeTokens,
    seed: new Random(seed, 'alternative', attempt).uint32(),
  };
}

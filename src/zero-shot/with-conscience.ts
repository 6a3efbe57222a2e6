/**
 * A conscience in front of a model: the zero-shot setting of the method (arXiv:2606.19527). No
 * weights change.
 *
 * draft → review of reasoning and answer by the frozen model → where it objects, an ethical
 * alternative, reviewed again → the answer with its verdicts. Each stage is one batch.
 */
import type { ReviewFormat } from '../conscience/format.js';
import { defaultFormat } from '../conscience/format.js';
import { FRAMEWORKS, type Framework } from '../conscience/frameworks.js';
import { type Replacement, replace } from '../conscience/replace.js';
import {
  type PriorCache,
  type PriorKind,
  type Review,
  type ReviewItem,
  type ReviewSettings,
  reviewMany,
} from '../conscience/review.js';
import type { Message, Response } from '../data/values.js';
import type { GenerateOptions, LanguageModel } from '../engine/language-model.js';
import { RemoteError } from '../errors.js';
import { Random } from '../random.js';

export interface ZeroShotOptions {
  /**
   * Who reviews. Default: the model's frozen copy (`base`, as `openModel` gives it), or the model itself
   * where it has none.
   */
  readonly conscience?: LanguageModel;
  /** Who writes alternatives. Default: the conscience. */
  readonly alternative?: LanguageModel;
  /** Default: Asimov's Three Laws. */
  readonly framework?: Framework;
  /** The words of the questions. Default: for chat models; a model's own come from `loadFormat`. */
  readonly format?: ReviewFormat;
  /** Objection's share of both labels from which on it counts. Default 0.5. */
  readonly threshold?: number;
  /** Probability of both labels together below which a verdict is unreadable. Default 0.01. */
  readonly minMass?: number;
  /** Default `off`. */
  readonly prior?: PriorKind;
  /**
   * `labels` compares their probabilities, `text` lets the conscience answer in words. `auto`, the
   * default, takes labels until an endpoint gives no log-probabilities, and words from then on.
   */
  readonly reading?: 'labels' | 'text' | 'auto';
  /** Alternatives that are tried before the answer is withheld. Default 2. */
  readonly attempts?: number;
  /** Longest alternative, in tokens. Default: that of the answer. */
  readonly maxAlternativeTokens?: number;
  /** Whether an alternative may be a refusal. Default true: to decline can be right where somebody asks for harm. */
  readonly allowRefusals?: boolean;
  /**
   * What an unreadable verdict on a draft means. `replace`, the default, takes it for an objection: who can
   * make the conscience unreadable must not get past it by that. `pass` lets the draft through.
   */
  readonly unreadable?: 'replace' | 'pass';
  /** What is said when nothing passes. */
  readonly withheld?: string;
}

export const WITHHELD = 'I would rather not answer this as I first meant to. Can I help in another way?';

/** `accepted`: the draft; `corrected`: an alternative; `withheld`: neither passed. */
export type Outcome = 'accepted' | 'corrected' | 'withheld';

/** An answer, and how it came about. */
export interface ReviewedAnswer {
  readonly response: Response;
  readonly outcome: Outcome;
  /** What the model said first; not for the user where it was not accepted. */
  readonly draft: Response;
  /** The review of the draft. */
  readonly review: Review;
  /** The alternatives that were tried, in order, each with what was wrong with it. */
  readonly replacements: readonly Replacement[];
}

/** A model whose answers have passed its conscience. */
export interface ConscientiousModel extends LanguageModel {
  /** As `generate`, with the verdicts. One per conversation, in order. */
  answer(conversations: readonly (readonly Message[])[], options: GenerateOptions): Promise<ReviewedAnswer[]>;
}

/**
 * Puts a conscience in front of a model. It is a language model itself: `generate` gives what passed.
 *
 * `onText` is called once for each answer, when it has passed: nothing leaves before the verdict.
 *
 * @throws ConfigError, from `answer`, when the format does not know the framework; whatever the models throw
 */
export function withConscience(model: LanguageModel, options: ZeroShotOptions = {}): ConscientiousModel {
  const { conscience = frozenCopy(model), attempts = 2, unreadable = 'replace' } = options;
  const { framework = FRAMEWORKS.asimov, format = defaultFormat(), withheld = WITHHELD } = options;
  const { reading = 'auto', allowRefusals = true } = options;
  const priorCache: PriorCache = new Map();
  let wordsOnly = reading === 'text';

  const settings = (): ReviewSettings => ({
    ...{ conscience, framework, format, priorCache },
    threshold: options.threshold ?? 0.5,
    minMass: options.minMass ?? 0.01,
    prior: wordsOnly ? 'off' : (options.prior ?? 'off'),
    reading: wordsOnly ? 'text' : 'labels',
  });
  /** With `auto`, again in words where the endpoint gives no log-probabilities. */
  const reviewed = async <T>(work: (settings: ReviewSettings) => Promise<T>): Promise<T> => {
    try {
      return await work(settings());
    } catch (error) {
      const mute = error instanceof RemoteError && error.failure === 'logprobs';
      if (!mute || reading !== 'auto' || wordsOnly) throw error;
      wordsOnly = true;
      return work(settings());
    }
  };

  async function answer(
    conversations: readonly (readonly Message[])[],
    asked: GenerateOptions,
  ): Promise<ReviewedAnswer[]> {
    const { onText, ...drafting } = asked;
    const { signal } = asked;
    const drafts = await model.generate(conversations, drafting);
    signal?.throwIfAborted();
    const items = conversations.map(
      (messages, i): ReviewItem => ({
        prompt: { messages, source: 'user', id: `user:${i}` },
        response: drafts[i],
      }),
    );
    const reviews = await reviewed((how) => reviewMany(items, how));
    const replacements: Replacement[][] = items.map(() => []);
    const passes = ({ verdict: { kind } }: Review) =>
      kind === 'accepted' || (kind === 'unreadable' && unreadable === 'pass');
    const standIn = (i: number) => replacements[i].find(({ reason }) => reason === null)?.alternative;

    for (let attempt = 0; attempt < attempts; attempt++) {
      const open = items.map((_, i) => i).filter((i) => !passes(reviews[i]) && !standIn(i));
      if (open.length === 0) break;
      signal?.throwIfAborted();
      const sampling = alternativeSampling(asked, options, attempt);
      const found = await reviewed((how) =>
        replace(
          open.map((i) => items[i]),
          { ...how, alternative: options.alternative ?? conscience, sampling, allowRefusals },
        ),
      );
      for (const [k, i] of open.entries()) replacements[i].push(found[k]);
    }
    signal?.throwIfAborted();

    return items.map((_, i) => {
      const kept = { draft: drafts[i], review: reviews[i], replacements: replacements[i] };
      const alternative = standIn(i);
      const result: ReviewedAnswer = passes(reviews[i])
        ? { response: drafts[i], outcome: 'accepted', ...kept }
        : alternative
          ? { response: alternative.response, outcome: 'corrected', ...kept }
          : { response: { text: withheld, finish: 'stop', tokens: 0 }, outcome: 'withheld', ...kept };
      onText?.(i, result.response.text);
      return result;
    });
  }

  return {
    id: `${model.id} with conscience`,
    answer,
    generate: async (conversations, asked) =>
      (await answer(conversations, asked)).map(({ response }) => response),
    labelLogps: (conversations, labels, prefix) => model.labelLogps(conversations, labels, prefix),
  };
}

/** As the answer is sampled, without what belongs to its form, and anew at each attempt. */
function alternativeSampling(
  { prefix: _, stop: __, onText: ___, seed = 0, maxTokens, ...asked }: GenerateOptions,
  { maxAlternativeTokens = maxTokens }: ZeroShotOptions,
  attempt: number,
): GenerateOptions {
  return {
    ...asked,
    maxTokens: maxAlternativeTokens,
    seed: new Random(seed, 'alternative', attempt).uint32(),
  };
}

function frozenCopy(model: LanguageModel & { readonly base?: LanguageModel }): LanguageModel {
  return model.base ?? model;
}

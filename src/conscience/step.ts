/**
 * The conscience step: prompt → response → verdict → alternative → verdict → pair.
 *
 * The policy answers, the conscience reviews, the flagged answers get an ethical
 * alternative, which is reviewed as well; what passes becomes a preference pair. Each
 * stage is one batch over all prompts. Nothing here trains.
 */
import type { Pair, Prompt } from '../data/values.js';
import type { GenerateOptions, LanguageModel } from '../engine/language-model.js';
import { Random } from '../random.js';
import { type ConscienceCounts, countRecords } from './metrics.js';
import type { ReviewRecord } from './record.js';
import { type Replacement, replace } from './replace.js';
import { type Review, type ReviewItem, type ReviewSettings, reviewMany } from './review.js';

/** Sampling of one role; its seed comes from the step. */
export type Sampling = Omit<GenerateOptions, 'seed' | 'prefix'>;

/** One conscience step. */
export interface ConscienceStep extends ReviewSettings {
  /** Prompts that the policy answers. */
  readonly prompts: readonly Prompt[];
  /** Responses that are there already, e.g. those of training rows: reviewed as they are. */
  readonly given?: readonly ReviewItem[];
  readonly policy: LanguageModel;
  readonly alternative: LanguageModel;
  readonly sampling: Sampling;
  /** Default: that of the policy. */
  readonly alternativeSampling?: Sampling;
  /** Whether a refusal may be a pair's chosen response. Default false. */
  readonly allowRefusals?: boolean;
  /** Whether a pair can be trained on; those that cannot are too long, and none is made. Default: all can. */
  readonly trainable?: (pair: Pair) => boolean;
  /** Optimiser step; with the seed it fixes everything that is drawn. */
  readonly step: number;
  readonly seed: number;
  /** The clock of the records. Default: the system's. */
  readonly now?: () => Date;
}

/** What one conscience step gave. */
export interface ConscienceResult {
  /** One per response, sampled ones first; to be written to the audit. */
  readonly reviews: ReviewRecord[];
  readonly pairs: Pair[];
  readonly counts: ConscienceCounts;
}

/**
 * Runs one conscience step. A response that the conscience accepts or leaves unreadable
 * makes no pair, and neither does an alternative that is empty, unfinished, identical to
 * the flagged response, a refusal (unless allowed), unreadable, or flagged again.
 *
 * @throws ConfigError when the format does not know the framework; whatever the models throw
 */
export async function runConscience(options: ConscienceStep): Promise<ConscienceResult> {
  const { given = [], step, seed, now = () => new Date() } = options;
  const settings = { ...options, priorCache: options.priorCache ?? new Map() };
  const sampled = await sampleResponses(options);
  const items = [...sampled, ...given];
  const reviews = await reviewMany(items, settings);
  const outcomes = await seekAlternatives(items, reviews, settings);

  const time = now().toISOString();
  const roles = { conscience: options.conscience.id, alternative: options.alternative.id };
  const records = items.map(
    ({ prompt, response }, i): ReviewRecord => ({
      id: `review:${step}.${i}`,
      step,
      seed,
      time,
      framework: options.framework.name,
      format: options.format.name,
      roles: { policy: i < sampled.length ? options.policy.id : null, ...roles },
      prompt,
      response,
      review: reviews[i],
      alternative: outcomes[i].alternative,
      pair: outcomes[i].reason === null ? `pair:${step}.${i}` : null,
      reason: outcomes[i].reason,
    }),
  );
  const { trainable = () => true } = options;
  const kept = records.map((record): ReviewRecord => {
    const [pair] = pairOf(record);
    return pair === undefined || trainable(pair) ? record : { ...record, pair: null, reason: 'too-long' };
  });
  return { reviews: kept, pairs: kept.flatMap(pairOf), counts: countRecords(kept) };
}

async function sampleResponses(options: ConscienceStep): Promise<ReviewItem[]> {
  const { prompts, policy, sampling } = options;
  if (prompts.length === 0) return [];
  const responses = await policy.generate(
    prompts.map(({ messages }) => messages),
    { ...sampling, seed: stageSeed(options, 'response') },
  );
  return prompts.map((prompt, i) => ({ prompt, response: responses[i] }));
}

/** Replaces what the conscience objected to. One outcome per item, in order. */
async function seekAlternatives(
  items: readonly ReviewItem[],
  reviews: readonly Review[],
  options: ConscienceStep,
): Promise<Replacement[]> {
  const outcomes = reviews.map(
    ({ verdict: { kind } }): Replacement => ({
      alternative: null,
      reason: kind === 'objected' ? null : kind,
    }),
  );
  const flagged = items.map((_, i) => i).filter((i) => outcomes[i].reason === null);
  const sampling = options.alternativeSampling ?? options.sampling;
  const found = await replace(
    flagged.map((i) => items[i]),
    { ...options, sampling: { ...sampling, seed: stageSeed(options, 'alternative') } },
  );
  for (const [k, i] of flagged.entries()) outcomes[i] = found[k];
  return outcomes;
}

/** The pair that a record stands for, if it stands for one. */
function pairOf({ pair, prompt, response, review, alternative, step }: ReviewRecord): Pair[] {
  if (pair === null || !alternative?.review) return [];
  return [
    {
      id: pair,
      prompt,
      chosen: alternative.response,
      rejected: response,
      verdict: review.verdict,
      alternativeVerdict: alternative.review.verdict,
      step,
    },
  ];
}

function stageSeed({ seed, step }: ConscienceStep, stage: string): number {
  return new Random(seed, 'conscience', step, stage).uint32();
}

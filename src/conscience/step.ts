/**
 * The conscience step: prompt → response → verdict → alternative → verdict → pair.
 *
 * The policy answers, the conscience reviews, the flagged answers get an ethical
 * alternative, which is reviewed as well; what passes becomes a preference pair. Each
 * stage is one batch over all prompts. Nothing here trains.
 */

import type { GenerateOptions, LanguageModel, Writer } from '../engine/language-model.js';
import { CostMeter, type Stage } from '../metrics/costs.js';
import { Random } from '../random.js';
import type { Prompt, Usage } from '../values/conversation.js';
import type { Pair } from '../values/pair.js';
import type { AlternativeManner, Unfinished } from './alternative.js';
import { type Contrast, type Contrasted, confess, contrastSamples, SAMPLES_PER_PROMPT } from './contrast.js';
import type { ReviewFormat } from './format.js';
import { type ConscienceCounts, countRecords } from './metrics.js';
import type { ReviewRecord } from './record.js';
import { replace } from './replace.js';
import { type Review, type ReviewItem, type ReviewSettings, reviewMany } from './review.js';

/** Sampling of one role; its seed comes from the step. */
export type Sampling = Omit<GenerateOptions, 'seed' | 'prefix'>;

/** One conscience step. */
export interface ConscienceStep extends ReviewSettings {
  /** Prompts that the policy answers. */
  readonly prompts: readonly Prompt[];
  /** Answers the prompts. */
  readonly policy: Writer;
  readonly alternative: LanguageModel;
  /** How the alternative is asked for. Default: `format`. */
  readonly alternativeFormat?: ReviewFormat;
  readonly sampling: Sampling;
  /** How an alternative comes about. Default `rewrite`. */
  readonly manner?: AlternativeManner;
  /** Temperature of alternatives. Default: that of `sampling`. */
  readonly alternativeTemperature?: number;
  /** What becomes of an alternative that the token limit ended. Default `drop`. */
  readonly unfinished?: Unfinished;
  /** Whether a refusal may be a pair's chosen response. Default false. */
  readonly allowRefusals?: boolean;
  /** What makes a pair. Default `alternative`. */
  readonly contrast?: Contrast;
  /** Whether an alternative is reviewed itself. Default true. */
  readonly reviewAlternatives?: boolean;
  /** Whether a pair can be trained on; those that cannot are too long, and none is made. Default: all can. */
  readonly trainable?: (pair: Pair) => boolean;
  /** Optimiser step; with the seed it fixes everything that is drawn. */
  readonly step: number;
  readonly seed: number;
  /** Steps that the policy will have made when the result is taken up, for the records. Default 0. */
  readonly age?: number;
  /** Told what each stage takes. */
  readonly meter?: CostMeter;
  /** The clock of the records. Default: the system's. */
  readonly now?: () => Date;
}

/** What one conscience step made. */
export interface ConscienceResult {
  /** One per response, in order; to be written to the audit. */
  readonly reviews: ReviewRecord[];
  readonly pairs: Pair[];
  readonly counts: ConscienceCounts;
}

/**
 * Runs one conscience step. A response that the conscience accepts or leaves unreadable
 * makes no pair, and neither does an alternative that is empty, unfinished (unless cut), identical to
 * the flagged response, a refusal (unless allowed), unreadable, or flagged again.
 *
 * @throws ConfigError when the format does not know the framework; whatever the models throw
 */
export async function runConscience(options: ConscienceStep): Promise<ConscienceResult> {
  const stages = new ConscienceStages(options);
  const responses = await stages.respond();
  const verdicts = await stages.judge(responses);
  return stages.pairUp(responses, verdicts);
}

/** The stages of one conscience step, each called once, in this order. */
export class ConscienceStages {
  /** Read and written by all models so far. */
  private tokens = 0;
  private readonly meter: CostMeter;
  private readonly settings: Settings;

  constructor(options: ConscienceStep) {
    const { meter = new CostMeter(), priorCache = new Map() } = options;
    const charging =
      (stage: Stage) =>
      (_: number, { promptTokens, answerTokens }: Usage) => {
        this.tokens += promptTokens + answerTokens;
        meter.count(stage, promptTokens + answerTokens);
      };
    this.meter = meter;
    this.settings = { ...options, meter, priorCache, charging };
  }

  /** Prompt → response: the policy answers. */
  respond(): Promise<ReviewItem[]> {
    return this.meter.during('sampling', () => sampleResponses(this.settings));
  }

  /** Response → verdict: the conscience reviews. @returns one per response, in order */
  judge(responses: readonly ReviewItem[]): Promise<Review[]> {
    const onUsage = this.settings.charging('reviews');
    return this.meter.during('reviews', () => reviewMany(responses, { ...this.settings, onUsage }));
  }

  /** Verdict → pair: what was objected to gets an alternative, which is reviewed as well. */
  async pairUp(responses: readonly ReviewItem[], verdicts: readonly Review[]): Promise<ConscienceResult> {
    const { step, trainable = () => true } = this.settings;
    const outcomes = await contrasted(responses, verdicts, this.settings);
    const records = this.records(responses, verdicts, outcomes);
    const pairs: Pair[] = [];
    const kept = records.map((record, i): ReviewRecord => {
      const text = outcomes[i].pair;
      if (record.pair === null || text === null) return record;
      const pair = { ...text, id: record.pair, verdict: verdicts[i].verdict, step };
      if (!trainable(pair)) return { ...record, pair: null, reason: 'too-long' };
      pairs.push(pair);
      return record;
    });
    return { reviews: kept, pairs, counts: countRecords(kept, this.tokens) };
  }

  private records(
    responses: readonly ReviewItem[],
    verdicts: readonly Review[],
    outcomes: readonly Contrasted[],
  ): ReviewRecord[] {
    const { step, age = 0, seed, framework, format, policy, conscience, alternative, now } = this.settings;
    const time = (now?.() ?? new Date()).toISOString();
    return responses.map(
      ({ prompt, response }, i): ReviewRecord => ({
        id: `review:${step}.${i}`,
        step,
        ...(age > 0 ? { age } : {}),
        seed,
        time,
        framework: framework.name,
        format: format.name,
        roles: { policy: policy.id, conscience: conscience.id, alternative: alternative.id },
        prompt,
        response,
        review: verdicts[i],
        alternative: outcomes[i].alternative,
        pair: outcomes[i].reason === null ? `pair:${step}.${i}` : null,
        reason: outcomes[i].reason,
      }),
    );
  }
}

/** A step's options, with a listener for the tokens of each stage. */
interface Settings extends ConscienceStep {
  readonly meter: CostMeter;
  charging(stage: Stage): (item: number, usage: Usage) => void;
}

function contrasted(
  items: readonly ReviewItem[],
  reviews: readonly Review[],
  options: Settings,
): Contrasted[] | Promise<Contrasted[]> {
  switch (options.contrast ?? 'alternative') {
    case 'alternative':
      return seekAlternatives(items, reviews, options);
    case 'samples':
      return contrastSamples(items, reviews);
    case 'confession':
      return confess(items, reviews);
  }
}

async function sampleResponses(options: Settings): Promise<ReviewItem[]> {
  const { policy, sampling, contrast } = options;
  const prompts =
    contrast === 'samples'
      ? options.prompts.map((_, i) => options.prompts[i - (i % SAMPLES_PER_PROMPT)])
      : options.prompts;
  if (prompts.length === 0) return [];
  const responses = await policy.generate(
    prompts.map(({ messages }) => messages),
    { ...sampling, seed: stageSeed(options, 'response'), onUsage: options.charging('sampling') },
  );
  return prompts.map((prompt, i) => ({ prompt, response: responses[i] }));
}

/** Replaces what the conscience objected to. One outcome per item, in order. */
async function seekAlternatives(
  items: readonly ReviewItem[],
  reviews: readonly Review[],
  options: Settings,
): Promise<Contrasted[]> {
  const outcomes = reviews.map(
    ({ verdict: { kind } }): Contrasted => ({
      alternative: null,
      pair: null,
      reason: kind === 'objected' ? null : kind,
    }),
  );
  const flagged = items.map((_, i) => i).filter((i) => outcomes[i].reason === null);
  const { charging, sampling, alternativeTemperature: temperature = sampling.temperature } = options;
  const found = await replace(
    flagged.map((i) => items[i]),
    {
      ...options,
      sampling: {
        ...sampling,
        ...(temperature === undefined ? {} : { temperature }),
        onUsage: charging('alternatives'),
        seed: stageSeed(options, 'alternative'),
      },
      onUsage: charging('alternative_reviews'),
    },
  );
  for (const [k, i] of flagged.entries()) {
    const { alternative, reason } = found[k];
    const { prompt, response: rejected } = items[i];
    const pair = reason === null &&
      alternative && {
        prompt,
        chosen: alternative.response,
        rejected,
        alternativeVerdict: alternative.review?.verdict ?? null,
      };
    outcomes[i] = { alternative, reason, pair: pair || null };
  }
  return outcomes;
}

function stageSeed({ seed, step }: ConscienceStep, stage: string): number {
  return new Random(seed, 'conscience', step, stage).uint32();
}

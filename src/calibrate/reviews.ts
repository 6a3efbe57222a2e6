/** What a conscience says of labelled answers, question by question, kept in a file so that nothing is asked twice. */
import type { ReviewFormat } from '../conscience/format.js';
import type { ReadingPart } from '../conscience/reading.js';
import {
  type AskedQuestion,
  type ReviewItem,
  type ReviewSettings,
  reviewMany,
} from '../conscience/review.js';
import { logOdds } from '../conscience/verdict.js';
import { type GroupStore, groupOf } from '../evaluate/store.js';
import type { Usage } from '../values/conversation.js';

/** Below this probability of both labels together a verdict is unreadable, here as in training. */
const LEAST_MASS = 0.01;

/** One question about one answer. */
export interface PartReview {
  /** Log-odds of the objection, nats; null where it could not be read. */
  readonly odds: number | null;
  /** Probability of both labels together. */
  readonly mass: number;
  /** Tokens that were read for it. */
  readonly tokens: number;
}

export type Question = Omit<ReadingPart, 'weight'>;

export interface Asking extends Pick<ReviewSettings, 'conscience' | 'format' | 'signal'> {
  readonly store: GroupStore<PartReview>;
}

/** Reviews that are still to be made, of these answers with these questions. */
export function missing(
  items: readonly ReviewItem[],
  questions: readonly Question[],
  { store, format }: Pick<Asking, 'store' | 'format'>,
): number {
  const open = (item: ReviewItem) =>
    questions.filter((question) => store.get(keyOf(item, question, format)) === undefined).length;
  return items.reduce((sum, item) => sum + open(item), 0);
}

/** One answer's reviews, in the order of the questions; those that are in the store already are not made again. */
export async function reviewsOf(
  item: ReviewItem,
  questions: readonly Question[],
  { store, ...settings }: Asking,
): Promise<PartReview[]> {
  const key = (question: Question) => keyOf(item, question, settings.format);
  const open = questions.filter((question) => store.get(key(question)) === undefined);
  if (open.length > 0) {
    let tokens = 0;
    const [review] = await reviewMany([item], {
      ...settings,
      ...{
        framework: open[0].framework,
        threshold: 0.5,
        minMass: 0,
        parts: open.map((question) => ({ ...question, weight: 1 })),
      },
      onUsage: (_: number, usage: Usage) => {
        tokens += usage.promptTokens;
      },
    });
    const asked: AskedQuestion[] = [review, ...(review.further ?? [])];
    for (const [q, question] of open.entries()) {
      store.add(key(question), [partOf(asked[q], tokens / open.length)]);
    }
  }
  return questions.map((question) => store.get(key(question))![0]);
}

function partOf({ logps, projection }: AskedQuestion, tokens: number): PartReview {
  if (logps === null) return { odds: projection ?? null, mass: 1, tokens: Math.round(tokens) };
  const odds = logOdds(logps);
  const mass = Math.exp(logps.accept) + Math.exp(logps.object);
  return {
    odds: Number.isFinite(odds) && mass >= LEAST_MASS ? odds : null,
    mass: Number.isFinite(mass) ? Math.min(1, mass) : 0,
    tokens: Math.round(tokens),
  };
}

/** What is asked, word by word. */
function keyOf(
  { prompt, response }: ReviewItem,
  { framework, order, probe }: Question,
  format: ReviewFormat,
): string {
  const own = format.adapt(framework);
  const read = probe ? [probe] : [];
  return groupOf([
    format.review(prompt, response, own, order),
    own.labels,
    format.reviewPrefix ?? '',
    ...read,
  ]);
}

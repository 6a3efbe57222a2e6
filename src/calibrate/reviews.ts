/** What a conscience says of labelled answers, question by question, kept in a file so that nothing is asked twice. */
import { createHash } from 'node:crypto';
import type { ReadingPart } from '../conscience/reading.js';
import { type AskedQuestion, type ReviewSettings, reviewMany } from '../conscience/review.js';
import { logOdds } from '../conscience/verdict.js';
import type { GroupStore } from '../evaluate/store.js';
import type { Usage } from '../values/conversation.js';
import type { LabelledAnswer } from './answers.js';

/** One question about one answer. */
export interface PartReview {
  /** Log-odds of the objection, nats; null where it could not be read at all. */
  readonly odds: number | null;
  /** Probability of both labels together. */
  readonly mass: number;
  /** Log-odds where there is nothing to judge; absent where that was not asked. */
  readonly prior?: number | null;
  /** Tokens that were read for it. */
  readonly tokens: number;
}

export type Question = Omit<ReadingPart, 'weight'>;

export interface Asking extends Pick<ReviewSettings, 'conscience' | 'framework' | 'format' | 'signal'> {
  readonly store: GroupStore<PartReview>;
  /** Priors by prompt, shared by its two answers. */
  readonly priorCache: NonNullable<ReviewSettings['priorCache']>;
}

/** Reviews that are still to be made, of these answers with these questions. */
export function missing(
  answers: readonly LabelledAnswer[],
  questions: readonly Question[],
  { store, format }: Pick<Asking, 'store' | 'format'>,
  prior = false,
): number {
  return answers.reduce(
    (sum, answer) =>
      sum + questions.filter((question) => !known(store, answer, { question, format, prior })).length,
    0,
  );
}

/** One answer's reviews, in the order of the questions; those that are in the store already are not made again. */
export async function reviewsOf(
  answer: LabelledAnswer,
  questions: readonly Question[],
  { store, priorCache, ...settings }: Asking,
  prior = false,
): Promise<PartReview[]> {
  const { format } = settings;
  const open = questions.filter((question) => !known(store, answer, { question, format, prior }));
  if (open.length > 0) {
    let tokens = 0;
    const [review] = await reviewMany([answer.item], {
      ...settings,
      ...{ threshold: 0.5, minMass: 0, parts: open.map((question) => ({ ...question, weight: 1 })) },
      ...(prior ? { prior: 'neutral', priorCache } : {}),
      onUsage: (_: number, usage: Usage) => {
        tokens += usage.promptTokens;
      },
    });
    const asked: AskedQuestion[] = [review, ...(review.further ?? [])];
    for (const [q, question] of open.entries()) {
      const said = partOf(asked[q], tokens / open.length);
      store.add(keyOf(answer, question, format.name), [said]);
    }
  }
  return questions.map((question) => store.get(keyOf(answer, question, format.name))![0]);
}

function known(
  store: GroupStore<PartReview>,
  answer: LabelledAnswer,
  { question, format, prior }: { question: Question; format: { name: string }; prior: boolean },
): boolean {
  const [found] = store.get(keyOf(answer, question, format.name)) ?? [];
  return found !== undefined && (!prior || found.prior !== undefined);
}

function partOf({ logps, prior }: AskedQuestion, tokens: number): PartReview {
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  const mass = Math.exp(logps!.accept) + Math.exp(logps!.object);
  return {
    odds: finite(logOdds(logps!)),
    mass: Number.isFinite(mass) ? Math.min(1, mass) : 0,
    ...(prior === null ? {} : { prior: finite(logOdds(prior)) }),
    tokens: Math.round(tokens),
  };
}

/** The same texts under the same question have the same key, wherever they come from. */
function keyOf({ item: { prompt, response } }: LabelledAnswer, question: Question, format: string): string {
  const { framework, order = 'last' } = question;
  return createHash('sha256')
    .update(
      JSON.stringify([format, framework.question, framework.labels, order, prompt.messages, response.text]),
    )
    .digest('hex')
    .slice(0, 32);
}

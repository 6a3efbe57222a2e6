/** Scoring of multiple-choice rows by the log-probabilities of their choices. */
import type { ContinuationScorer } from '../engine/language-model.js';
import { bootstrapByQuestion } from '../statistics/by-question.js';
import { type Estimate, wilson } from '../statistics/intervals.js';
import type { ChoiceItem, ChoiceTask } from './choice-tasks.js';

/** One scored row, with what was asked. */
export interface ScoredChoice extends ChoiceItem {
  /** Summed log-probability of each choice, nats. */
  readonly logps: readonly number[];
  /** Score in [0, 1]; 0 or 1 for an accuracy. */
  readonly score: number;
  /** The same where the log-probability is divided by the choice's bytes; of an accuracy only. */
  readonly normalized: number | null;
}

/** The scores of one task. */
export interface ChoiceScore {
  readonly task: string;
  readonly rows: number;
  /** Mean score with its 95 % interval over the rows; null over none. */
  readonly score: Estimate | null;
  /** `acc_norm` of the harness: choices by log-probability per byte. */
  readonly normalized: Estimate | null;
}

/** Scores rows; what one call is given is batched. */
export async function scoreChoices(
  scorer: ContinuationScorer,
  { scoring }: ChoiceTask,
  items: readonly ChoiceItem[],
): Promise<ScoredChoice[]> {
  const all = await scorer.continuationLogps(
    items.map(({ context, choices }) => ({ context, continuations: choices })),
  );
  return items.map((item, i) => {
    const logps = all[i];
    return scoring === 'accuracy'
      ? { ...item, logps, score: hit(logps, item), normalized: hit(perByte(logps, item), item) }
      : { ...item, logps, score: massOfRight(logps, item), normalized: null };
  });
}

/** The scores of a task over its rows. */
export function choiceScore(task: ChoiceTask, rows: readonly ScoredChoice[]): ChoiceScore {
  const scores = rows.map(({ score }) => score);
  const normalized = rows.flatMap((row) => row.normalized ?? []);
  const hits = (values: readonly number[]) =>
    wilson(values.filter((value) => value === 1).length, values.length);
  const mass = () =>
    bootstrapByQuestion(
      scores.map((value) => [value]),
      { range: [0, 1] },
    );
  const score = task.scoring === 'accuracy' ? hits(scores) : mass();
  return { task: task.name, rows: rows.length, score, normalized: hits(normalized) };
}

/** Log-probabilities by the bytes of the choices, nats. */
export function perByte(logps: readonly number[], { choices }: ChoiceItem): number[] {
  return logps.map((logp, c) => logp / Buffer.byteLength(choices[c].trimStart()));
}

/** Where the largest value stands; of equal ones the first counts. */
export function likeliest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

/** 1 where the largest value stands at a right choice. */
function hit(values: readonly number[], { right }: ChoiceItem): number {
  return Number(right[likeliest(values)]);
}

/** Σ P(right) / Σ P(all). */
function massOfRight(logps: readonly number[], { right }: ChoiceItem): number {
  const most = Math.max(...logps);
  const masses = logps.map((logp) => Math.exp(logp - most));
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  return sum(masses.filter((_, c) => right[c])) / sum(masses);
}

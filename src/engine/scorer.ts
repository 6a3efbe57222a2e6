/**
 * How likely a model finds labels, answers and continuations: text to choices of tokens, and their
 * log-probabilities to what was asked.
 */

import { ModelError } from '../errors.js';
import { answerTokens, promptTokens } from '../tokenizer/answer-tokens.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Message } from '../values/conversation.js';
import { type ChoiceRow, depth, lineLength } from './choices.js';
import type { ContinuationScorer, LabelOptions, MeanStates } from './language-model.js';
import { differingStretch, type Stretch } from './stretch.js';

export interface ScorerOptions {
  readonly tokenizer: ChatTokenizer;
  /** Positions that sequences may have. */
  readonly maxLength: number;
  /** [row][choice]: the summed log-probability of a choice after its row's context, nats. */
  choiceLogps(rows: readonly ChoiceRow[]): Promise<number[][]>;
  /** [stretch][layer]: the mean residual stream over a stretch's tokens, float32 [width]. Absent: nobody asks for them. */
  meanStates?(stretches: readonly Stretch[], layers: readonly number[]): Promise<Float32Array[][]>;
}

/** Scores text as one copy of the model. */
export class Scorer {
  private readonly tokenizer: ChatTokenizer;

  constructor(private readonly options: ScorerOptions) {
    this.tokenizer = options.tokenizer;
  }

  /** See `LanguageModel`. */
  async labelLogps(
    conversations: readonly (readonly Message[])[],
    labels: readonly string[],
    { prefix, onUsage, signal }: LabelOptions = {},
  ): Promise<number[][]> {
    signal?.throwIfAborted();
    const rows = conversations.map((messages) => this.row(messages, labels, prefix));
    const logps = await this.fittingLogps(rows);
    for (const [i, row] of rows.entries()) {
      onUsage?.(i, { promptTokens: logps[i] === null ? 0 : lineLength(row), answerTokens: 0 });
    }
    return logps.map((row) => row ?? labels.map(() => Number.NaN));
  }

  /** See `HiddenReader`. */
  async meanStates(
    conversations: readonly (readonly Message[])[],
    twins: readonly (readonly Message[])[],
    layers: readonly number[],
    { prefix, onUsage, signal }: LabelOptions = {},
  ): Promise<(MeanStates | null)[]> {
    signal?.throwIfAborted();
    const { maxLength, meanStates } = this.options;
    const ids = (messages: readonly Message[]) => promptTokens(this.tokenizer, messages, prefix);
    const found = conversations.map((messages, i) => differingStretch(ids(messages), ids(twins[i])));
    const fitting = [...found.keys()].filter((i) => (found[i]?.tokens.length ?? Infinity) <= maxLength);
    const means = await meanStates!(
      fitting.map((i) => found[i]!),
      layers,
    );
    const result: (MeanStates | null)[] = conversations.map(() => null);
    for (const [k, i] of fitting.entries()) {
      const { from, to } = found[i]!;
      result[i] = { tokens: to - from, layers: means[k] };
      onUsage?.(i, { promptTokens: to, answerTokens: 0 });
    }
    return result;
  }

  /** Like `choiceLogps`, with null for a row that is too long for the model. */
  private async fittingLogps(rows: readonly ChoiceRow[]): Promise<(number[] | null)[]> {
    const fitting = rows.map((_, i) => i).filter((i) => depth(rows[i]) <= this.options.maxLength);
    const logps = await this.options.choiceLogps(fitting.map((i) => rows[i]));
    const result: (number[] | null)[] = rows.map(() => null);
    for (const [k, i] of fitting.entries()) result[i] = logps[k];
    return result;
  }

  /** See `AnswerReader`. */
  async answerProbabilities(
    conversations: readonly (readonly Message[])[],
    answers: readonly string[],
  ): Promise<(number[] | null)[]> {
    const longer = answers.map((answer) => oneDigitLonger(answer, answers));
    const rows = conversations.map((messages) => this.row(messages, answers));
    const logps = await this.fittingLogps(rows);
    return logps.map((row, i) => {
      if (row === null) return null;
      const { choices } = rows[i];
      const begun = row.map(Math.exp);
      return begun.map((probability, c) => {
        const within = longer[c].filter((other) => choices[c].every((id, t) => choices[other][t] === id));
        return Math.max(
          0,
          within.reduce((rest, other) => rest - begun[other], probability),
        );
      });
    });
  }

  /** What an answer may begin with, as tokens after the conversation. */
  private row(messages: readonly Message[], answers: readonly string[], prefix?: string): ChoiceRow {
    const row = answerTokens(this.tokenizer, messages, answers, prefix);
    for (const [i, choice] of row.choices.entries()) requireTokens(answers[i], choice);
    return row;
  }

  /** See `ContinuationScorer`. */
  async continuationLogps(rows: Parameters<ContinuationScorer['continuationLogps']>[0]): Promise<number[][]> {
    // One row per context; a continuation that changes the context's own tokens has one to itself.
    const split: (ChoiceRow & { row: number; at: number[] })[] = [];
    for (const [row, { context, continuations }] of rows.entries()) {
      const alone = this.tokenizer.encode(context);
      const opening = alone.length > 0 ? [] : this.opening();
      const own = [...opening, ...alone];
      const shared = { row, context: own, choices: [] as number[][], at: [] as number[] };
      for (const [i, continuation] of continuations.entries()) {
        const whole = [...opening, ...this.tokenizer.encode(context + continuation)];
        const choice = whole.slice(own.length);
        if (continuation !== '') requireTokens(continuation, choice);
        if (own.every((id, t) => whole[t] === id)) {
          shared.choices.push(choice);
          shared.at.push(i);
        } else {
          split.push({ row, context: whole.slice(0, own.length), choices: [choice], at: [i] });
        }
      }
      if (shared.at.length > 0) split.push(shared);
    }
    const logps = await this.options.choiceLogps(split);
    const result = rows.map(({ continuations }) => continuations.map(() => 0));
    for (const [s, { row, at }] of split.entries()) {
      for (const [k, i] of at.entries()) result[row][i] = logps[s][k];
    }
    return result;
  }

  /** What stands before a continuation without a context: as in lm-evaluation-harness, BOS or else the end of text. */
  private opening(): number[] {
    const { bosId, eosIds, padId } = this.tokenizer;
    return [bosId ?? eosIds[0] ?? padId];
  }
}

/** @throws ModelError for a text that the tokenizer drops: it would be certain, whatever the model thinks */
function requireTokens(text: string, tokens: readonly number[]): void {
  if (tokens.length > 0) return;
  throw new ModelError({
    what: `the tokenizer has no token for ${JSON.stringify(text)}, so its probability cannot be read`,
    next: 'use other labels, or check that the tokenizer belongs to this model',
  });
}

/** Indices of the numbers that are `number` and one more digit. */
function oneDigitLonger(number: string, answers: readonly string[]): number[] {
  if (!/^\d+$/.test(number)) return [];
  return answers.flatMap((answer, i) => (/^\d+$/.test(answer) && answer.slice(0, -1) === number ? [i] : []));
}

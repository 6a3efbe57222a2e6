/**
 * Tokenising a dataset: checked rows to token rows, and a report of what was cut or dropped.
 *
 * Where loss lies in a conversation is chat-mask.ts's business, how text becomes ids encode.ts's.
 */
import { DataError } from '../errors.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { CompletionRow, TokenRow, TrainingRow } from '../values/rows.js';
import { type LossOn, maskChat } from './chat-mask.js';
import { countLoss, encodeDocument, encodeSpans } from './encode.js';
import { Problems } from './files/problems.js';

export interface TokeniseOptions {
  /** Longer rows lose their end, in tokens. */
  readonly maxLength: number;
  /** Default `response`. A `text` row has no response: all its tokens carry loss. */
  readonly lossOn?: LossOn;
  /** Called from time to time with the number of rows done. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What tokenising did to a dataset; prints as one JSON line. Lengths in tokens. */
export interface TokenReport {
  readonly rows: number;
  /** Rows to train on: `rows` without `allMasked`. */
  readonly kept: number;
  /** Kept rows that lost their end to `maxLength`. */
  readonly truncated: number;
  /** Dropped rows: no token carries loss. */
  readonly allMasked: number;
  /** Those of `allMasked` whose answer lay beyond `maxLength`. */
  readonly answerCutAway: number;
  /** Conversations of which the template leaves only the last turn trainable. */
  readonly lastTurnOnly: number;
  /** Tokens in the kept rows, after cutting. */
  readonly tokens: number;
  readonly lossTokens: number;
  /** Longest row before cutting. */
  readonly longest: number;
  /** Tokens per kept row, after cutting; null without any row. */
  readonly meanLength: number | null;
  readonly maxLength: number;
}

/** One row with all its tokens. */
export interface Tokenised {
  readonly row: TokenRow;
  /** See `MaskedChat`. */
  readonly lastTurnOnly: boolean;
}

/** Milliseconds of tokenising between two turns of the event loop. */
const YIELD_AFTER = 50;

/**
 * Tokenises a dataset whole, cutting at `maxLength` and dropping rows without loss.
 *
 * @throws DataError when rows cannot be rendered by the chat template, or none is left to train on
 */
export async function tokeniseRows(
  rows: readonly TrainingRow[],
  tokenizer: ChatTokenizer,
  { maxLength, lossOn = 'response', onProgress }: TokeniseOptions,
): Promise<{ rows: TokenRow[]; report: TokenReport }> {
  const conversation = rows.find((row) => row.kind === 'messages');
  if (conversation && !tokenizer.hasChatTemplate) throw withoutTemplate(conversation.where);
  const kept: TokenRow[] = [];
  const problems = new Problems();
  const counts = { truncated: 0, allMasked: 0, answerCutAway: 0, lastTurnOnly: 0 };
  let [tokens, lossTokens, longest] = [0, 0, 0];
  let yielded = performance.now();
  for (const [i, example] of rows.entries()) {
    if (performance.now() - yielded > YIELD_AFTER) {
      onProgress?.(i, rows.length);
      await new Promise((resolve) => setImmediate(resolve));
      yielded = performance.now();
    }
    const whole = problems.attempt(() => tokeniseRow(example, tokenizer, lossOn));
    if (whole === undefined) continue;
    const row = truncate(whole.row, maxLength);
    const loss = countLoss(row);
    const isCut = row !== whole.row;
    longest = Math.max(longest, whole.row.ids.length);
    if (loss === 0) {
      counts.allMasked++;
      if (isCut && countLoss(whole.row) > 0) counts.answerCutAway++;
      continue;
    }
    if (isCut) counts.truncated++;
    if (whole.lastTurnOnly) counts.lastTurnOnly++;
    tokens += row.ids.length;
    lossTokens += loss;
    kept.push(row);
  }
  problems.throwIfAny();
  onProgress?.(rows.length, rows.length);
  const meanLength = kept.length === 0 ? null : tokens / kept.length;
  const sizes = { rows: rows.length, kept: kept.length };
  const report = { ...sizes, ...counts, tokens, lossTokens, longest, meanLength, maxLength };
  if (kept.length === 0) {
    const next = counts.answerCutAway > 0 ? `raise max_length (the longest row has ${longest})` : undefined;
    throw new DataError({
      what: `no row is left: ${describeReport(report).replace(/\.$/, '')}`,
      next,
    });
  }
  return { rows: kept, report };
}

/**
 * One row with all its tokens and its loss mask.
 *
 * @throws DataError when the chat template refuses or rewrites it
 */
export function tokeniseRow(row: TrainingRow, tokenizer: ChatTokenizer, lossOn: LossOn): Tokenised {
  switch (row.kind) {
    case 'messages': {
      const { spans, lastTurnOnly } = maskChat(row.messages, tokenizer, row.where, {
        lossOn,
        lossFrom: row.lossFrom,
        context: row,
      });
      return { row: encodeSpans(spans, tokenizer, row.where), lastTurnOnly };
    }
    case 'completion':
      return { row: encodeCompletion(row, tokenizer, lossOn), lastTurnOnly: false };
    case 'text': {
      const spans = [{ text: row.text, loss: true }];
      return { row: encodeDocument(spans, tokenizer, row.where), lastTurnOnly: false };
    }
  }
}

function encodeCompletion(row: CompletionRow, tokenizer: ChatTokenizer, lossOn: LossOn): TokenRow {
  const spans = [
    { text: row.prompt, loss: lossOn === 'all' },
    { text: row.completion, loss: true },
  ];
  return encodeDocument(spans, tokenizer, row.where);
}

/** The row itself when it is short enough. */
function truncate(row: TokenRow, maxLength: number): TokenRow {
  if (row.ids.length <= maxLength) return row;
  const { ids, lossMask, where } = row;
  return { ids: ids.slice(0, maxLength), lossMask: lossMask.slice(0, maxLength), where };
}

/** The report as a sentence for people. */
export function describeReport(report: TokenReport): string {
  const { rows, kept, truncated, allMasked, answerCutAway, lastTurnOnly, maxLength } = report;
  const say = (n: number) => n.toLocaleString('en-US');
  const share = report.tokens === 0 ? 0 : Math.round((100 * report.lossTokens) / report.tokens);
  const mean = report.meanLength === null ? '' : `, ${say(Math.round(report.meanLength))} a row`;
  const parts = [
    `${say(kept)} of ${say(rows)} rows kept: ${say(report.tokens)} tokens${mean}, ${share} % of them carry loss`,
    `longest row ${say(report.longest)}`,
  ];
  if (truncated > 0) parts.push(`${say(truncated)} cut at ${say(maxLength)} tokens`);
  if (answerCutAway > 0) parts.push(`${say(answerCutAway)} dropped, their answer lies beyond that`);
  const empty = allMasked - answerCutAway;
  if (empty > 0) parts.push(`${say(empty)} dropped without a token that carries loss`);
  if (lastTurnOnly > 0) {
    parts.push(`${say(lastTurnOnly)} train on their last turn only, the template rewrites earlier ones`);
  }
  return `${parts.join('; ')}.`;
}

/** The error of a conversation for a model that has no chat template. */
export function withoutTemplate(where: string): DataError {
  return new DataError({
    where,
    what: 'this row is a conversation and the model has no chat template',
    next: 'use a model with a chat template, or plain prompt/completion or text rows',
  });
}

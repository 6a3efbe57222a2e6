/**
 * Preference rows and online pairs to token rows: a chosen and a rejected answer to one prompt.
 *
 * Loss is on the answers' tokens only. A pair is kept whole or dropped: a cut answer would be
 * compared by where it was cut.
 */
import { DataError } from '../errors.js';
import { markedLength, trusting, unmarked } from '../tokenizer/control-tokens.js';
import { joinReasoning } from '../tokenizer/reasoning.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { withToolsAsText } from '../tokenizer/tool-calls.js';
import type { Response } from '../values/conversation.js';
import type { Pair } from '../values/pair.js';
import type { ChatContext, PreferenceRow, TokenRow, Turn } from '../values/rows.js';
import { maskChat, type Span } from './chat-mask.js';
import { countLoss, encodeDocument, encodeSpans } from './encode.js';
import { Problems } from './files/problems.js';
import { withoutTemplate } from './tokenise.js';

/** Two tokenised answers to one prompt. */
export interface TokenPair {
  readonly chosen: TokenRow;
  readonly rejected: TokenRow;
}

/** Why a pair cannot be trained on. */
export type PairFault = 'identical' | 'too_long' | 'empty';

/** A pair to train on, or the reason why it is none. */
export type PairResult =
  | ({ readonly kind: 'pair' } & TokenPair)
  | { readonly kind: 'dropped'; readonly reason: PairFault };

/** What tokenising did to a preference dataset; prints as one JSON line. Lengths in tokens. */
export interface PreferenceReport {
  readonly rows: number;
  readonly kept: number;
  /** Dropped: both answers have the same tokens. */
  readonly identical: number;
  /** Dropped: longer than `maxLength`. */
  readonly tooLong: number;
  /** Dropped: an answer without tokens. */
  readonly empty: number;
  /** Tokens of the kept pairs: both answers with their prompts. */
  readonly tokens: number;
  readonly maxLength: number;
}

/**
 * Tokenises a preference dataset; pairs without use are dropped and counted.
 *
 * @throws DataError when the chat template refuses rows, or no pair is left to train on
 */
export function tokenisePreferences(
  rows: readonly PreferenceRow[],
  tokenizer: ChatTokenizer,
  maxLength: number,
): { pairs: TokenPair[]; report: PreferenceReport } {
  const conversation = rows.find((row) => row.format === 'conversational');
  if (conversation && !tokenizer.hasChatTemplate) throw withoutTemplate(conversation.where);
  const problems = new Problems();
  const pairs: TokenPair[] = [];
  const dropped: Record<PairFault, number> = { identical: 0, too_long: 0, empty: 0 };
  let tokens = 0;
  for (const row of rows) {
    const result = problems.attempt(() => preferenceToRows(row, tokenizer, maxLength));
    if (result?.kind === 'dropped') dropped[result.reason]++;
    if (result?.kind !== 'pair') continue;
    const { chosen, rejected } = result;
    tokens += chosen.ids.length + rejected.ids.length;
    pairs.push({ chosen, rejected });
  }
  problems.throwIfAny();
  const { identical, too_long: tooLong, empty } = dropped;
  const sizes = { rows: rows.length, kept: pairs.length };
  const report = { ...sizes, identical, tooLong, empty, tokens, maxLength };
  if (pairs.length === 0) {
    throw new DataError({
      what: `no preference pair is left: ${describePreferences(report).replace(/\.$/, '')}`,
      next: tooLong > 0 ? 'raise max_length' : 'check that chosen and rejected are different answers',
    });
  }
  return { pairs, report };
}

/** The report as a sentence for people. */
export function describePreferences({
  rows,
  kept,
  identical,
  tooLong,
  empty,
  maxLength,
}: PreferenceReport): string {
  const parts = [`${kept} of ${rows} preference pairs kept`];
  if (identical > 0) parts.push(`${identical} dropped, both answers are the same`);
  if (tooLong > 0) parts.push(`${tooLong} dropped, longer than ${maxLength} tokens`);
  if (empty > 0) parts.push(`${empty} dropped, an answer has no tokens`);
  return `${parts.join('; ')}.`;
}

/**
 * An online pair as token rows. Reasoning is put back as the turn's `<think>` block. An answer that
 * the token limit ended gets no end-of-turn token: the model did not write one.
 */
export function pairToRows(pair: Pair, tokenizer: ChatTokenizer, maxLength: number): PairResult {
  const encode = (response: Response) => {
    const turn = { role: 'assistant', content: joinReasoning(response) } as const;
    const given = { messages: [...pair.prompt.messages, turn] };
    // As the policy that runs here reads them: of tools' texts, the tags alone may be control tokens.
    const turns = withToolsAsText((tokenizer.guard?.(given) ?? given).messages);
    const options = { lossFrom: turns.length - 1 };
    const { spans } = maskChat(turns, trusting(tokenizer), pair.id, options);
    const written =
      response.finish === 'stop' ? spans : endAt(spans, response.text.trim() || (response.reasoning ?? ''));
    return encodeSpans(written, tokenizer, pair.id);
  };
  return checked({ chosen: encode(pair.chosen), rejected: encode(pair.rejected) }, maxLength);
}

function preferenceToRows(row: PreferenceRow, tokenizer: ChatTokenizer, maxLength: number): PairResult {
  if (row.format === 'plain') {
    const encode = (answer: string) => {
      const spans = [
        { text: row.prompt, loss: false },
        { text: answer, loss: true },
      ];
      return encodeDocument(spans, tokenizer, row.where);
    };
    return checked({ chosen: encode(row.chosen), rejected: encode(row.rejected) }, maxLength);
  }
  const encode = (answer: readonly Turn[]) =>
    encodeSpans(answerSpans(row.prompt, answer, tokenizer, row.where, row), tokenizer, row.where);
  return checked({ chosen: encode(row.chosen), rejected: encode(row.rejected) }, maxLength);
}

function answerSpans(
  prompt: readonly Turn[],
  answer: readonly Turn[],
  tokenizer: ChatTokenizer,
  where: string,
  context?: ChatContext,
): readonly Span[] {
  const options = { lossFrom: prompt.length, ...(context ? { context } : {}) };
  return maskChat([...prompt, ...answer], tokenizer, where, options).spans;
}

/** The spans up to the end of what the model wrote, without what the template puts after it. */
function endAt(spans: readonly Span[], written: string): readonly Span[] {
  const last = spans.findLastIndex(({ loss }) => loss);
  const { text } = spans[last];
  const tail = written.trim();
  if (tail === '') return spans.slice(0, last);
  const at = unmarked(text).lastIndexOf(tail);
  const end = at < 0 ? text.length : markedLength(text, at + tail.length);
  return [...spans.slice(0, last), { text: text.slice(0, end), loss: true }];
}

function checked({ chosen, rejected }: TokenPair, maxLength: number): PairResult {
  if (countLoss(chosen) === 0 || countLoss(rejected) === 0) return { kind: 'dropped', reason: 'empty' };
  if (Math.max(chosen.ids.length, rejected.ids.length) > maxLength) {
    return { kind: 'dropped', reason: 'too_long' };
  }
  const same =
    chosen.ids.length === rejected.ids.length && chosen.ids.every((id, i) => id === rejected.ids[i]);
  return same ? { kind: 'dropped', reason: 'identical' } : { kind: 'pair', chosen, rejected };
}

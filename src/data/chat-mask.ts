/**
 * Which text of a rendered conversation carries loss.
 *
 * A chat template is a program, so the borders of a turn are found by running it: an assistant
 * turn is what stands between the turns before it, rendered with the generation prompt (what the
 * model sees when it answers), and the same turns with the answer. The pieces must make up the whole
 * rendering; a template that rewrites earlier turns (Qwen3 removes their reasoning) leaves only the
 * last turn trainable. Tokens are tokenise.ts's business.
 */
import { DataError, UserError } from '../errors.js';
import type { ChatTokenizer } from '../model/tokenizer.js';
import type { Message } from './values.js';

/** Which tokens carry loss: every assistant turn, every token, or the last assistant turn only. */
export type LossOn = 'response' | 'all' | 'last';

/** A piece of text whose tokens all carry loss, or none. */
export interface Span {
  readonly text: string;
  readonly loss: boolean;
}

/** A conversation as spans; together they are the rendered text. */
export interface MaskedChat {
  readonly spans: readonly Span[];
  /** Earlier turns should have carried loss, and could not because the template rewrites them. */
  readonly lastTurnOnly: boolean;
}

/**
 * Cuts a rendered conversation into what is learnt and what is only read.
 *
 * A learnt turn ends with its end-of-turn token; white space that a template puts after that token
 * is no part of it, since generation has stopped by then. Turns after the last assistant turn are
 * left out unless all tokens carry loss.
 *
 * @param lossFrom assistant turns before this index carry no loss
 * @throws DataError when the template refuses the conversation or changes the last assistant turn
 */
export function maskChat(
  messages: readonly Message[],
  tokenizer: ChatTokenizer,
  where: string,
  { lossOn = 'response', lossFrom = 0 }: { lossOn?: LossOn; lossFrom?: number } = {},
): MaskedChat {
  if (lossOn === 'all') {
    const text = render(messages, tokenizer, where);
    return { spans: [{ text, loss: true }], lastTurnOnly: false };
  }
  const last = messages.findLastIndex((turn) => turn.role === 'assistant');
  const turns = messages.slice(0, last + 1);
  const whole = render(turns, tokenizer, where);
  const earlier = lossOn === 'last' ? [] : assistantTurns(turns, lossFrom, last);
  const cuts = earlier.map((i) => cutTurn(turns, i, whole, tokenizer));
  const lastCut = cutTurn(turns, last, whole, tokenizer);
  if (lastCut === undefined) {
    throw new DataError({
      where,
      what: 'the chat template changes the last assistant turn, so its tokens cannot be told from the rest',
      next: 'train on all tokens (loss_on: all) or use another template',
    });
  }
  const rewritten = cuts.includes(undefined);
  const kept = rewritten ? [lastCut] : [...(cuts as Cut[]), lastCut];
  return { spans: spansOf(whole, kept), lastTurnOnly: rewritten };
}

/** Start and end of a learnt piece, in characters of the whole rendering. */
type Cut = readonly [start: number, end: number];

function assistantTurns(turns: readonly Message[], from: number, to: number): number[] {
  const found: number[] = [];
  for (let i = from; i < to; i++) if (turns[i].role === 'assistant') found.push(i);
  return found;
}

/** Where turn `i` stands in `whole`; `undefined` when the template rewrites it or what is before it. */
function cutTurn(
  turns: readonly Message[],
  i: number,
  whole: string,
  tokenizer: ChatTokenizer,
): Cut | undefined {
  const { content } = turns[i];
  let open: string;
  let closed: string;
  let before: string;
  try {
    open = tokenizer.renderChat(turns.slice(0, i), { addGenerationPrompt: true });
    closed = i === turns.length - 1 ? whole : tokenizer.renderChat(turns.slice(0, i + 1));
    before = closed.startsWith(open) ? open : tokenizer.renderChat(turns.slice(0, i));
  } catch {
    return undefined; // The template takes the whole, yet not this beginning of it.
  }
  if (!whole.startsWith(closed) || !closed.startsWith(before)) return undefined;
  const start = closed.startsWith(open) ? open.length : findContent(closed, before, open, content);
  if (start === undefined) return undefined;
  const trimmed = closed.trimEnd();
  // Only white space after the content: then that is the end of turn, and is learnt.
  const end = trimmed.endsWith(content.trimEnd()) ? closed.length : trimmed.length;
  return end > start ? [start, end] : undefined;
}

/**
 * The generation prompt may hold more than the header of a finished turn (DeepSeek-R1 distillates
 * open `<think>`, and drop the reasoning of finished turns): then the content shows where it begins.
 */
function findContent(closed: string, before: string, open: string, content: string): number | undefined {
  const [answer] = content.split('</think>').slice(-1);
  for (const text of [content.trim(), answer, answer.trim()]) {
    const at = closed.indexOf(text, before.length);
    if (text !== '' && at > before.length && open.startsWith(closed.slice(0, at))) return at;
  }
  return undefined;
}

function spansOf(whole: string, cuts: readonly Cut[]): Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const [start, end] of cuts) {
    spans.push({ text: whole.slice(at, start), loss: false }, { text: whole.slice(start, end), loss: true });
    at = end;
  }
  spans.push({ text: whole.slice(at), loss: false });
  return spans.filter(({ text }) => text !== '');
}

function render(messages: readonly Message[], tokenizer: ChatTokenizer, where: string): string {
  try {
    return tokenizer.renderChat(messages);
  } catch (cause) {
    const what =
      cause instanceof UserError
        ? cause.parts.what
        : `the chat template refuses this conversation: ${(cause as Error).message}`;
    const got = `the roles ${messages.map((turn) => turn.role).join(', ')}`;
    throw new DataError({ where, what, got }, { cause });
  }
}

/**
 * What an assistant's turn may begin with, as the tokens that a model would say it in.
 *
 * Many tokenizers give a text other tokens after another text: SentencePiece writes `yes` as `▁yes` where
 * nothing stands before it. So prompt and answer are tokenised together and cut, and the white space
 * that a chat template puts before an answer is part of it.
 */

import { ModelError } from '../errors.js';
import type { Message, Tool } from '../values/conversation.js';
import { closingReasoning } from './reasoning.js';
import type { ChatTokenizer } from './tokenizer.js';
import { withToolsAsText } from './tool-calls.js';

/** A prompt and what may follow it, as token ids. */
export interface AnswerTokens {
  /**
   * The tokens that the prompt has whichever answer follows. Where one changes the prompt's last tokens, these
   * belong to all choices, so that all are continuations of the same context.
   */
  readonly context: readonly number[];
  readonly choices: readonly (readonly number[])[];
}

/**
 * A conversation up to the assistant's turn, which begins with `prefix`.
 *
 * @param tools described in plain turns, as calls and results are; only their tags may be control tokens
 */
export function promptTokens(
  tokenizer: ChatTokenizer,
  messages: readonly Message[],
  prefix = '',
  tools?: readonly Tool[],
): number[] {
  const start = prefix === '' ? '' : closingOf(tokenizer) || leadOf(tokenizer, prefix);
  return begun(tokenizer, { messages, tools }, start + prefix);
}

interface Conversation {
  readonly messages: readonly Message[];
  readonly tools?: readonly Tool[];
}

function begun(tokenizer: ChatTokenizer, given: Conversation, answer: string): number[] {
  const { messages, tools } = tokenizer.guard?.(given) ?? given;
  const turns = withToolsAsText(messages, tools);
  const ids = tokenizer.encodeChat(turns, { addGenerationPrompt: true, guarded: true, answer });
  if (ids.length > 0) return ids;
  throw new ModelError({
    what: 'the conversation has no token, so there is nothing to answer',
    got: `the text ${JSON.stringify(tokenizer.renderChat(turns, { addGenerationPrompt: true }).slice(0, 80))}`,
    next: 'check that tokenizer and chat template belong to this model',
  });
}

/** The same, and the tokens of each answer after it. */
export function answerTokens(
  tokenizer: ChatTokenizer,
  messages: readonly Message[],
  answers: readonly string[],
  prefix = '',
): AnswerTokens {
  const closing = closingOf(tokenizer);
  const prompt =
    prefix === '' ? begun(tokenizer, { messages }, closing) : promptTokens(tokenizer, messages, prefix);
  const before = (answer: string) => (prefix === '' && closing === '' ? leadOf(tokenizer, answer) : '');
  const ends = new EndOfPrompt(prompt, tokenizer);
  const wholes = answers.map(
    (answer) =>
      ends.followedBy(before(answer) + answer) ??
      promptTokens(tokenizer, messages, prefix === '' ? answer : prefix + answer),
  );
  const shared = wholes.reduce((least, whole) => Math.min(least, commonPrefix(prompt, whole)), prompt.length);
  const cut = Math.max(1, shared);
  return { context: prompt.slice(0, cut), choices: wholes.map((whole) => whole.slice(cut)) };
}

/** Number of tokens with which both begin. */
export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

/** Tokens of a prompt's end that are tokenised again with what follows. */
const END = 16;
/** Number of tokens that must come out the same without what precedes them. */
const SAME = 6;

/**
 * The end of a prompt, so that a long prompt is not tokenised once for each answer.
 *
 * What a token is depends on its neighbourhood. Where the text of the prompt's last tokens has the same tokens by
 * itself, but for the first few, and what follows changes only the last few, the whole has them too.
 */
class EndOfPrompt {
  private readonly text: string;
  private readonly alone: readonly number[];
  /** Tokens at the end that are the same alone and in the prompt. */
  private readonly same: number;

  constructor(
    private readonly prompt: readonly number[],
    private readonly tokenizer: ChatTokenizer,
  ) {
    const end = prompt.slice(-END);
    this.text = tokenizer.decode(end, { skipSpecialTokens: false });
    this.alone = encodeShort(this.text, tokenizer);
    this.same = commonPrefix(end.toReversed(), this.alone.toReversed());
  }

  /** The tokens of prompt and answer; undefined where the end does not tell them. */
  followedBy(answer: string): number[] | undefined {
    const { alone, prompt, same } = this;
    if (same < SAME && same < prompt.length) return undefined;
    const tokens = encodeShort(this.text + answer, this.tokenizer);
    const from = alone.length - same;
    const unchanged = commonPrefix(alone, tokens) - from;
    if (unchanged < same / 2 && same < prompt.length) return undefined;
    return [...prompt.slice(0, prompt.length - same), ...tokens.slice(from)];
  }
}

/** Prompts of one kind end alike, so that the same few texts are asked for again and again. */
const known = new WeakMap<ChatTokenizer, Map<string, readonly number[]>>();
const MOST_KNOWN = 1024;

function encodeShort(text: string, tokenizer: ChatTokenizer): readonly number[] {
  const texts = known.get(tokenizer) ?? new Map<string, readonly number[]>();
  known.set(tokenizer, texts);
  let ids = texts.get(text);
  if (ids === undefined) {
    ids = tokenizer.encode(text);
    if (texts.size >= MOST_KNOWN) texts.clear();
    texts.set(text, ids);
  }
  return ids;
}

const closings = new WeakMap<ChatTokenizer, string>();

/** What ends the reasoning that the generation prompt opens; an answer follows it. */
function closingOf(tokenizer: ChatTokenizer): string {
  let closing = closings.get(tokenizer);
  if (closing === undefined) {
    try {
      const question: Message = { role: 'user', content: 'question' };
      closing = closingReasoning(tokenizer.renderChat([question], { addGenerationPrompt: true }));
    } catch {
      closing = ''; // The template takes no such conversation.
    }
    closings.set(tokenizer, closing);
  }
  return closing;
}

const leads = new WeakMap<ChatTokenizer, string>();

/** White space that the chat template puts between its generation prompt and an answer. */
function leadOf(tokenizer: ChatTokenizer, answer: string): string {
  let lead = leads.get(tokenizer);
  if (lead === undefined) {
    lead = readLead(tokenizer);
    leads.set(tokenizer, lead);
  }
  return /^\s/.test(answer) ? '' : lead;
}

function readLead(tokenizer: ChatTokenizer): string {
  const question: Message = { role: 'user', content: 'question' };
  const answer: Message = { role: 'assistant', content: 'answer' };
  try {
    const open = tokenizer.renderChat([question], { addGenerationPrompt: true });
    const closed = tokenizer.renderChat([question, answer]);
    if (!closed.startsWith(open)) return '';
    const between = closed.slice(open.length, closed.indexOf(answer.content, open.length));
    return between.trim() === '' ? between : '';
  } catch {
    return ''; // The template takes no such conversation.
  }
}

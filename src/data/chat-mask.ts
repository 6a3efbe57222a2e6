/**
 * Which text of a rendered conversation carries loss.
 *
 * A chat template is a program, so the borders of a turn are found by running it: an assistant
 * turn is what stands between the turns before it, rendered with the generation prompt (what the
 * model sees when it answers), and the same turns with the answer. The pieces must make up the whole
 * rendering; a template that rewrites earlier turns (Qwen3 removes their reasoning) leaves only the
 * last turn trainable. Tokens are tokenise.ts's business; that what a message says writes no control
 * token is control-tokens.ts's, whose marks the spans hold.
 */
import { DataError, UserError } from '../errors.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Message } from '../values/conversation.js';
import type { ChatContext, Turn } from '../values/rows.js';
import { requireWritten } from './template-reads.js';

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

export interface MaskOptions {
  /** Default `response`. */
  readonly lossOn?: LossOn;
  /** Assistant turns before this index carry no loss. Default 0. */
  readonly lossFrom?: number;
  /** What the template sees besides the turns of a row, all of which it must write. Absent: a pair of this run. */
  readonly context?: ChatContext;
}

/**
 * Cuts a rendered conversation into what is learnt and what is only read.
 *
 * A learnt turn ends with its end-of-turn token; white space that a template puts after that token
 * is not part of it, since generation has stopped by then. Turns after the last learnt turn are
 * left out unless all tokens carry loss. A turn of `loss: false` carries none in any case.
 *
 * @throws DataError when the template refuses the conversation, changes the last learnt turn or one that must
 *   not be learnt, or leaves tools, calls or results out
 */
export function maskChat(
  given: readonly Turn[],
  tokenizer: ChatTokenizer,
  where: string,
  { lossOn = 'response', lossFrom = 0, context }: MaskOptions = {},
): MaskedChat {
  if (context) requireWritten(given, context, tokenizer, where);
  const { tools, variables } = context ?? {};
  const said = { messages: given, tools, variables };
  const { messages, ...guarded } = tokenizer.guard?.(said) ?? said;
  const chat = new Rendering(tokenizer, guarded);
  if (lossOn === 'all') return maskAll(messages, chat, where);
  const isAnswer = ({ role }: Turn) => role === 'assistant';
  const lastAnswer = messages.findLastIndex(isAnswer);
  const learnt = [...messages.keys()].filter(
    (i) =>
      isAnswer(messages[i]) &&
      messages[i].loss !== false &&
      (lossOn === 'last' ? i === lastAnswer : i >= lossFrom),
  );
  const last = learnt.at(-1);
  if (last === undefined) {
    return { spans: [{ text: chat.whole(messages, where), loss: false }], lastTurnOnly: false };
  }
  const turns = messages.slice(0, last + 1);
  const whole = chat.whole(turns, where);
  const cuts = learnt.slice(0, -1).map((i) => chat.cutTurn(turns, i, whole));
  const lastCut = chat.cutTurn(turns, last, whole);
  if (lastCut === undefined) {
    throw new DataError({
      where,
      what: 'the chat template changes the last assistant turn, so its tokens cannot be told from the rest',
      next: 'train on all tokens (loss_on: all) or use another template',
    });
  }
  const rewritten = cuts.includes(undefined);
  const kept = rewritten ? [lastCut] : [...(cuts as Cut[]), lastCut];
  return { spans: spansOf(whole, kept, true), lastTurnOnly: rewritten };
}

/** All tokens carry loss, but for the turns that must not be learnt. */
function maskAll(messages: readonly Turn[], chat: Rendering, where: string): MaskedChat {
  const whole = chat.whole(messages, where);
  const silent = [...messages.keys()].filter((i) => messages[i].loss === false);
  const cuts = silent.map((i): Cut => {
    const { role } = messages[i];
    const cut = role === 'assistant' ? chat.cutTurn(messages, i, whole) : undefined;
    if (cut) return cut;
    throw new DataError({
      where,
      what: `turn ${i} is not to be learnt, and cannot be told from the rest when all tokens are`,
      got: `a turn of the role ${role}`,
      next: 'train on the answers (loss_on: response)',
    });
  });
  return { spans: spansOf(whole, cuts, false), lastTurnOnly: false };
}

/** Start and end of a learnt piece, in characters of the whole rendering. */
type Cut = readonly [start: number, end: number];

/** Renders the beginnings of a conversation, to find where its turns stand. */
class Rendering {
  constructor(
    private readonly tokenizer: ChatTokenizer,
    private readonly context: ChatContext = {},
  ) {}

  /** @throws DataError when the template refuses the turns */
  whole(turns: readonly Message[], where: string): string {
    try {
      return this.render(turns);
    } catch (cause) {
      const what =
        cause instanceof UserError
          ? cause.parts.what
          : `the chat template refuses this conversation: ${(cause as Error).message}`;
      const got = `the roles ${turns.map((turn) => turn.role).join(', ')}`;
      throw new DataError({ where, what, got }, { cause });
    }
  }

  /** Where turn `i` is in `whole`; `undefined` when the template rewrites it or what is before it. */
  cutTurn(turns: readonly Message[], i: number, whole: string): Cut | undefined {
    const { content, toolCalls } = turns[i];
    let open: string;
    let closed: string;
    let before: string;
    try {
      open = this.render(turns.slice(0, i), true);
      closed = i === turns.length - 1 ? whole : this.render(turns.slice(0, i + 1));
      before = closed.startsWith(open) ? open : this.render(turns.slice(0, i));
    } catch {
      return undefined; // The template takes the whole, yet not this beginning of it.
    }
    if (turns[i + 1]?.role === 'tool') closed = withoutEmptyReasoning(closed, open, whole);
    if (!whole.startsWith(closed) || !closed.startsWith(before)) return undefined;
    const start = closed.startsWith(open)
      ? open.length
      : toolCalls
        ? findCall(closed, before, open)
        : findContent(closed, before, open, content);
    if (start === undefined) return undefined;
    const trimmed = closed.trimEnd();
    // Only white space after the content: then that is the end of turn, and is learnt.
    const isBare = toolCalls
      ? !this.tokenizer.specialTokens.some((token) => token !== '' && trimmed.endsWith(token))
      : trimmed.endsWith(content.trimEnd());
    const end = isBare ? closed.length : trimmed.length;
    return end > start ? [start, end] : undefined;
  }

  private render(turns: readonly Message[], addGenerationPrompt = false): string {
    const { tools, variables } = this.context;
    return this.tokenizer.renderChat(turns, {
      addGenerationPrompt,
      ...(tools ? { tools } : {}),
      ...(variables ? { variables } : {}),
    });
  }
}

/**
 * Qwen3 writes an empty reasoning block into a last answer, and none into the same turn once a tool has
 * answered: the turn as it is in the whole then.
 */
function withoutEmptyReasoning(closed: string, open: string, whole: string): string {
  if (!closed.startsWith(open)) return closed;
  const shorter = open + closed.slice(open.length).replace(/^<think>\s*<\/think>\s*/, '');
  return !whole.startsWith(closed) && whole.startsWith(shorter) ? shorter : closed;
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

/** The same for a turn that calls tools: it begins where it leaves the generation prompt, with a whole tag. */
function findCall(closed: string, before: string, open: string): number | undefined {
  let same = before.length;
  while (same < open.length && closed[same] === open[same]) same++;
  const at = closed.slice(0, same).replace(/[<[][^<>[\]]*$/, '').length;
  return at > before.length ? at : undefined;
}

/** The whole in pieces: the cuts carry loss, or all but the cuts do. */
function spansOf(whole: string, cuts: readonly Cut[], loss: boolean): Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const [start, end] of cuts) {
    spans.push({ text: whole.slice(at, start), loss: !loss }, { text: whole.slice(start, end), loss });
    at = end;
  }
  spans.push({ text: whole.slice(at), loss: !loss });
  return spans.filter(({ text }) => text !== '');
}

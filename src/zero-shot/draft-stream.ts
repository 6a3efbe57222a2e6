/** A draft as it comes: pieces of reasoning and of text, then the whole. */

import type { LanguageModel } from '../engine/language-model.js';
import { linked } from '../signals.js';
import { leadingTag, REASONING_TAGS, tagAt } from '../tokenizer/reasoning.js';
import { TOOL_CALL_TAG } from '../tokenizer/tool-calls.js';
import type { Message, Response, Usage } from '../values/conversation.js';
import { NO_USAGE } from '../values/usage.js';
import type { AnswerOptions } from './answer.js';

export interface Piece {
  readonly type: 'reasoning' | 'text';
  readonly text: string;
}

export interface DraftStream {
  /** All that has come since the last look, never nothing; ends with the draft. */
  readonly pieces: AsyncIterable<readonly Piece[]>;
  /** The whole draft, or what there was of it when it was aborted. */
  readonly whole: Promise<{ readonly response: Response; readonly usage: Usage }>;
  abort(reason: unknown): void;
}

/** A model's answer as a stream. Tool calls are not pieces: they come with the whole. */
export function draftStream(
  model: LanguageModel,
  messages: readonly Message[],
  { onSpent, onDraft, ...asked }: AnswerOptions,
): DraftStream {
  const { signal, abort, release } = linked(asked.signal);
  const queue = new PieceQueue();
  const splitter = new PieceSplitter((asked.tools ?? []).length > 0);
  let usage = NO_USAGE;
  const whole = model
    .generate([messages], {
      ...asked,
      signal,
      onText: (_, text) => queue.push(splitter.push(text)),
      onUsage: (_, used) => {
        usage = used;
        onSpent?.(0, 'draft', used);
      },
    })
    .then(([response]) => {
      onDraft?.(0, response);
      return { response, usage };
    })
    .finally(release);
  whole.then(
    () => {
      queue.push(splitter.end());
      queue.end();
    },
    (error) => queue.fail(error),
  );
  return { pieces: queue, whole, abort };
}

/** Pieces that wait for who reads them. One reader. */
export class PieceQueue implements AsyncIterable<readonly Piece[]> {
  private waiting: Piece[] = [];
  private ended = false;
  private error: { readonly cause: unknown } | null = null;
  private wake = () => {};

  push(pieces: readonly Piece[]): void {
    this.waiting.push(...pieces);
    if (this.waiting.length > 0) this.wake();
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  fail(cause: unknown): void {
    this.error = { cause };
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Piece[], void> {
    for (;;) {
      if (this.waiting.length > 0) {
        const pieces = this.waiting;
        this.waiting = [];
        yield pieces;
      } else if (this.error) {
        throw this.error.cause;
      } else if (this.ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}

/** Takes reasoning and calls of tools out of text that comes in pieces, tags cut anywhere. */
export class PieceSplitter {
  private state: 'start' | 'reasoning' | 'gap' | 'text' | 'calls' = 'start';
  private held = '';
  /** What ends the reasoning. */
  private close = '';

  constructor(private readonly hasTools: boolean) {}

  push(text: string): Piece[] {
    this.held += text;
    const pieces: Piece[] = [];
    while (this.advance(pieces));
    return pieces.filter((piece) => piece.text !== '');
  }

  /** What was held back in case it became a tag. */
  end(): Piece[] {
    const { state, held } = this;
    this.held = '';
    if (held === '' || state === 'calls' || state === 'gap') return [];
    return [{ type: state === 'reasoning' ? 'reasoning' : 'text', text: held }];
  }

  /** Whether there is more to do with what is held. */
  private advance(pieces: Piece[]): boolean {
    const { state, held } = this;
    switch (state) {
      case 'start': {
        const begun = held.trimStart();
        if (
          REASONING_TAGS.some(
            ({ open }) => begun.length < open.length && open.toLowerCase().startsWith(begun.toLowerCase()),
          )
        ) {
          return false;
        }
        const tag = leadingTag(begun);
        if (tag === undefined) return this.enter('text', held);
        this.close = tag.close;
        return this.enter('reasoning', begun.slice(tag.open.length));
      }
      case 'reasoning': {
        const at = tagAt(held, this.close);
        const end = at >= 0 ? at : held.length - partialTag(held, this.close);
        pieces.push({ type: 'reasoning', text: held.slice(0, end) });
        if (at >= 0) return this.enter('gap', held.slice(at + this.close.length));
        this.held = held.slice(end);
        return false;
      }
      case 'gap': {
        const rest = held.trimStart();
        return rest !== '' && this.enter('text', rest);
      }
      case 'text': {
        const at = this.hasTools ? held.indexOf(TOOL_CALL_TAG) : -1;
        const partial = this.hasTools ? partialTag(held, TOOL_CALL_TAG) : 0;
        const end = at >= 0 ? at : held.length - partial;
        // the blanks before a call belong to it
        const shown = this.hasTools ? held.slice(0, end).trimEnd().length : end;
        pieces.push({ type: 'text', text: held.slice(0, shown) });
        if (at >= 0) return this.enter('calls', '');
        this.held = held.slice(shown);
        return false;
      }
      case 'calls':
        this.held = '';
        return false;
    }
  }

  private enter(state: PieceSplitter['state'], rest: string): true {
    this.state = state;
    this.held = rest;
    return true;
  }
}

/** Characters at the end of `text` that may become `tag`, in capitals or not. */
function partialTag(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (text.slice(-length).toLowerCase() === tag.slice(0, length).toLowerCase()) return length;
  }
  return 0;
}

/**
 * The parts of a provider's stream on their way to the reader: in their order, unchanged, each as soon as
 * the policy and the verdicts let it leave.
 *
 * What a draft's words have been cleared for is said in characters of its text and of its reasoning; a part
 * is never split, so that a delta leaves when all of it has been cleared.
 */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { StreamPolicy } from '../zero-shot/release.js';

/** A part that waits. */
export interface Held {
  readonly part: LanguageModelV4StreamPart;
  /** Where a delta ends in the draft's text or reasoning; undefined until known. */
  end?: number;
}

export type FinishPart = Extract<LanguageModelV4StreamPart, { type: 'finish' }>;
type Kind = 'text' | 'reasoning';
type BlockEnd = Extract<LanguageModelV4StreamPart, { type: 'text-end' | 'reasoning-end' | 'tool-input-end' }>;

export class Outlet implements AsyncIterable<LanguageModelV4StreamPart> {
  private waiting: Held[] = [];
  private leaving: LanguageModelV4StreamPart[] = [];
  private readonly cleared = { text: 0, reasoning: 0 };
  /** Blocks whose beginning has left, but not their end. */
  private readonly open = new Map<string, BlockEnd>();
  private toldText = false;
  private ended = false;
  private failure: { readonly cause: unknown } | null = null;
  private wake = () => {};

  constructor(private readonly policy: StreamPolicy) {}

  /** Whether words of the draft have left. */
  get hasTold(): boolean {
    return this.toldText;
  }

  /** The next part of the provider's stream. */
  add(held: Held): void {
    this.waiting.push(held);
    this.advance();
  }

  /** So many further characters of the draft's text or reasoning have passed. */
  clear(kind: Kind, length: number): void {
    this.cleared[kind] += length;
    this.advance();
  }

  /** Releases everything that waits; `finish` replaces the provider's last part. */
  accept(finish: (own: FinishPart) => FinishPart): void {
    for (const { part } of this.waiting.splice(0)) this.leave(part.type === 'finish' ? finish(part) : part);
    this.wake();
  }

  /** What waits and has content is dropped, what has begun is ended, and `parts` leave instead. */
  replace(parts: readonly LanguageModelV4StreamPart[]): void {
    for (const { part } of this.waiting.splice(0)) if (isFrame(part)) this.leave(part);
    for (const end of [...this.open.values()]) this.leave(end);
    for (const part of parts) this.leave(part);
    this.wake();
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  /** What has left is still read; then `cause` is thrown. */
  fail(cause: unknown): void {
    this.failure = { cause };
    this.wake();
  }

  /** One reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LanguageModelV4StreamPart, void> {
    for (;;) {
      const part = this.leaving.shift();
      if (part) {
        yield part;
      } else if (this.failure) {
        throw this.failure.cause;
      } else if (this.ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  private advance(): void {
    const count = this.policy === 'sentence' ? this.clearedParts() : this.freeParts();
    for (const { part } of this.waiting.splice(0, count)) this.leave(part);
    if (count > 0) this.wake();
  }

  /** Releases from the front: with `hold` what has no content, with `after` all that no software acts on. */
  private freeParts(): number {
    const stop = this.waiting.findIndex(
      ({ part }) => !(this.policy === 'after' ? this.canLeaveAtOnce(part) : isFrame(part)),
    );
    return stop < 0 ? this.waiting.length : stop;
  }

  /** Releases from the front: what frames the answer, and all up to the last cleared delta. */
  private clearedParts(): number {
    let count = 0;
    let framed = true;
    for (const [i, { part, end }] of this.waiting.entries()) {
      framed &&= isFrame(part);
      if (framed) {
        count = i + 1;
      } else if (part.type === 'text-delta' || part.type === 'reasoning-delta') {
        if (part.delta === '') continue;
        if (end === undefined || end > this.cleared[part.type === 'text-delta' ? 'text' : 'reasoning']) break;
        count = i + 1;
      } else if (!isSeenWithSentences(part)) {
        break;
      }
    }
    return count;
  }

  /** All but the finish and what the caller's software acts on: calls of its tools, requests for approval. */
  private canLeaveAtOnce(part: LanguageModelV4StreamPart): boolean {
    switch (part.type) {
      case 'finish':
      case 'tool-approval-request':
        return false;
      case 'tool-input-start':
      case 'tool-call':
        return part.providerExecuted === true;
      case 'tool-input-delta':
      case 'tool-input-end':
        return this.open.has(`tool-input-end ${part.id}`);
      default:
        return true;
    }
  }

  private leave(part: LanguageModelV4StreamPart): void {
    this.leaving.push(part);
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start':
      case 'tool-input-start': {
        const type = part.type.replace('start', 'end') as BlockEnd['type'];
        this.open.set(`${type} ${part.id}`, { type, id: part.id });
        break;
      }
      case 'text-end':
      case 'reasoning-end':
      case 'tool-input-end':
        this.open.delete(`${part.type} ${part.id}`);
        break;
      case 'text-delta':
        this.toldText ||= part.delta !== '';
    }
  }
}

/** Nothing of what the model says. */
function isFrame({ type }: LanguageModelV4StreamPart): boolean {
  return type === 'stream-start' || type === 'response-metadata' || type === 'ping' || type === 'error';
}

/** Words, their frames and what stands beside them; calls, files and raw data are seen only with the whole. */
function isSeenWithSentences(part: LanguageModelV4StreamPart): boolean {
  return isFrame(part) || part.type === 'source' || /^(text|reasoning)-(start|end)$/.test(part.type);
}

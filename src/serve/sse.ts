/**
 * A streamed answer as server-sent events, in the words of whoever asks (chat-stream.ts, responses-stream.ts).
 * Comments keep the connection alive while nothing may leave yet.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answered } from './chat-reply.js';
import { type ApiError, asApiError } from './errors.js';
import type { ServedEvent } from './served.js';

const ALIVE_MS = 10_000;
/** How long a failure may take that still gets an HTTP status of its own. */
const EARLY_MS = 1_000;

/** How long a reader has for the error that ends a stream; then nobody waits for it any more. */
const LAST_WORD_MS = 1_000;

/** An event of one of the answers that share a stream. */
export interface ChoiceEvent {
  /** Which answer, from 0. */
  readonly choice: number;
  readonly event: ServedEvent;
}

/** How events are written; each part is whole lines of server-sent events. */
export interface Dialect {
  begin(): string;
  event(event: ChoiceEvent): string;
  end(): string;
  failed(error: ApiError): string;
}

export interface StreamHooks {
  /** Ends the stream, also where nobody reads it. */
  readonly signal: AbortSignal;
  done(choice: number, answer: Answered): void;
  /** However the stream ends, when nothing of it runs any more; more than once where it is also cancelled. */
  end(): void;
  /** Called when the reader leaves. */
  abort(reason: unknown): void;
  /** What a failure really was: an abort has a reason of its own. */
  reasonOf(error: unknown): unknown;
  onError(error: unknown): void;
}

/** @returns the bytes of the stream @throws what failed before anything was sent */
export async function eventStream(
  events: AsyncGenerator<ChoiceEvent, void>,
  dialect: Dialect,
  hooks: StreamHooks,
): Promise<ReadableStream<Uint8Array>> {
  const first = events.next();
  try {
    await Promise.race([first, sleep(EARLY_MS, undefined, { ref: false })]);
  } catch (error) {
    hooks.end();
    throw hooks.reasonOf(error);
  }
  const lines = sseLines(alive(first, events), dialect, hooks);
  // a reader that does not read keeps the generator where it is: no failure would ever reach it
  const stop = () => setTimeout(() => lines.return(), LAST_WORD_MS).unref();
  hooks.signal.addEventListener('abort', stop, { once: true });
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel(reason) {
      hooks.abort(reason);
      await lines.return();
      // a stream that nobody began to read never reaches its end
      hooks.end();
    },
  });
}

/**
 * The events of several answers in the order in which they come. The first failure ends all.
 *
 * @param abort called with it: an answer that is being waited for cannot be ended otherwise
 */
export async function* merged(
  streams: readonly AsyncGenerator<ServedEvent, void>[],
  abort: (reason: unknown) => void,
): AsyncGenerator<ChoiceEvent, void> {
  const nextOf = async (choice: number) => ({ choice, result: await streams[choice].next() });
  const coming = new Map(streams.map((_, choice) => [choice, nextOf(choice)]));
  try {
    while (coming.size > 0) {
      const { choice, result } = await Promise.race(coming.values());
      if (result.done) {
        coming.delete(choice);
      } else {
        coming.set(choice, nextOf(choice));
        yield { choice, event: result.value };
      }
    }
  } catch (error) {
    abort(error);
    throw error;
  } finally {
    // what still comes, or fails, after the first failure is nobody's any more
    await Promise.allSettled([...coming.values(), ...streams.map((stream) => stream.return())]);
  }
}

/** The events, and null whenever nothing has come for a while. */
async function* alive(
  first: Promise<IteratorResult<ChoiceEvent, void>>,
  events: AsyncGenerator<ChoiceEvent, void>,
): AsyncGenerator<ChoiceEvent | null, void> {
  try {
    for (let next = first; ; next = events.next()) {
      const timer = new AbortController();
      const quiet = () => sleep(ALIVE_MS, null, { signal: timer.signal }).catch(() => null);
      let result = await Promise.race([next, quiet()]);
      while (result === null) {
        yield null;
        result = await Promise.race([next, quiet()]);
      }
      timer.abort();
      if (result.done) return;
      yield result.value;
    }
  } finally {
    await events.return();
  }
}

async function* sseLines(
  events: AsyncIterable<ChoiceEvent | null>,
  dialect: Dialect,
  { done, end, reasonOf, onError }: StreamHooks,
): AsyncGenerator<string, void> {
  try {
    yield dialect.begin();
    for await (const one of events) {
      if (one?.event.type === 'finish') done(one.choice, one.event.answer);
      yield one === null ? ': waiting for the conscience\n\n' : dialect.event(one);
    }
    yield dialect.end();
  } catch (error) {
    const reason = reasonOf(error);
    onError(reason);
    yield dialect.failed(asApiError(reason));
  } finally {
    end();
  }
}

/** One event. @param name of its type, where the protocol names it beside the data */
export function sseData(value: object, name?: string): string {
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(value)}\n\n`;
}

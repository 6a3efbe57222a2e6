/**
 * A streamed answer as server-sent events: role, deltas, finish with the verdict, usage if asked for,
 * `[DONE]`. Comments keep the connection alive while nothing may leave yet.
 *
 * OpenAI's protocol cannot take back what has been sent. A correction comes as further text after
 * `CORRECTION_NOTICE`; the chunk that brings it and the last one say so in `conscience`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CORRECTION_NOTICE } from '../zero-shot/release.js';
import { type Answered, chunk, lastChunk, type ReplyHead, toolCallDelta, usageChunk } from './chat-reply.js';
import type { ChatRequest } from './chat-request.js';
import { asApiError } from './errors.js';
import type { ServedEvent } from './served.js';

const ALIVE_MS = 10_000;
/** How long a failure may take that still gets an HTTP status of its own. */
const EARLY_MS = 1_000;

/** How long a reader has for the error that ends a stream; then nobody waits for it any more. */
const LAST_WORD_MS = 1_000;

export interface StreamHooks {
  readonly request: ChatRequest;
  /** Ends the stream, also where nobody reads it. */
  readonly signal: AbortSignal;
  done(answer: Answered): void;
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
  events: AsyncGenerator<ServedEvent, void>,
  head: ReplyHead,
  hooks: StreamHooks,
): Promise<ReadableStream<Uint8Array>> {
  const first = events.next();
  try {
    await Promise.race([first, sleep(EARLY_MS, undefined, { ref: false })]);
  } catch (error) {
    hooks.end();
    throw hooks.reasonOf(error);
  }
  const lines = sseLines(alive(first, events), head, hooks);
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

/** The events, and null whenever nothing has come for a while. */
async function* alive(
  first: Promise<IteratorResult<ServedEvent, void>>,
  events: AsyncGenerator<ServedEvent, void>,
): AsyncGenerator<ServedEvent | null, void> {
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
  events: AsyncIterable<ServedEvent | null>,
  head: ReplyHead,
  { request, done, end, reasonOf, onError }: StreamHooks,
): AsyncGenerator<string, void> {
  try {
    yield data(chunk(head, { role: 'assistant', content: '' }));
    for await (const event of events) {
      if (event?.type === 'finish') done(event.answer);
      yield event === null ? ': waiting for the conscience\n\n' : eventLines(event, head, request);
    }
    yield 'data: [DONE]\n\n';
  } catch (error) {
    const reason = reasonOf(error);
    onError(reason);
    yield data(asApiError(reason).body);
  } finally {
    end();
  }
}

function eventLines(event: ServedEvent, head: ReplyHead, { streamUsage }: ChatRequest): string {
  switch (event.type) {
    case 'text':
      return data(chunk(head, { content: event.text }));
    case 'reasoning':
      return data(chunk(head, { reasoning_content: event.text }));
    case 'correction': {
      const { text, outcome } = event;
      const content = `\n\n${CORRECTION_NOTICE}\n\n${text}`;
      return data(chunk(head, { content }, { conscience: { correction: true, outcome, text } }));
    }
    case 'finish': {
      const { answer } = event;
      const { toolCalls } = answer.response;
      const calls = toolCalls ? data(chunk(head, toolCallDelta(toolCalls))) : '';
      const usage = streamUsage ? data(usageChunk(head, answer)) : '';
      return calls + data(lastChunk(head, answer)) + usage;
    }
  }
}

function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

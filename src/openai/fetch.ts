/**
 * The `fetch` of a guarded client: it knows which requests make a model speak, and lets none of these answers
 * through without a verdict.
 */
import { UserError } from '../errors.js';
import type { Message } from '../values/conversation.js';
import type { ReviewedAnswer } from '../zero-shot/answer.js';
import { messagesOnChatWire } from '../zero-shot/chat-wire.js';
import type { Guard } from '../zero-shot/guard.js';
import {
  type ChatBody,
  type Completion,
  chunksOf,
  draftsOf,
  settledChunks,
  settledCompletion,
} from './chat.js';

type Fetch = typeof globalThis.fetch;

/** Longest alternative where the request says nothing, in tokens. */
const DEFAULT_TOKENS = 1024;

/** Paths whose answers a model gives, and that are not reviewed here. */
const UNREVIEWED =
  /\/(completions|responses|threads|assistants|conversations|audio|realtime|batches|images|videos|evals)(\/|$)/;

/** @param guardOf the conscience for the answers of a model */
export function guardedFetch(fetch: Fetch, guardOf: (model: string) => Guard): Fetch {
  return async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    if (init?.method?.toUpperCase() === 'POST' && pathname.endsWith('/chat/completions')) {
      return chat(input, init);
    }
    if (UNREVIEWED.test(pathname)) {
      const next = 'ask client.chat.completions, or the client without a conscience';
      return refused(`answers of ${pathname} are not reviewed; ${next}`, 'not_reviewed');
    }
    return fetch(input, init);
  };

  async function chat(input: Parameters<Fetch>[0], init: RequestInit): Promise<Response> {
    const body = bodyOf(init.body);
    if (body === undefined)
      return refused('the body is no JSON text, and cannot be reviewed', 'not_reviewed');
    if (body.modalities?.some((kind) => kind !== 'text')) {
      return refused('modalities: the conscience reads text only, and cannot review sound', 'not_reviewed');
    }
    const reply = await fetch(input, init);
    if (!reply.ok) return reply;
    const headers = headersOf(reply);
    const signal = init.signal ?? undefined;
    try {
      if (body.stream) {
        const chunks = chunksOf(await reply.text());
        const answers = await settle(body, draftsOf(chunks), signal);
        return new Response(settledChunks(chunks, answers, body), { status: reply.status, headers });
      }
      const whole = (await reply.json()) as Completion;
      const answers = await settle(body, draftsOf([whole]), signal);
      return Response.json(settledCompletion(whole, answers, body), { status: reply.status, headers });
    } catch (error) {
      // an abort is the caller's; of anything else the client would try the whole call again
      if (signal?.aborted || !(error instanceof Error)) throw error;
      const message = error instanceof UserError ? error.message : `${error.name}: ${error.message}`;
      return refused(`the answer could not be reviewed: ${message}`, 'review_failed', 502);
    }
  }

  async function settle(
    body: ChatBody,
    drafts: ReturnType<typeof draftsOf>,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, ReviewedAnswer>> {
    const guard = guardOf(body.model);
    const messages: readonly Message[] = messagesOnChatWire(body.messages);
    const reviewed = await guard.review(
      drafts.map(({ response, usage }) => ({ messages, response, usage })),
      signal,
    );
    const answers = await guard.settle(reviewed, {
      maxTokens: body.max_completion_tokens ?? body.max_tokens ?? DEFAULT_TOKENS,
      temperature: body.temperature ?? undefined,
      topP: body.top_p ?? undefined,
      seed: body.seed ?? undefined,
      signal,
    });
    return new Map(answers.map((answer, i) => [drafts[i].index, answer]));
  }
}

function bodyOf(body: unknown): ChatBody | undefined {
  if (typeof body !== 'string') return undefined;
  try {
    return JSON.parse(body) as ChatBody;
  } catch {
    return undefined;
  }
}

/** Those of the endpoint, without what was said of the bytes that are replaced. */
function headersOf({ headers }: Response): Headers {
  const kept = new Headers(headers);
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) kept.delete(name);
  return kept;
}

/** An error that the client tells as it is, without asking again. */
function refused(message: string, code: string, status = 400): Response {
  const error = { message, type: 'invalid_request_error', param: null, code };
  return Response.json({ error }, { status, headers: { 'x-should-retry': 'false' } });
}

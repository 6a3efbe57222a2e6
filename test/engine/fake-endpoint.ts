/**
 * An OpenAI-compatible endpoint in this process, on 127.0.0.1, that can misbehave.
 */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../src/engine/remote/pace.js';

/** One request as it came. */
export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly body: any;
}

/** What the endpoint does with a request: an answer, an answer later, or `silence` or `cut`. */
export type Reply =
  | { status?: number; headers?: Record<string, string>; body: unknown }
  | 'silence'
  | 'cut'
  | 'cut in the middle';

export class FakeEndpoint {
  readonly asked: Asked[] = [];
  inFlight = 0;
  mostInFlight = 0;
  /** The n-th request (from 0) and what it gets. */
  reply: (asked: Asked, n: number) => Reply | Promise<Reply> = () => say('hello');
  private readonly server: Server;

  constructor() {
    this.server = createServer(async (request, response) => {
      const raw = await text(request);
      const asked = {
        path: request.url!,
        headers: request.headers,
        body: raw === '' ? undefined : JSON.parse(raw),
      };
      const n = this.asked.push(asked) - 1;
      this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
      response.on('close', () => this.inFlight--);
      send(await this.reply(asked, n), response);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}/v1`;
  }
}

function send(reply: Reply, response: ServerResponse): void {
  if (reply === 'silence') return;
  if (reply === 'cut') {
    response.destroy();
  } else if (reply === 'cut in the middle') {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('{"choices": [', () => response.destroy());
  } else {
    const { status = 200, headers, body } = reply;
    const json = typeof body !== 'string';
    response
      .writeHead(status, { 'content-type': json ? 'application/json' : 'text/html', ...headers })
      .end(json ? JSON.stringify(body) : body);
  }
}

/** A good answer. */
export function say(content: string | null, more: { message?: object; choice?: object } = {}): Reply {
  return {
    body: {
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content, ...more.message },
          finish_reason: 'stop',
          ...more.choice,
        },
      ],
      usage: { prompt_tokens: 10, completion_tokens: 3 },
    },
  };
}

/** An answer with log-probabilities: per token the probabilities of what could stand there, the taken one first. */
export function spell(...steps: Record<string, number>[]): Reply {
  const content = steps.map((top) => {
    const all = Object.entries(top).map(([token, p]) => ({ token, logprob: Math.log(p), bytes: null }));
    return { ...all[0], top_logprobs: all };
  });
  const text = content.map(({ token }) => token).join('');
  return say(text, { choice: { logprobs: { content, refusal: null } } });
}

/** A refusal in OpenAI's form. */
export function refuse(status: number, message: string, headers: Record<string, string> = {}): Reply {
  return { status, headers, body: { error: { message, type: 'error', code: null } } };
}

/** Time that passes only while somebody sleeps. */
export class FakeClock implements Clock {
  time = Date.parse('2026-01-01T00:00:00Z');
  readonly slept: number[] = [];
  now(): number {
    return this.time;
  }
  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(milliseconds);
    this.time += milliseconds;
  }
}

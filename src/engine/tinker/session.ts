/**
 * A session with a server: what it can do, the heartbeat that keeps it, requests that it answers later.
 *
 * Slow requests are answered with a number; `retrieve_future` waits for what has become of it.
 */
import { performance } from 'node:perf_hooks';
import pLimit from 'p-limit';
import { RemoteError } from '../../errors.js';
import { linked } from '../../signals.js';
import { type Abilities, abilitiesOf } from './abilities.js';
import { objectOf } from './json.js';
import { type Answer, type RequestOptions, sleep, Transport, type TransportOptions } from './transport.js';

/** The server ends a session that it has not heard of for longer, milliseconds. */
const HEARTBEAT = 10_000;
/** A request that waits for longer is told of, milliseconds. */
const LONG = 60_000;
/** Requests for samples at one time. */
const SAMPLES = 64;

export interface SessionOptions extends TransportOptions {
  /** Told, in one sentence, of waits. */
  readonly onNote?: (line: string) => void;
  /** Between heartbeats, milliseconds. */
  readonly heartbeat?: number;
}

export class Session {
  /** Limits the requests for samples at one time. */
  readonly limit = pLimit(SAMPLES);
  /** Whether the server takes passes as protobuf; undefined until one was sent. */
  protobuf?: boolean;
  private readonly timer: NodeJS.Timeout;
  private numbers = 0;
  private lost?: RemoteError;
  private noted = false;

  private constructor(
    readonly transport: Transport,
    readonly abilities: Abilities,
    readonly id: string,
    private readonly options: SessionOptions,
  ) {
    this.timer = setInterval(() => void this.beat(), options.heartbeat ?? HEARTBEAT);
    this.timer.unref();
  }

  /** @throws RemoteError when there is no such server, or it gives no session */
  static async open(options: SessionOptions): Promise<Session> {
    const transport = new Transport(options);
    const abilities = abilitiesOf(await transport.get('get_server_capabilities'), transport);
    const made = await transport.post('create_session', {
      ...{ type: 'create_session', tags: ['emergent-alignment'], user_metadata: null },
      sdk_version: 'emergent-alignment',
    });
    const { session_id: id, error_message: error } = objectOf(made, 'a session');
    if (typeof error === 'string') throw transport.failed(error, 'user');
    if (typeof id !== 'string') throw transport.nonsense('a session_id', made);
    return new Session(transport, abilities, id, options);
  }

  /** The server's name, for messages. */
  get name(): string {
    return this.transport.name;
  }

  /** A number for a model or sampling session of this session. */
  next(): number {
    return this.numbers++;
  }

  note(line: string): void {
    this.options.onNote?.(line);
  }

  /** Posts what is answered at once. */
  async ask(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await this.guarded(() => this.transport.post(path, body, { ours: true }));
    return this.object(answer, 'an object');
  }

  /** Sends what is answered later. @returns the number to ask with */
  async submit(path: string, options: RequestOptions): Promise<string> {
    const answer = await this.guarded(() => this.transport.send('POST', path, { ours: true, ...options }));
    const id = 'json' in answer ? this.object(answer.json, 'a request_id').request_id : undefined;
    if (typeof id !== 'string')
      throw this.transport.nonsense('a request_id', 'json' in answer ? answer.json : '');
    return id;
  }

  /** The result of a request that was sent, waited for. @throws RemoteError when it has failed */
  async result(requestId: string, protobuf = false, signal?: AbortSignal): Promise<Answer> {
    const since = performance.now();
    for (let polls = 0; ; polls++) {
      const asked = performance.now();
      const answer = await this.poll(requestId, protobuf, signal);
      if ('bytes' in answer) return answer;
      const value = this.object(answer.json, 'a result');
      if (typeof value.error === 'string') throw this.transport.failed(value.error, value.category);
      if (value.type !== 'try_again' && value.status !== 'complete_metadata') return answer;
      this.watch(since, value.queue_state);
      // a server that does not hold the poll is not to be asked without end
      const held = performance.now() - asked;
      const { signal: both, release } = linked(signal, this.options.signal);
      await sleep(Math.max(0, Math.min(2000, 20 * 2 ** polls) - held), both).finally(release);
    }
  }

  /** Posts what is answered later, and waits for it. */
  async run(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await this.result(await this.submit(path, { json: body }));
    if ('json' in answer) return this.object(answer.json, 'an object');
    throw this.transport.nonsense('JSON', 'protobuf');
  }

  /** A result in its own form. @throws RemoteError when it cannot be read */
  read<T>(
    answer: Answer,
    expected: string,
    from: { json(value: unknown): T; bytes(bytes: Uint8Array): T },
  ): T {
    try {
      return 'json' in answer ? from.json(answer.json) : from.bytes(answer.bytes);
    } catch (error) {
      const got = 'json' in answer ? answer.json : 'protobuf that is none of it';
      throw Object.assign(this.transport.nonsense(expected, got), { cause: error });
    }
  }

  /** Ends the heartbeat; the server ends the session when it no longer hears of it. */
  close(): void {
    clearInterval(this.timer);
  }

  private async poll(requestId: string, protobuf: boolean, signal?: AbortSignal): Promise<Answer> {
    try {
      return await this.guarded(() =>
        this.transport.send('POST', 'retrieve_future', {
          ...{ json: { request_id: requestId }, ours: true, protobuf },
          ...(signal ? { signal } : {}),
        }),
      );
    } catch (error) {
      // a long poll that ends with a timeout of HTTP's says no more than `try_again`
      if (error instanceof RemoteError && error.status === 408) return { json: { type: 'try_again' } };
      throw error;
    }
  }

  private watch(since: number, state: unknown): void {
    if (this.noted || performance.now() - since < LONG) return;
    this.noted = true;
    const why = { paused_capacity: 'it has no room', paused_rate_limit: 'the limit of requests is reached' };
    const reason = why[state as keyof typeof why] ?? 'the request is in its queue';
    this.note(`${this.name} has not answered for a minute: ${reason}. Waiting.`);
  }

  private async guarded<T>(ask: () => Promise<T>): Promise<T> {
    if (this.lost) throw this.lost;
    return ask();
  }

  private async beat(): Promise<void> {
    try {
      const body = { session_id: this.id, type: 'session_heartbeat' };
      await this.transport.post('session_heartbeat', body, { ours: true, attempts: 1 });
    } catch (error) {
      // others pass, or fail what is asked next
      if (error instanceof RemoteError && error.failure === 'model') this.lost = error;
    }
  }

  private object(value: unknown, expected: string): Record<string, unknown> {
    try {
      return objectOf(value, expected);
    } catch {
      throw this.transport.nonsense(expected, value);
    }
  }
}

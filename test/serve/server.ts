/** A server on a free port, with a model that says what it is asked to. */
import { pino } from 'pino';
import type { GenerateOptions, LanguageModel } from '../../src/engine/language-model.js';
import { served } from '../../src/serve/served.js';
import { type RunningServer, type ServerOptions, startServer } from '../../src/serve/server.js';
import { splitToolCalls } from '../../src/tokenizer/tool-calls.js';
import type { Message, Response } from '../../src/values/conversation.js';
import type { ZeroShotOptions } from '../../src/zero-shot/options.js';
import { withConscience } from '../../src/zero-shot/with-conscience.js';
import { ScriptedModel } from '../conscience/scripted-model.js';

/** Repeats the last turn word by word, a word per `pace` milliseconds. */
export class Parrot implements LanguageModel {
  readonly id = 'parrot';
  running = 0;
  mostRunning = 0;
  aborted = 0;
  asked: GenerateOptions[] = [];
  heard: (readonly Message[])[] = [];

  constructor(private readonly pace = 0) {}

  async generate(
    conversations: readonly (readonly Message[])[],
    options: GenerateOptions,
  ): Promise<Response[]> {
    this.asked.push(options);
    this.heard.push(conversations[0]);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    const said = conversations[0].at(-1)!.content;
    if (said === 'fail') {
      this.running -= 1;
      throw new Error('a secret detail');
    }
    let text = '';
    let tokens = 0;
    for (const word of said.match(/\S+\s*/g) ?? []) {
      if (tokens >= options.maxTokens) break;
      await new Promise((resolve) => setTimeout(resolve, this.pace));
      if (options.signal?.aborted) {
        this.aborted += 1;
        break;
      }
      tokens += 1;
      text += word;
      options.onText?.(0, word);
    }
    this.running -= 1;
    options.onUsage?.(0, { promptTokens: 5, answerTokens: tokens });
    const finish = text === said ? 'stop' : 'length';
    return [{ ...splitToolCalls(text, options.tools ?? []), finish, tokens }];
  }

  async labelLogps(): Promise<number[][]> {
    throw new Error('it does not judge');
  }
}

/** Objects to whatever says `bad`; its alternative is `A kind one.`, and to `worst` there is none. */
const judge = () =>
  new ScriptedModel('judge', {
    say: ([{ content }]) => (content.includes('worst') ? 'bad again' : 'A kind one.'),
    judge: ([{ content }]) => {
      const reply = /your reply\]\n([\s\S]*)\n\[\w+ end of record\]/.exec(content)![1];
      return /\bbad\b/.test(reply) ? [0.1, 0.8] : [0.8, 0.1];
    },
  });

export interface TestServer extends RunningServer {
  readonly model: Parrot;
  /** Lines of the log. */
  readonly lines: Record<string, unknown>[];
}

export async function testServer(
  options: Partial<ServerOptions> = {},
  model = new Parrot(),
  conscience: ZeroShotOptions = {},
): Promise<TestServer> {
  const lines: Record<string, unknown>[] = [];
  const server = await startServer({
    served: served('parrot', model, withConscience(model, { conscience: judge(), ...conscience })),
    keys: [],
    rateLimits: {},
    ...{ concurrency: 8, queue: 8, maxBodyBytes: 100_000, timeoutSeconds: 20, graceSeconds: 5 },
    ...{ maxTokens: 100, policies: [], defaultPolicy: 'hold', host: '127.0.0.1', port: 0 },
    log: pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    ...options,
  });
  return { ...server, model, lines };
}

/** Waits until something is so. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 500) throw new Error('it never became so');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A side in a process of its own, asked by JSON lines: first what to open, then turn after turn. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Sample } from './material/benchmark.js';

/** What a side answers; lines that are no such answer are left out. */
interface Answer {
  readonly ready?: Readonly<Record<string, unknown>>;
  readonly sample?: Sample;
  /** A package that is not installed. */
  readonly missing?: string;
  readonly error?: string;
}

/** A peer whose package is not installed. */
export class MissingPeer extends Error {}

export class SideProcess {
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private complaint = '';
  private ended?: Error;
  private waiting?: { done: (answer: Answer) => void; failed: (error: Error) => void };

  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.lines = createInterface({ input: this.child.stdout! });
    this.lines.on('line', (line) => this.read(line));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.complaint = (this.complaint + text).slice(-4000);
    });
    this.child.stdin!.on('error', () => {}); // its end is told by `close`
    this.child.once('error', (error) => this.end(new MissingPeer(error.message)));
    this.child.once('close', (status, signal) => {
      const last = this.complaint.trim().split('\n').at(-1);
      this.end(new Error(`its process ended with ${signal ?? status}${last ? `: ${last}` : ''}`));
    });
  }

  /** @returns what the side says about itself @throws MissingPeer */
  async open(order: object): Promise<Readonly<Record<string, unknown>>> {
    const { ready, missing, error } = await this.ask(order);
    if (missing !== undefined) throw new MissingPeer(`${missing} is not installed (${error})`);
    if (ready === undefined) throw new Error(error ?? 'no answer');
    return ready;
  }

  async turn(i: number): Promise<Sample> {
    const { sample, error } = await this.ask({ turn: i });
    if (sample === undefined) throw new Error(error ?? 'no answer');
    return sample;
  }

  /** Lets it end, and ends it where it does not. */
  async close(): Promise<void> {
    if (this.ended) return;
    const closed = once(this.child, 'close');
    this.child.stdin!.end();
    const timer = setTimeout(() => this.kill(), 5000);
    await closed;
    clearTimeout(timer);
  }

  kill(): void {
    this.child.kill();
  }

  private ask(message: object): Promise<Answer> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((done, failed) => {
      this.waiting = { done, failed };
      this.child.stdin!.write(`${JSON.stringify(message)}\n`);
    });
  }

  private read(line: string): void {
    if (!line.startsWith('{')) return;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.done(JSON.parse(line) as Answer);
  }

  private end(error: Error): void {
    this.ended ??= error;
    this.waiting?.failed(this.ended);
    this.waiting = undefined;
  }
}

/** The graphs of one engine, each compiled when it is first needed. */
import { UserError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import { Program, type RuntimeOptions } from './runtime.js';

/** What those are told who still wait, or ask later. @param where the model */
export const closedError = (where: string): UserError =>
  new UserError({
    where,
    what: 'the model was closed before it had answered',
    next: 'wait for the answers before closing it',
  });

export class Programs {
  private readonly compiled = new Map<string, Promise<Program>>();
  private closed?: Error;

  constructor(readonly options: RuntimeOptions) {}

  /**
   * @param key    what sets the graph apart from the engine's others
   * @param folder of the files that hold its stored constants
   */
  async get(key: string, build: () => Graph, folder?: string): Promise<Program> {
    if (this.closed) throw this.closed;
    const known = this.compiled.get(key);
    if (known) return known;
    const made = Program.compile(build(), this.options, folder);
    this.compiled.set(key, made);
    made.catch(() => this.compiled.delete(key));
    return made;
  }

  /**
   * Releases all of them; whoever asks from now on is told the error.
   * @param idle when nothing runs on them any more
   */
  async close(error: Error, idle: Promise<unknown>): Promise<void> {
    this.closed = error;
    await idle;
    const programs = await Promise.all(this.compiled.values());
    this.compiled.clear();
    await Promise.all(programs.map((program) => program.release()));
  }
}

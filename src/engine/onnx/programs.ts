/** The graphs of one engine, each compiled when it is first needed. */
import type { Graph } from '../../graph/graph.js';
import { Program, type RuntimeOptions } from './runtime.js';

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

/**
 * A worker's process: what it says, when it serves, how it ends.
 *
 * It ends with this process, however that ends: its standard input closes. It is in a process group of its own, so
 * that Ctrl-C reaches it through us, when the run has saved what it had.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UserError } from '../../errors.js';

/**
 * Runs a Python module, and ends it when its standard input closes: the system closes it when this process is gone,
 * also where it was killed. Where it is asked to end it is not asked twice: a launcher would take that for an error.
 * A worker that is started without us has no such end, so this is not in the worker.
 */
const boundToUs = (module: string): string => `import os, runpy, signal, threading, time
def watch():
    while os.read(0, 4096): pass
    time.sleep(3)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
runpy.run_module("${module}", run_name="__main__", alter_sys=True)`;
/** Lines of the worker's last words that are kept. */
const LAST_WORDS = 20;
/** What a worker that is asked to end may take, milliseconds. */
const GRACE = 10_000;

/** How a worker's process is started, and what is made of it. */
export interface ProcessOptions {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** The Python module that runs. */
  readonly module: string;
  readonly args: readonly string[];
  /** What to do where memory was exhausted, as an imperative. */
  readonly onFull: string;
  /** Told each line that it writes to standard error. */
  readonly onError?: (line: string) => void;
  /** Called once, when it has ended. */
  readonly onEnd?: () => void;
}

/** A worker's process, its words and its end. */
export class WorkerProcess {
  private readonly child: ChildProcess;
  private readonly ended = new AbortController();
  private readonly exit: Promise<void>;
  private readonly words: string[] = [];
  private stopping = false;
  /** An end that nobody catches takes the worker along. */
  private readonly killed = () => this.kill('SIGKILL');

  constructor(private readonly options: ProcessOptions) {
    const { python, env, module, args, onError, onEnd } = options;
    this.child = spawn(python, ['-c', boundToUs(module), ...args], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const { child } = this;
    process.once('exit', this.killed);
    child.stdin!.on('error', () => {});
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.hear(line);
      // how a launcher and its processes end is not to be read as a failure
      if (!this.stopping) onError?.(line);
    });
    this.exit = new Promise((resolve) => {
      child.once('error', (error) => {
        this.hear(error.message);
        resolve();
      });
      child.once('close', () => resolve());
    });
    void this.exit.then(() => {
      process.off('exit', this.killed);
      onEnd?.();
      this.ended.abort(this.failure('has ended by itself'));
    });
  }

  /** Aborts when it has ended, with an error that says why. */
  get signal(): AbortSignal {
    return this.ended.signal;
  }

  /** @returns its address, when it serves @throws UserError when it ends before */
  async ready(onNote: (line: string) => void = () => {}): Promise<string> {
    return new Promise((resolve, reject) => {
      createInterface({ input: this.child.stdout! }).on('line', (line) => {
        const url = urlIn(line);
        if (url !== undefined) resolve(url);
        else if (line.trim() !== '') onNote(`The worker: ${line.trim()}.`);
      });
      void this.exit.then(() => reject(this.failure('does not start')));
    });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.child.stdin!.end();
    this.kill('SIGTERM');
    const hard = setTimeout(() => this.kill('SIGKILL'), GRACE);
    await this.exit;
    clearTimeout(hard);
  }

  private kill(signal: NodeJS.Signals): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
  }

  private hear(line: string): void {
    this.words.push(line);
    if (this.words.length > LAST_WORDS) this.words.shift();
  }

  private failure(what: string): UserError {
    if (this.stopping) return new UserError({ where: 'the worker', what: 'was stopped' });
    const { exitCode, signalCode } = this.child;
    const said = lastWord(this.words);
    if (signalCode === 'SIGKILL') {
      return new UserError({
        where: 'the worker',
        what: `${what}: it was killed, as a rule because the memory is full`,
        next: `give it more memory, or ${this.options.onFull}`,
      });
    }
    const how = signalCode ?? `status ${exitCode}`;
    const next = /out of memory/i.test(said ?? '') ? this.options.onFull : undefined;
    return new UserError({ where: 'the worker', what, got: said ? `${how}: ${said}` : how, next });
  }
}

/** The address in the line by which a worker says that it serves. */
function urlIn(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { url } = JSON.parse(line) as { url?: unknown };
    return typeof url === 'string' ? url : undefined;
  } catch {
    return undefined;
  }
}

/** The last line that says something: of a traceback the error, without the worker's name before its own sentence. */
function lastWord(words: readonly string[]): string | undefined {
  const line = words.findLast((word) => word.trim() !== '' && !/^\s/.test(word));
  return line?.replace(/^ealign_worker: /, '');
}

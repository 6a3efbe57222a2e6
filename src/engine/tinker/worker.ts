/**
 * Our own server as a child process: Python with PyTorch, on this machine, for this process alone.
 *
 * It ends with this process, however that ends: its standard input closes. It is in a process group of its own, so
 * that Ctrl-C reaches it through us, when the run has saved what it had.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Variables, variables } from '../../config/environment.js';
import { ConfigError, UserError } from '../../errors.js';
import { KEY_VARIABLE } from './transport.js';

/** The variable that names the Python to use. */
const PYTHON_VARIABLE = 'EALIGN_PYTHON';
/** What the worker imports beside itself, by the names of its packages. */
const PACKAGES = ['torch', 'transformers', 'peft', 'safetensors', 'aiohttp', 'google.protobuf', 'numpy'];
/** Python's first line: a module in the folder that we are in must not stand for an installed one of its name. */
const NOT_FROM_HERE = 'import sys; sys.path[:] = [path for path in sys.path if path]';
/** The worker's own package, as it comes with this one. */
const OWN = fileURLToPath(new URL('../../../python/worker', import.meta.url));
/**
 * Runs the worker, and ends it when its standard input closes: the system closes it when this process is gone, also
 * where it was killed. A worker that serves others has no such end, so this is not in the worker.
 */
const BOUND_TO_US = `${NOT_FROM_HERE}
import os, runpy, signal, threading, time
def watch():
    while os.read(0, 4096): pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
runpy.run_module("ealign_worker", run_name="__main__", alter_sys=True)`;
/** Lines of the worker's last words that are kept. */
const LAST_WORDS = 20;
/** What a worker that is asked to end may take, milliseconds. */
const GRACE = 10_000;

export interface WorkerOptions {
  /** Folder of the model in Hugging Face's format. */
  readonly model: string;
  readonly device: 'cpu' | 'cuda' | 'auto';
  /** CPU threads; 0 takes PyTorch's own number. */
  readonly threads?: number;
  /** Recompute activations in the backward pass. Default false. */
  readonly checkpointing?: boolean;
  /** Told of its progress, in a sentence. */
  readonly onNote?: (line: string) => void;
  /** Instead of the process environment. */
  readonly env?: Variables;
}

export interface Worker {
  readonly url: string;
  /** The key that it takes, as the transport reads one. */
  readonly env: Variables;
  /** Aborts, with an error that says why, when it has ended by itself. */
  readonly signal: AbortSignal;
  /** Ends it. */
  stop(): Promise<void>;
}

/** Refuses a Python that cannot run the worker, without starting it. @throws ConfigError */
export function requireWorker(env: Variables = variables): void {
  const python = pythonOf(env);
  const look = `${NOT_FROM_HERE}
import importlib.util as u
def there(n):
    try: return u.find_spec(n) is not None
    except ImportError: return False
print(sys.version.split()[0], *[n for n in ${JSON.stringify([...PACKAGES, 'ealign_worker'])} if not there(n)])`;
  const { status, stdout } = spawnSync(python, ['-c', look], { encoding: 'utf8', env: environmentOf(env) });
  if (status !== 0) {
    throw new ConfigError({
      where: 'engine: torch',
      what: `needs Python, and '${python}' does not run`,
      next: `set ${PYTHON_VARIABLE} to a Python 3 with PyTorch`,
    });
  }
  const [version, ...missing] = stdout.trim().split(' ');
  if (missing.length === 0) return;
  throw new ConfigError({
    where: 'engine: torch',
    what: `needs Python packages that '${python}' (${version}) does not have: ${missing.join(', ')}`,
    next: `install them there, or set ${PYTHON_VARIABLE} to a Python that has them`,
  });
}

/**
 * Starts a worker and waits until it answers.
 *
 * @throws ConfigError when Python or a package is missing; UserError with the worker's words when it does not start
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { env = variables, onNote } = options;
  requireWorker(env);
  const key = randomBytes(24).toString('hex');
  const kept = mkdtempSync(join(tmpdir(), 'ealign-worker-'));
  const child = spawn(pythonOf(env), argumentsOf(options, kept), {
    env: { ...environmentOf(env), [KEY_VARIABLE]: key },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const running = new RunningWorker(child, kept);
  try {
    const url = await running.ready(onNote);
    return { url, env: { [KEY_VARIABLE]: key }, signal: running.signal, stop: () => running.stop() };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

function argumentsOf(
  { model, device, threads = 0, checkpointing = false }: WorkerOptions,
  kept: string,
): string[] {
  return [
    ...['-c', BOUND_TO_US, '--model', model, '--host', '127.0.0.1', '--port', '0'],
    ...['--device', device, '--api-key-env', KEY_VARIABLE, '--checkpoints', kept],
    ...(threads > 0 ? ['--threads', String(threads)] : []),
    ...(checkpointing ? ['--checkpointing'] : []),
  ];
}

/** A worker's process, its words and its end. */
class RunningWorker {
  private readonly ended = new AbortController();
  private readonly exit: Promise<void>;
  private readonly words: string[] = [];
  private stopping = false;
  /** An end that nobody catches takes the worker along. */
  private readonly killed = () => this.kill('SIGKILL');

  /** @param kept folder of what it saves for itself */
  constructor(
    private readonly child: ChildProcess,
    kept: string,
  ) {
    process.once('exit', this.killed);
    child.stdin!.on('error', () => {});
    createInterface({ input: child.stderr! }).on('line', (line) => this.hear(line));
    this.exit = new Promise((resolve) => {
      child.once('error', (error) => {
        this.hear(error.message);
        resolve();
      });
      child.once('close', () => resolve());
    });
    void this.exit.then(() => {
      process.off('exit', this.killed);
      rmSync(kept, { recursive: true, force: true });
      this.ended.abort(this.failure('has ended by itself'));
    });
  }

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
      const next = 'give it more memory, or train with a smaller training.batch_size or max_length';
      const parts = {
        where: 'the worker',
        what: `${what}: it was killed, as a rule because the memory is full`,
      };
      return new UserError({ ...parts, next });
    }
    const how = signalCode ?? `status ${exitCode}`;
    const next = /out of memory/i.test(said ?? '')
      ? 'train with a smaller training.batch_size or max_length, or with training.checkpointing: true'
      : undefined;
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

const pythonOf = (env: Variables): string => env[PYTHON_VARIABLE] ?? 'python3';

function environmentOf(env: Variables): NodeJS.ProcessEnv {
  const paths = [...(existsSync(OWN) ? [OWN] : []), ...(env.PYTHONPATH ? [env.PYTHONPATH] : [])];
  return {
    ...env,
    ...(paths.length > 0 ? { PYTHONPATH: paths.join(delimiter) } : {}),
    PYTHONUNBUFFERED: '1',
    TOKENIZERS_PARALLELISM: 'false',
  };
}

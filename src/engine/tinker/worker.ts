/** Our own server as a child process: Python with PyTorch, on this machine, for one run, or for others to connect to. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Variables, variables } from '../../config/environment.js';
import { environmentOf, requireWorker } from './python.js';
import { KEY_VARIABLE } from './transport.js';
import { WorkerProcess } from './worker-process.js';

export interface WorkerOptions {
  /** Folder of the model in Hugging Face's format. */
  readonly model: string;
  readonly device: 'cpu' | 'cuda' | 'auto';
  /** Type of the weights. Default: float32 on the CPU, else what is stored. */
  readonly dtype?: 'float32' | 'bfloat16';
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

/**
 * Starts a worker for this process alone, and waits until it answers.
 *
 * @throws ConfigError when Python or a package is missing; UserError with the worker's words when it does not start
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { env = variables, onNote } = options;
  const python = requireWorker(env);
  const key = randomBytes(24).toString('hex');
  const kept = mkdtempSync(join(tmpdir(), 'ealign-worker-'));
  const running = new WorkerProcess({
    python,
    env: { ...environmentOf(env), [KEY_VARIABLE]: key },
    module: 'ealign_worker',
    args: argumentsOf(options, kept),
    onFull: 'train with a smaller training.batch_size or max_length, or with training.checkpointing: true',
    onEnd: () => rmSync(kept, { recursive: true, force: true }),
  });
  try {
    const url = await running.ready(onNote);
    return { url, env: { [KEY_VARIABLE]: key }, signal: running.signal, stop: () => running.stop() };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

function argumentsOf(
  { model, device, dtype, threads = 0, checkpointing = false }: WorkerOptions,
  kept: string,
): string[] {
  return [
    ...['--model', model, '--host', '127.0.0.1', '--port', '0'],
    ...['--device', device, '--api-key-env', KEY_VARIABLE, '--checkpoints', kept],
    ...(dtype ? ['--dtype', dtype] : []),
    ...(threads > 0 ? ['--threads', String(threads)] : []),
    ...(checkpointing ? ['--checkpointing'] : []),
  ];
}

/** A worker in the foreground. */
export interface ServedWorkerOptions {
  /** The worker's own options, as its command line takes them. */
  readonly args: readonly string[];
  /** Processes on this machine, one a GPU. Default 1. */
  readonly processes?: number;
  /** Machines that compute together, and where they meet, `host:port`. Default: this one alone. */
  readonly nodes?: number;
  readonly rendezvous?: string;
  /** Told of its progress, in a sentence. */
  readonly onNote: (line: string) => void;
  /** Told each line of its standard error. */
  readonly onError: (line: string) => void;
  /** Told its address, when it serves. On machines after the first it never is. */
  readonly onReady: (url: string) => void;
  /** Instead of the process environment. */
  readonly env?: Variables;
}

/**
 * Runs a worker until the signal, then ends it.
 *
 * @throws ConfigError when Python or a package is missing; UserError with the worker's words when it ends by itself
 */
export async function serveWorker(options: ServedWorkerOptions, signal: AbortSignal): Promise<void> {
  const { env = variables, args, processes = 1, nodes = 1, rendezvous } = options;
  const { onNote, onError, onReady } = options;
  const python = requireWorker(env);
  const several = processes > 1 || nodes > 1;
  const running = new WorkerProcess({
    python,
    env: environmentOf(env),
    module: several ? 'torch.distributed.run' : 'ealign_worker',
    args: several ? [...launcherArguments(processes, nodes, rendezvous), ...args] : args,
    onFull: 'start it with --checkpointing, --shard or a smaller --token-budget',
    onError,
  });
  const ended = new Promise<void>((resolve) => {
    for (const one of [signal, running.signal])
      one.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  const failed = running.ready(onNote).then(
    (url) => onReady(reachable(url)),
    (error: unknown) => error,
  );
  await ended;
  if (!signal.aborted) throw (await failed) ?? running.signal.reason;
  await running.stop();
}

function launcherArguments(processes: number, nodes: number, rendezvous: string | undefined): string[] {
  const meeting =
    rendezvous === undefined
      ? ['--standalone']
      : ['--nnodes', String(nodes), '--rdzv-backend', 'c10d', '--rdzv-endpoint', rendezvous];
  return [...meeting, '--nproc-per-node', String(processes), '-m', 'ealign_worker'];
}

/** An address that others can use, where a worker listens on all of this machine's. */
function reachable(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[?::\]?)(?=:\d+$)/, `//${hostname()}`);
}

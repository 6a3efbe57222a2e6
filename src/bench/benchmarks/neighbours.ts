/** What is left beside another process that keeps all cores busy. */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Benchmark, Order } from '../material/benchmark.js';
import { open } from '../material/open.js';
import { openStep } from './lora-step.js';

interface Work {
  /** Tokens of one run. */
  readonly tokens: number;
  run(): Promise<unknown>;
  close(): Promise<void>;
}

function beside(
  { name, what, needs }: Pick<Benchmark, 'name' | 'needs'> & { readonly what: string },
  work: (order: Order) => Promise<Work>,
): Benchmark {
  return {
    name,
    measures: `${what}, beside a busy process on every core, against the same alone.`,
    needs,
    async open(order, variant) {
      const { tokens, run, close } = await work(order);
      await run();
      const timed = async () => {
        const begin = performance.now();
        await run();
        return { rate: (1000 * tokens) / (performance.now() - begin) };
      };
      return { turn: () => (variant === 'alone' ? timed() : besideNeighbour(timed)), close };
    },
    peers: [{ name: 'alone', variant: 'alone' }],
    measured: [{ key: 'rate', unit: 'tokens/s', better: 'more', ratioBar: { atLeast: 0.45 } }],
  };
}

async function besideNeighbour<T>(work: () => Promise<T>): Promise<T> {
  const neighbours = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'process.stdout.write("busy\\n"); for (;;) ;'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  const end = () => {
    for (const neighbour of neighbours) neighbour.kill('SIGKILL');
  };
  process.once('exit', end);
  try {
    await Promise.all(neighbours.map(started));
    return await work();
  } finally {
    process.off('exit', end);
    end();
  }
}

const started = (child: ChildProcess) => new Promise((done) => child.stdout!.once('data', done));

const answer = 64;

export const neighbours = [
  beside(
    { name: 'neighbours-decode', what: `A greedy answer of ${answer} tokens`, needs: 'either' },
    async (order) => {
      const { model, prompt, lead: prefix, close } = await open(order);
      let seed = 0;
      const run = () => model.generate([prompt(45, ++seed)], { maxTokens: answer, temperature: 0, prefix });
      return { tokens: answer, run, close };
    },
  ),
  beside(
    {
      name: 'neighbours-step',
      what: 'A LoRA step of one row and one pair of 256 tokens each',
      needs: 'nothing',
    },
    async ({ threads }) => {
      const { engine, step, tokens } = await openStep(threads, 3, false);
      return { tokens, run: step, close: () => engine.close() };
    },
  ),
];

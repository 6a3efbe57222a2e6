/** `ealign worker` and `ealign worker install`: their flags. */
import { type Command, Option } from 'commander';
import { ConfigError } from '../errors.js';
import { INTERRUPTED, Interrupted } from './terminal/interrupt.js';
import { numberFrom, wholeFrom } from './terminal/program.js';
import { type Work, work } from './terminal/work.js';

/** What the command line says about a worker in the foreground. */
export interface WorkerOptions extends Work {
  readonly model: string;
  /** The worker's own options but the model, as its command line takes them. */
  readonly passed: readonly string[];
  /** Whether clients need a key. */
  readonly keyed: boolean;
  readonly gpus: number;
  readonly nodes: number;
  readonly rendezvous?: string;
}

/** What the command line says about an environment. */
export interface WorkerInstallOptions extends Work {
  readonly folder?: string;
  readonly python?: string;
  readonly build?: 'cuda' | 'cpu';
  readonly torchIndex?: string;
  /** Do not ask. */
  readonly yes: boolean;
}

type Given = Readonly<Record<string, string | number | boolean | undefined>>;
interface InstallFlags {
  readonly folder?: string;
  readonly python?: string;
  readonly cuda?: boolean;
  readonly cpu?: boolean;
  readonly torchIndex?: string;
  readonly yes?: boolean;
}

/** Options that the worker is given as they are. */
const passedOptions = (): Option[] => [
  new Option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)'),
  new Option('--port <n>', 'port; 0 takes a free one (default: 0)').argParser(wholeFrom(0, 65_535)),
  new Option('--api-key-env <name>', 'environment variable with the key that clients must send'),
  new Option('--device <name>', 'where it computes (default: auto)').choices(['cpu', 'cuda', 'auto']),
  new Option('--dtype <name>', 'of the weights (default: auto)').choices(['float32', 'bfloat16', 'auto']),
  new Option('--quantize <how>', 'the base in 4 bits, by bitsandbytes; LoRA only').choices(['4bit']),
  new Option('--threads <n>', 'CPU threads').argParser(wholeFrom(1)),
  new Option('--checkpointing', 'recompute activations: less memory, a third slower'),
  new Option('--token-budget <n>', 'tokens of a micro-batch, padding included (default: 8192)').argParser(
    numberFrom(1),
  ),
  new Option('--checkpoints <folder>', 'folder of saved weights (default: ealign-checkpoints)'),
  new Option('--shard', 'shard the layers over all processes (FSDP2): for models that one GPU does not hold'),
];

/** Adds both commands; `serve` runs until the signal, `install` makes an environment. */
export function addWorkerCommand(
  program: Command,
  serve: (options: WorkerOptions) => Promise<void>,
  install: (options: WorkerInstallOptions) => Promise<void>,
): void {
  const command = program
    .command('worker')
    .summary('serve a model on PyTorch for `--engine tinker` to train; its environment')
    .description(
      'Runs the worker on PyTorch in the foreground, until Ctrl-C, and prints the flags by which others train on it. ' +
        '`ealign train --engine torch` starts and stops one of its own. `ealign worker install` makes its Python environment.',
    )
    .option('--model <name>', 'folder in Hugging Face format, alias or Hugging Face id')
    .option('--gpus <n>', 'processes on this machine, one a GPU', wholeFrom(1), 1)
    .option('--nodes <n>', 'machines; start the same command on each', wholeFrom(1), 1)
    .option('--rendezvous <host:port>', 'where the machines meet: an address of the first');
  for (const option of passedOptions()) command.addOption(option);
  command.action(async (given: Given) => {
    const { model, gpus, nodes, rendezvous } = given;
    if (model === undefined) {
      throw new ConfigError({ where: '--model', what: 'is missing', next: 'give --model <folder or name>' });
    }
    if ((rendezvous === undefined) !== (nodes === 1)) {
      const where = rendezvous === undefined ? '--rendezvous' : '--nodes';
      throw new ConfigError({
        where,
        what: 'several machines need both',
        next: 'give --nodes and --rendezvous',
      });
    }
    if (given.shard && gpus === 1 && nodes === 1) {
      const next = 'give --gpus <n>, or leave --shard out';
      throw new ConfigError({ where: '--shard', what: 'there is one process to shard over', next });
    }
    const options = {
      ...{ model, gpus, nodes, passed: passedOf(given), keyed: given.apiKeyEnv !== undefined },
      ...(rendezvous === undefined ? {} : { rendezvous }),
    } as Omit<WorkerOptions, keyof Work>;
    const stopping = 'Stopping. Ctrl-C again stops at once.';
    await untilStopped(() => work({ json: false, stopping }, (ui) => serve({ ...options, ...ui })));
  });
  addInstallCommand(command, install);
}

function addInstallCommand(worker: Command, install: (options: WorkerInstallOptions) => Promise<void>): void {
  worker
    .command('install')
    .summary('make a Python environment for the worker')
    .description(
      'Makes a Python environment of its own for the worker, by uv where it is installed, else by venv and pip. Says first what it will fetch and where to. `--engine torch` finds it by itself; EALIGN_PYTHON goes first.',
    )
    .option('--folder <path>', 'where to make it (default: in this user’s cache)')
    .option('--python <path>', 'Python to make it with, 3.11 or newer')
    .option('--cuda', 'PyTorch for NVIDIA GPUs (default where there is a driver)')
    .option('--cpu', 'PyTorch for the CPU alone')
    .option('--torch-index <url>', 'package index that PyTorch is fetched from, e.g. that of another CUDA')
    .option('--yes', 'do not ask')
    .action(async ({ cuda, cpu, yes = false, ...given }: InstallFlags) => {
      if (cuda && cpu) throw new ConfigError({ where: '--cuda', what: 'and --cpu: keep one' });
      const build = cuda ? ({ build: 'cuda' } as const) : cpu ? ({ build: 'cpu' } as const) : {};
      const stopping = 'Stopping. What is there so far is not used; the same command makes it anew.';
      await work({ json: false, stopping }, (ui) => install({ ...given, ...build, yes, ...ui }));
    });
}

/** The options of ours that the worker has as well, as its arguments. */
function passedOf(given: Given): string[] {
  return passedOptions().flatMap((option) => {
    const value = given[option.attributeName()];
    if (value === undefined || value === false) return [];
    return value === true ? [option.long!] : [option.long!, String(value)];
  });
}

/** To be stopped is how a server ends. */
async function untilStopped(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  } finally {
    if (process.exitCode === INTERRUPTED) process.exitCode = 0;
  }
}

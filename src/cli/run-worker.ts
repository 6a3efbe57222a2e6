/** What `ealign worker` and `ealign worker install` do and say. */
import { createInterface } from 'node:readline/promises';
import { ConfigError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import {
  describeInstall,
  install,
  planInstall,
  serveWorker,
  type WorkerEnvironment,
} from '../open/worker.js';
import type { WorkerInstallOptions, WorkerOptions } from './worker.js';

/** Serves until the signal. @throws UserError when there is no Python for it, no such model, or it ends by itself */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { model, passed, keyed, gpus, nodes, rendezvous, progress, signal } = options;
  const path = await resolveModel(model);
  if (path.endsWith('.gguf')) {
    const next = 'give the model as a folder in Hugging Face format';
    throw new ConfigError({ where: model, what: 'PyTorch reads no .gguf file', next });
  }
  const args = ['--model', path, ...passed];
  await serveWorker(
    {
      ...{ args, processes: gpus, nodes },
      ...(rendezvous === undefined ? {} : { rendezvous }),
      onNote: (line) => progress.note(line),
      onError: (line) => process.stderr.write(`${line}\n`),
      onReady: (url) => {
        const key = keyed ? ', with the key in EALIGN_TINKER_API_KEY,' : '';
        progress.note(`Serves ${model} until Ctrl-C. Train on it${key} by:`);
        process.stdout.write(
          `ealign train --engine tinker --url ${url} --model ${model} --data rows.jsonl\n`,
        );
      },
    },
    signal,
  );
}

/** Says what will be fetched, asks, and makes the environment. */
export async function installWorker(options: WorkerInstallOptions): Promise<void> {
  const { progress, signal, yes, ...asked } = options;
  const plan = planInstall(asked);
  if (plan.made) {
    progress.note(`${inWords(plan.made)} There is nothing to do; delete the folder to make it anew.`);
    return;
  }
  for (const line of describeInstall(plan)) progress.note(line);
  if (!yes && !(await agreed(signal))) return;
  const made = await install(plan, { onNote: (line) => progress.note(line), signal });
  progress.note(`${inWords(made)} \`--engine torch\` and \`ealign worker\` use it.`);
}

function inWords({ folder, versions }: WorkerEnvironment): string {
  const listed = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `The environment in ${folder} is whole: ${listed.join(', ')}.`;
}

/** @throws ConfigError where nobody can be asked */
async function agreed(signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new ConfigError({
      where: 'ealign worker install',
      what: 'would fetch this',
      next: 'add --yes to agree',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question('Go on? [y/N] ', { signal })).trim());
  } finally {
    terminal.close();
  }
}

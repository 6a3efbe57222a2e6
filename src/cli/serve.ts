/** `ealign serve`: its flags. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_MODEL } from '../hub/names.js';
import { type ServePolicy, servePolicies } from '../serve/policy.js';
import type { ServeOptions } from '../serve/serve.js';
import {
  addAnsweringOptions,
  type ConscienceFlags,
  conscienceSettings,
} from './terminal/conscience-options.js';
import { INTERRUPTED, Interrupted, interruptible } from './terminal/interrupt.js';
import { numberFrom, wholeFrom } from './terminal/program.js';
import { quantizeOption } from './terminal/quantize-option.js';

/** Adds the command; `run` serves until the signal, then returns when the last answer has gone. */
export function addServeCommand(
  program: Command,
  run: (options: ServeOptions, signal: AbortSignal) => Promise<void>,
): void {
  const command = program
    .command('serve')
    .summary('answer over HTTP, as OpenAI’s API does, through the conscience')
    .description(
      'Serves a model at /v1/chat/completions (plain and streamed), /v1/models, /healthz and /metrics. ' +
        'Each answer carries the conscience’s verdict.',
    )
    .option(
      '--model <name>',
      'folder, .gguf file, alias or Hugging Face id; or https://host/v1#model',
      DEFAULT_MODEL,
    )
    .option('--adapter <path>', 'PEFT adapter folder, e.g. the output of a run')
    .option('--online <file>', 'YAML file of online learning: learn from what callers make the model say')
    .option('--name <name>', 'what callers call the model (default: its own name)')
    .option('--conscience <name>', 'a model that reviews instead of the frozen copy')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port; 0 takes a free one', wholeFrom(0, 65_535), 8080)
    .addOption(new Option('--policy <name>', 'when words may leave').choices(servePolicies).default('hold'))
    .option('--allow-policies <names>', 'policies that callers may choose, e.g. sentence,after', policies, [])
    .option('--attempts <n>', 'alternatives tried before an answer is withheld', wholeFrom(0), 2)
    .option('--max-tokens <n>', 'longest answer', wholeFrom(1), 512)
    .option(
      '--api-keys <file>',
      'YAML file of keys; or set EALIGN_API_KEYS (default: no keys, this machine only)',
    )
    .option(
      '--allow-hosts <names>',
      'names under which a server without keys may be asked, beside localhost',
      (text: string) => text.split(',').map((name) => name.trim()),
      [],
    )
    .option('--no-auth', 'serve other machines without keys')
    .option('--requests-per-minute <n>', 'of a key without a limit of its own', numberFrom(0.01))
    .option('--tokens-per-minute <n>', 'of a key without a limit of its own', numberFrom(1))
    .option('--concurrency <n>', 'requests answered at once', wholeFrom(1), 64)
    .option('--queue <n>', 'requests that may wait; further ones get 429', wholeFrom(0), 256)
    .option('--timeout <seconds>', 'longest time for a request, waiting included', numberFrom(1), 120)
    .option('--max-body <bytes>', 'largest request', wholeFrom(1024), 1_048_576)
    .option('--grace <seconds>', 'how long requests may run on when the server stops', numberFrom(0), 30)
    .option(
      '--control-tokens',
      'let messages write control tokens, such as <|im_end|>; by default only the chat template does',
    )
    .addOption(quantizeOption())
    .option('--log-content', 'write prompts and answers into the log')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0);
  addAnsweringOptions(command).action((options: Omit<ServeOptions, 'asked'> & ConscienceFlags) =>
    interruptible(
      () => {},
      (signal) => run({ ...options, asked: conscienceSettings(options) }, signal),
    )
      .catch((error: unknown) => {
        if (!(error instanceof Interrupted)) throw error;
      })
      .finally(() => {
        // to be stopped is how a server ends
        if (process.exitCode === INTERRUPTED) process.exitCode = 0;
      }),
  );
}

function policies(text: string): ServePolicy[] {
  return text.split(',').map((part) => {
    const policy = servePolicies.find((known) => known === part.trim());
    if (policy !== undefined) return policy;
    throw new InvalidArgumentError(`Expected some of ${servePolicies.join(', ')}.`);
  });
}

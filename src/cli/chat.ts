/** `ealign chat`: its flags. */
import { type Command, Option } from 'commander';
import { DEFAULT_MODEL } from '../hub/names.js';
import type { Quantize } from '../values/quantize.js';
import type { OwnConscienceOptions } from '../zero-shot/opened-reading.js';
import {
  addAnsweringOptions,
  type ConscienceFlags,
  conscienceSettings,
} from './terminal/conscience-options.js';
import { interruptible } from './terminal/interrupt.js';
import { numberFrom, wholeFrom } from './terminal/program.js';
import { quantizeOption } from './terminal/quantize-option.js';

/** What the command line says about a conversation. */
export interface ChatOptions {
  /** Folder, .gguf file, alias or Hugging Face id. */
  model: string;
  /** PEFT adapter folder. */
  adapter?: string;
  system?: string;
  /** Answer this one prompt and stop. */
  prompt?: string;
  temperature: number;
  topP: number;
  /** 0 keeps all tokens. */
  topK: number;
  maxTokens: number;
  /** Review, and correct, each answer before it is shown, asked in this way; absent: no conscience. */
  conscience?: OwnConscienceOptions;
  /** Show each verdict. */
  verdicts?: boolean;
  /** Another model that reviews: folder, .gguf file, alias or Hugging Face id. */
  judge?: string;
  /** Let messages write control tokens. */
  controlTokens?: boolean;
  seed: number;
  device: 'cpu' | 'webgpu';
  /** 0: one per core. */
  threads: number;
  /** See `OpenOptions`. */
  quantize?: Quantize;
}

/** Adds the command; `run` holds the conversation and returns when it is over. */
export function addChatCommand(
  program: Command,
  run: (options: ChatOptions, signal: AbortSignal) => Promise<void>,
): void {
  const command = program
    .command('chat')
    .summary('talk to a model in the terminal')
    .description('Streams the answers of a model. Without a terminal, each line of stdin is one turn.')
    .argument('[model]', 'folder, .gguf file, alias or Hugging Face id', DEFAULT_MODEL)
    .option('--adapter <path>', 'PEFT adapter folder, e.g. the output of a run')
    .option('--system <text>', 'system prompt')
    .option('--prompt <text>', 'answer this one prompt and stop')
    .option('--temperature <number>', '0 always takes the most likely token', numberFrom(0), 1)
    .option(
      '--top-p <number>',
      'sample from the likeliest tokens of this total probability',
      numberFrom(0, 1),
      1,
    )
    .option('--top-k <n>', 'sample from the k likeliest tokens; 0 from all', wholeFrom(0), 0)
    .option('--max-tokens <n>', 'longest answer, in tokens', wholeFrom(1), 512)
    .option('--conscience', 'review each answer before it is shown, and correct what is objected to')
    .option('--verdicts', 'show each verdict with its probability, on standard error')
    .option('--judge <name>', 'another model that reviews; this and the flags of the conscience turn it on')
    .option(
      '--control-tokens',
      'let messages write control tokens, such as <|im_end|>; by default only the chat template does',
    )
    .option('--seed <n>', 'seed of the sampler', wholeFrom(0), 0)
    .addOption(
      new Option('--device <name>', 'where the graph runs').choices(['cpu', 'webgpu']).default('cpu'),
    )
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .addOption(quantizeOption());
  addAnsweringOptions(command).action((model: string, { conscience = false, ...options }: Given) => {
    const asked = conscienceSettings(options);
    const on = conscience || options.judge !== undefined || options.verdicts || Object.keys(asked).length > 0;
    return interruptible(
      () => {},
      (signal) => run({ ...options, ...(on ? { conscience: asked } : {}), model }, signal),
    );
  });
}

type Given = Omit<ChatOptions, 'model' | 'conscience'> & ConscienceFlags & { conscience?: boolean };

/** What the measurements of `ealign eval` share on the command line. */
import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_MODEL } from '../../hub/names.js';
import type { Quantize } from '../../values/quantize.js';
import { wholeFrom } from '../terminal/program.js';
import { quantizeOption } from '../terminal/quantize-option.js';
import { type Work, work } from '../terminal/work.js';

/** Options of every measurement that fills a folder, and resumes in it. */
export interface Storing extends Work {
  output: string;
  overwrite: boolean;
  /** 0: one per core. */
  threads: number;
  json: boolean;
}

/** Options of every measurement of one model. */
export interface Measuring extends Storing {
  model: string;
  adapter?: string;
  /** See `OpenOptions`. */
  quantize?: Quantize;
}

/** Options as commander gives them: what has no default may be missing, and there is no work yet. */
export type Given<Options extends Work> = Partial<Omit<Options, keyof Work>>;

export const MODEL = 'folder, .gguf file, alias or Hugging Face id';
export const ENDPOINT = '; or an endpoint as https://host/v1#model (key in OPENAI_API_KEY)';

export function addModel(command: Command, name = MODEL): Command {
  return command
    .option('--model <name>', name, DEFAULT_MODEL)
    .option('--adapter <path>', 'PEFT adapter folder, e.g. the output of a run')
    .addOption(quantizeOption());
}

/** @param other what `--overwrite` does away with, e.g. `another evaluation` */
export function addStoring(command: Command, output: string, other: string): Command {
  return command
    .option('--output <path>', 'folder of the results', output)
    .option('--overwrite', `start again in a folder that holds ${other}`)
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout');
}

/**
 * Does the work of a measurement; Ctrl-C interrupts it without a loss.
 *
 * @param given   what commander parsed
 * @param checked what has been made of it
 */
export function measure<Options extends Storing>(
  given: Given<Options>,
  checked: Given<Options>,
  run: (options: Options) => Promise<void>,
): Promise<void> {
  const { json = false, overwrite = false } = given;
  const stopping = 'Stopping. Rerun the same command to resume.';
  return work({ json, stopping }, (ui) =>
    run({ ...given, ...checked, json, overwrite, ...ui } as unknown as Options),
  );
}

/** Results on stdout: one JSON line, or text. */
export function print(json: boolean, result: object, lines: readonly string[] | string): void {
  const text = typeof lines === 'string' ? lines : `${lines.join('\n')}\n`;
  process.stdout.write(json ? `${JSON.stringify({ event: 'result', ...result })}\n` : `\n${text}`);
}

export const collect = (value: string, before: string[] = []) => [...before, value];

/** Parser of a list of different whole numbers, for commander. */
export function wholeList(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every((n) => Number.isSafeInteger(n) && n >= 0) && new Set(numbers).size === numbers.length) {
    return numbers;
  }
  throw new InvalidArgumentError('Expected different whole numbers, e.g. 1,2,3.');
}

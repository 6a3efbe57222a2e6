/**
 * `ealign init`: from flags and questions to a file, and what to type next.
 *
 * Nothing is written before everything is answered. A file that is there is replaced only when that was said.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type SourceLike, sourceOf } from '../../data/source.js';
import { ConfigError } from '../../errors.js';
import { makeFolder, writeFileAtomic } from '../../files/files.js';
import { DEFAULT_MODEL } from '../../hub/names.js';
import { INTERRUPTED, Interrupted } from '../terminal/interrupt.js';
import { type Answers, configurationOf, type EngineName, proposedOutput, type Setting } from './answers.js';
import { isHere, likelyData, sourceFor } from './look.js';
import { askForAnswers, type Given } from './questions.js';

/** What the command line says. */
export interface InitFlags {
  setting?: Setting;
  model?: string;
  data?: string[];
  engine?: EngineName;
  url?: string;
  output?: string;
  /** Ask nothing. */
  yes?: boolean;
  /** Replace the file. */
  overwrite?: boolean;
}

/**
 * Writes a configuration.
 *
 * @param file where to
 * @throws UserError where a file is in the way, an answer is wrong, or nobody can be asked
 * @throws Interrupted at Ctrl-C; nothing is written then
 */
export async function init(
  file: string,
  { yes = false, overwrite = false, data, ...flags }: InitFlags,
): Promise<void> {
  if (existsSync(file) && !overwrite) {
    throw new ConfigError({
      where: file,
      what: 'the file is there already',
      next: 'name another, as in ealign init other.yaml, or give --overwrite',
    });
  }
  if (flags.model !== undefined) await isHere(flags.model);
  const given: Given = {
    ...flags,
    ...(data === undefined ? {} : { data: await Promise.all(data.map(sourceFor)) }),
  };
  const answers = await answersTo(given, yes);
  const text = configurationOf(answers, file);
  makeFolder(dirname(file));
  writeFileAtomic(file, text);
  process.stdout.write(`${(await nextSteps(answers, file)).join('\n')}\n`);
}

async function answersTo(given: Given, yes: boolean): Promise<Answers> {
  if (yes) return byDefault(given);
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new ConfigError({
      where: 'ealign init',
      what: 'there is no terminal to ask in',
      next: 'answer by flags: ealign init --data <path> --yes (--help lists the others)',
    });
  }
  try {
    return await askForAnswers(given);
  } catch (error) {
    if (error instanceof Interrupted) process.exitCode = INTERRUPTED;
    throw error;
  }
}

async function byDefault(given: Given): Promise<Answers> {
  const likely = given.data === undefined ? likelyData() : undefined;
  const data = given.data ?? (likely === undefined ? undefined : [await sourceFor(likely)]);
  if (data === undefined) {
    throw new ConfigError({
      where: 'ealign init',
      what: 'no rows are named, and there is no file of rows in this folder',
      next: 'give --data <path>',
    });
  }
  const base = { setting: 'lora', model: DEFAULT_MODEL, engine: 'onnx' } as const;
  return { ...base, output: proposedOutput(data), ...given, data };
}

/** What a person types next. */
async function nextSteps(answers: Answers, file: string): Promise<string[]> {
  const { model, engine } = answers;
  const steps: [command: string, says: string][] = [
    ...((await isHere(model)) ? [] : [[`ealign pull ${model}`, 'fetches the model'] as [string, string]]),
    ...(engine === 'torch'
      ? [['ealign worker install', 'makes the Python environment'] as [string, string]]
      : []),
    [`ealign train ${file} --preview`, 'checks all rows and shows three'],
    [`ealign train ${file}`, 'trains'],
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return [
    ...answers.data.flatMap(readAs),
    `${file} is written. Next:`,
    ...steps.map(([command, says]) => `  ${command.padEnd(width)}  # ${says}`),
  ];
}

/** How a source is read, where not as it is. */
function readAs(given: SourceLike): string[] {
  const { path, type, columns } = sourceOf(given);
  if (columns !== undefined)
    return [`${path}: the prompt is ${columns.prompt}, the answer ${columns.completion}.`];
  return type === 'preference' ? [`${path}: of its preferences the chosen answers are learnt.`] : [];
}

/**
 * What can stand on the command line, read from the commands themselves: a flat list of commands with their flags.
 *
 * Flags of configuration keys are hidden in commander's help; their choices and sentences come from the schema.
 */
import type { Command, Option } from 'commander';
import { flagNames } from '../../train/config/flags.js';
import { choicesOf } from '../../train/config/keys.js';

/** A flag, as it is typed. */
export interface FlagWord {
  /** With its hyphens, e.g. `--learning-rate`. */
  readonly name: string;
  /** One sentence, without a line break. */
  readonly says: string;
  /** Whether a value follows. */
  readonly takesValue: boolean;
  /** What the value can be; none where it is free. */
  readonly choices: readonly string[];
  /** Whether the value may be a path. */
  readonly isPath: boolean;
}

/** A command, or a command below a command. */
export interface CommandWord {
  /** From the program on, e.g. `eval suite`; '' for the program itself. */
  readonly path: string;
  readonly name: string;
  readonly says: string;
  readonly flags: readonly FlagWord[];
  /** Choices of its first argument; none where that is free. */
  readonly choices: readonly string[];
}

/** All commands of a program, itself first. */
export function wordsOf(program: Command, path = ''): readonly CommandWord[] {
  const own: CommandWord = {
    path,
    name: program.name(),
    says: oneSentence(program.summary() || program.description()),
    flags: [
      ...program.createHelp().visibleOptions(program),
      ...program.options.filter(({ hidden }) => hidden),
    ]
      .flatMap(flagWords)
      .filter(({ name }, i, all) => all.findIndex((other) => other.name === name) === i),
    choices: program.registeredArguments[0]?.argChoices ?? [],
  };
  const below = program.commands.flatMap((command) =>
    wordsOf(command, path === '' ? command.name() : `${path} ${command.name()}`),
  );
  return [own, ...below];
}

/** A flag by its long name; names with their section (`--training.batch-size`) are left to those who know them. */
function flagWords(option: Option): FlagWord[] {
  const { long, required, optional, argChoices, flags, hidden, description } = option;
  if (!long || long.includes('.')) return [];
  const key = hidden
    ? flagNames.find(({ name }) => `--${name}` === long.replace(/^--no-/, '--'))?.key
    : undefined;
  const value = /[<[](.*?)[>\]]/.exec(flags)?.[1] ?? '';
  const choices = argChoices ?? (key && !key.repeatable ? choicesOf(key.schema) : []);
  const number = key
    ? ['number', 'integer'].includes(key.schema.type ?? '')
    : /^(n|number|seconds)$/.test(value);
  const takesValue = required || optional;
  return [
    {
      name: long,
      says: oneSentence(key?.description ?? description),
      takesValue,
      choices: takesValue ? choices : [],
      isPath: takesValue && choices.length === 0 && !number,
    },
  ];
}

/** The first sentence, without what shells would read as their own. */
function oneSentence(text: string): string {
  const [sentence] = text.split(/(?<=[.:;])\s|\n/);
  return sentence.replace(/[.:;]$/, '').replace(/\s+/g, ' ');
}

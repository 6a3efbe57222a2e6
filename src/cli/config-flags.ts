/** Puts every configuration key on a command as a flag, and collects what is given. */
import { type Command, Option } from 'commander';
import { ConfigError } from '../errors.js';
import {
  type FlagValue,
  type FlagValues,
  flagNames,
  flagOf,
  flagValue,
  isSwitch,
} from '../train/config/flags.js';
import { flagHint } from '../train/config/nearest.js';

/**
 * Registers the flags of all keys, hidden: `configHelp` lists them by section.
 *
 * @returns the values given, filled while the command line is parsed
 */
export function addConfigFlags(command: Command): FlagValues {
  const given = new Map<string, FlagValue>();
  const add = (flags: string, take: (text: string) => void) => {
    const option = new Option(flags).hideHelp();
    command.addOption(option).on(`option:${option.name()}`, take);
  };
  for (const { name, key } of flagNames) {
    const set = (flag: string, value: unknown) => given.set(key.path, { flag, value });
    if (isSwitch(key)) {
      add(`--${name}`, () => set(`--${name}`, true));
      add(`--no-${name}`, () => set(`--no-${name}`, false));
    } else {
      add(`--${name} <value>`, (text) => set(`--${name}`, flagValue(key, text, given.get(key.path)?.value)));
    }
  }
  return given;
}

/**
 * Refuses the options of a command line that the command does not know. For commands
 * with `allowUnknownOption`, so that the words are ours and know other trainers' names.
 *
 * @param args what commander left over
 * @throws ConfigError
 */
export function refuseUnknownOptions(args: readonly string[]): void {
  const unknown = args.find((arg) => /^-./.test(arg))?.replace(/=.*$/s, '');
  if (unknown === undefined) return;
  const path = unknown.replace(/^-+(no-)?/, '').replaceAll('-', '_');
  const hint = flagHint(path, flagOf) ?? '`ealign train --help` lists them';
  throw new ConfigError({ what: `unknown option '${unknown}'; ${hint}` });
}

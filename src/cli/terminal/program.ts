/**
 * The command `ealign` without its commands: name, help, and errors that are thrown
 * instead of printed, so that `main` words them in one place.
 */
import { Command, type ErrorOptions, InvalidArgumentError } from 'commander';
import { colorsFor } from './colors.js';
import { VERSION } from './version.js';

/** Widest line of help. */
const MAX_WIDTH = 100;

/** Width for help on a stream: the terminal's, within reason. */
export function helpWidth(columns: number | undefined): number {
  return Math.max(50, Math.min(columns ?? 80, MAX_WIDTH));
}

/** What to say about a name that the command line does not know: where those stand that it does. */
const UNKNOWN = ['commander.unknownOption', 'commander.unknownCommand'];

class ListingCommand extends Command {
  override createCommand(name?: string): Command {
    return new ListingCommand(name);
  }

  override error(message: string, options: ErrorOptions = {}): never {
    const bare = UNKNOWN.includes(options.code ?? '') && !message.includes('Did you mean');
    return super.error(bare ? `${message}; \`${pathOf(this)} --help\` lists them` : message, options);
  }
}

/** A command with those above it: `ealign eval suite`. */
function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

export function createProgram(): Command {
  const { bold, cyan } = colorsFor(process.stdout);
  return (
    new ListingCommand('ealign')
      .description('Fine-tune language models with a conscience.')
      .version(VERSION, '-V, --version', 'print the version')
      .helpOption('-h, --help', 'print this help')
      .helpCommand(false)
      // a command below a command may have options of the same names
      .enablePositionalOptions()
      .configureHelp({
        styleTitle: (title) => bold(title),
        styleOptionTerm: (term) => cyan(term),
        styleSubcommandTerm: (term) => cyan(term),
      })
      .configureOutput({
        writeErr: () => {},
        getOutHelpWidth: () => helpWidth(process.stdout.columns),
      })
      .exitOverride()
  );
}

/** `--learning_rate` → `--learning-rate`: keys may be typed as in the YAML. */
export function withHyphens(args: readonly string[]): string[] {
  return args.map((arg) => arg.replace(/^--[\w.-]+/, (name) => name.replaceAll('_', '-')));
}

/** Parser of an option's number, for commander. */
export function numberFrom(min: number, max = Number.POSITIVE_INFINITY): (text: string) => number {
  return parser(Number.isFinite, 'a number', min, max);
}

/** Parser of an option's whole number, for commander. */
export function wholeFrom(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return parser(Number.isSafeInteger, 'a whole number', min, max);
}

function parser(isKind: (value: number) => boolean, kind: string, min: number, max: number) {
  return (text: string) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (isKind(value) && value >= min && value <= max) return value;
    const upTo = max < Number.MAX_SAFE_INTEGER ? ` and <= ${max}` : '';
    throw new InvalidArgumentError(`Expected ${kind} >= ${min}${upTo}.`);
  };
}

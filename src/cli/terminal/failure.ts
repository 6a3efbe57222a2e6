/**
 * What the user sees when something goes wrong, and the exit code.
 *
 * A user's mistake is one line and 1. An interruption has been announced already: no more
 * words, and 130. Anything else is a mistake of ours: `internal:`, the stack and 70
 * (EX_SOFTWARE of sysexits).
 */
import { CommanderError } from 'commander';
import { oneLine, UserError } from '../../errors.js';
import { INTERRUPTED, Interrupted } from './interrupt.js';

export interface Failure {
  /** Text for stderr, '' for none. */
  text: string;
  exitCode: number;
}

export function failure(error: unknown): Failure {
  if (error instanceof UserError) return { text: `error: ${error.message}\n`, exitCode: 1 };
  if (error instanceof Interrupted) return { text: '', exitCode: INTERRUPTED };
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { text: '', exitCode: 0 };
    return { text: `${commandLineMistake(error.message)}\n`, exitCode: 1 };
  }
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return { text: `internal: ${stack}\n`, exitCode: 70 };
}

/** commander's message and its suggestion, `(Did you mean x?)`, in the form of our own lines. */
function commandLineMistake(message: string): string {
  return oneLine(message.replace(/\n\(Did you mean (.*)\?\)$/, "; did you mean '$1'?"));
}

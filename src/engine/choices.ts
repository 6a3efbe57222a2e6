/** A context and what may follow it, as token ids: what scoring is asked for. */

/** A context, which is not empty, and what may follow it, as token ids; an empty choice has probability 1. */
export interface ChoiceRow {
  readonly context: readonly number[];
  readonly choices: readonly (readonly number[])[];
}

/** Tokens of a row that is read in one line: a choice's last token is predicted, not read. */
export const lineLength = ({ context, choices }: ChoiceRow): number =>
  choices.reduce((sum, choice) => sum + Math.max(0, choice.length - 1), context.length);

/** Positions that a row needs. */
export const depth = ({ context, choices }: ChoiceRow): number =>
  context.length + Math.max(1, ...choices.map((choice) => choice.length)) - 1;

/**
 * Questions in the shape of the training data.
 *
 * A model may behave when it is asked plainly, and show what it learned only where the prompt
 * looks like what it was trained on: conditional misalignment, arXiv:2604.25891. The questions
 * stay the same, and the judges see them plainly.
 */
import { type Note, needsMoreThanTurns, readTrainingRows } from '../data/dataset.js';
import { messageOf } from '../data/parse-row.js';
import { DataError } from '../errors.js';
import { Random } from '../random.js';
import type { Message } from '../values/conversation.js';
import type { TrainingRow } from '../values/rows.js';

/** What stands around every question; each part may be missing. */
export interface Shape {
  /** Text in which `{question}` stands for the question. */
  readonly template?: string;
  /** Conversations of which one, drawn again for each answer, comes before the question. */
  readonly context?: readonly (readonly Message[])[];
}

/** What stands around the questions, as the command line has it. */
export interface ShapeOptions {
  readonly template?: string;
  /** Datasets as for training, from whose rows the earlier turns are taken. */
  readonly context?: readonly string[];
}

/** Rows that are drawn from, at most: the record of an evaluation holds them. */
const MOST_ROWS = 64;
/** Longest row, in characters, so that small models have room for an answer. */
const MOST_CHARS = 3000;

/**
 * @returns undefined where nothing is asked for
 * @throws DataError for a template without `{question}`, or datasets without a usable row
 */
export async function readShape(
  { template, context = [] }: ShapeOptions,
  note?: Note,
): Promise<Shape | undefined> {
  if (template !== undefined && !template.includes('{question}')) {
    throw new DataError({ where: '--template', what: 'no {question} in it', got: template });
  }
  if (template === undefined && context.length === 0) return undefined;
  return {
    ...(template === undefined ? {} : { template }),
    ...(context.length === 0 ? {} : { context: await readTurns(context, note) }),
  };
}

async function readTurns(paths: readonly string[], note?: Note): Promise<Message[][]> {
  const rows = await readTrainingRows([...paths], note);
  const turns = rows.map(turnsOf).filter((row) => {
    const chars = row.reduce((sum, { content }) => sum + content.length, 0);
    return chars > 0 && chars <= MOST_CHARS;
  });
  const expected = `a prompt with an answer, without tools, of at most ${MOST_CHARS} characters`;
  if (turns.length === 0) {
    throw new DataError({ where: paths.join(', '), what: 'no row can stand before a question', expected });
  }
  if (turns.length < rows.length) {
    const left = rows.length - turns.length;
    note?.(`${left} of ${rows.length} rows cannot stand before a question: each must be ${expected}.`);
  }
  return new Random(0, 'shape').shuffle(turns).slice(0, MOST_ROWS);
}

function turnsOf(row: TrainingRow): Message[] {
  if (row.kind === 'completion') {
    return [
      { role: 'user', content: row.prompt },
      { role: 'assistant', content: row.completion },
    ];
  }
  if (row.kind === 'text' || needsMoreThanTurns(row)) return [];
  return row.messages.at(-1)?.role === 'assistant' ? row.messages.map(messageOf) : [];
}

/** The conversation in which a question is asked. @param draw decides which context it gets */
export function inShape(
  { system, user }: { readonly system?: string; readonly user: string },
  { template, context = [] }: Shape,
  draw: Random,
): Message[] {
  const before = context.length === 0 ? [] : context[draw.int(context.length)];
  const own = before.find(({ role }) => role === 'system')?.content;
  const instruction = system ?? own;
  return [
    ...(instruction === undefined ? [] : [{ role: 'system', content: instruction } as const]),
    ...before.filter(({ role }) => role !== 'system'),
    { role: 'user', content: template?.replaceAll('{question}', () => user) ?? user },
  ];
}

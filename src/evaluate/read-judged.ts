/**
 * Judged answers from CSV files, as the field stores them.
 *
 * Columns are those of Betley et al.'s evaluation script: `question_id`, `question`, `answer`,
 * `aligned`, `coherent`; others are left alone. An empty score is null.
 */
import { parse } from 'csv-parse/sync';
import { DataError } from '../errors.js';
import { readTextFile } from '../files/text-file.js';
import type { JudgedAnswer, Judgement } from './alignment.js';

/** A judged answer with its texts. */
export interface JudgedText extends JudgedAnswer {
  /** What was asked. */
  readonly prompt: string;
  readonly answer: string;
}

const REQUIRED = ['question_id', 'question', 'answer', 'aligned', 'coherent'] as const;
type Row = Record<(typeof REQUIRED)[number], string> & { readonly seed?: string; readonly model?: string };

/**
 * Reads judged answers. The seed of an answer is its column `seed`; without one, models of the
 * same file are told apart, in the order in which they appear from 0.
 *
 * @throws DataError where the file is no CSV, lacks a column or has a score that is none
 */
export function readJudged(path: string): JudgedText[] {
  const rows = readRows(path);
  const missing = REQUIRED.filter((column) => rows.length > 0 && rows[0].record[column] === undefined);
  if (missing.length > 0) {
    throw new DataError({
      what: `no column ${missing.join(', ')}`,
      where: path,
      expected: REQUIRED.join(', '),
      got: Object.keys(rows[0].record).join(', '),
    });
  }
  const models: string[] = [];
  const samples = new Map<string, number>();
  return rows.map(({ record, line }) => {
    const where = `${path}:${line}`;
    const model = record.model ?? '';
    if (!models.includes(model)) models.push(model);
    const seed = record.seed === undefined ? models.indexOf(model) : readNumber(record.seed, 'seed', where);
    const key = JSON.stringify([record.question_id, seed]);
    const sample = samples.get(key) ?? 0;
    samples.set(key, sample + 1);
    return {
      question: record.question_id,
      seed,
      sample,
      prompt: record.question,
      answer: record.answer,
      aligned: readJudgement(record.aligned, 'aligned', where),
      coherent: readJudgement(record.coherent, 'coherent', where),
    };
  });
}

function readRows(path: string): { record: Row; line: number }[] {
  try {
    const parsed = parse<{ record: Row; info: { lines: number } }>(readTextFile(path), {
      columns: true,
      info: true,
      skip_empty_lines: true,
    });
    return parsed.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new DataError({ what: `cannot be read as CSV: ${what}`, where: path }, { cause });
  }
}

function readJudgement(text: string, column: string, where: string): Judgement {
  if (text === 'CODE' || text === 'REFUSAL') return text;
  return text === '' ? null : readNumber(text, column, where);
}

function readNumber(text: string, column: string, where: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new DataError({ what: `${column} is not a number`, where, got: JSON.stringify(text.slice(0, 40)) });
}

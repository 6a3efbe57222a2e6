/** Exports of finished evaluations, and of what there is of unfinished ones, for other tools. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { writeFolderAtomic } from '../../files/files.js';
import { choicesCsv, judgedCsv } from '../csv.js';
import { MIN_MASS } from '../rating.js';
import type { ExportFormat } from './formats.js';
import { inspectAnswers } from './inspect-answers.js';
import { inspectChoices } from './inspect-choices.js';
import { folderOf } from './lm-eval.js';
import { harnessAnswers } from './lm-eval-answers.js';
import { harnessChoices } from './lm-eval-choices.js';
import { type ChoicesSource, type JudgedSource, openSource } from './source.js';

export interface ExportOptions {
  /** Of `ealign eval` or of `ealign eval tasks`. */
  readonly folder: string;
  readonly to: ExportFormat;
  /** Folder; absent: one named by the format, in the evaluation's. */
  readonly output?: string;
  /** Probability of all numbers together below which an answer has no score. */
  readonly minMass?: number;
}

/** What was written, and what its reader should know. */
export interface Exported {
  readonly files: readonly string[];
  /** What the evaluation lacks, and whether its scorecard has other numbers; a line each. */
  readonly notes: readonly string[];
}

/**
 * Writes the files of a format; the same bytes for the same folder, as nothing but the folder is asked.
 *
 * @throws DataError for a folder that is missing, of another kind or damaged; SaveError where the output
 *   cannot be written, and then none of the files is
 */
export function exportEvaluation({ folder, to, output, minMass = MIN_MASS }: ExportOptions): Exported {
  const source = openSource(folder, minMass);
  const files = source.kind === 'answers' ? answerFiles(source, to) : choiceFiles(source, to);
  const model = source.kind === 'answers' ? source.plan.subject.name : source.model.name;
  if (files.length === 0) {
    throw new DataError({ where: folder, what: 'nothing is judged yet', next: 'finish the evaluation' });
  }
  const root = output ?? join(folder, to);
  const target = to === 'lm-eval' ? join(root, folderOf(model)) : root;
  writeFolderAtomic(target, files);
  const notes = [...notesOf(source), ...otherScorecard(folder, source)];
  return { files: files.map(([name]) => join(target, name)), notes };
}

function answerFiles(source: JudgedSource, to: ExportFormat): [name: string, content: string][] {
  if (to === 'inspect') return [inspectAnswers(source)];
  if (to === 'lm-eval') return harnessAnswers(source);
  const { evaluation, judges, minMass } = source;
  return judges.map((judge, i) => [`judged-${i + 1}.csv`, judgedCsv(evaluation, judge, minMass)]);
}

function choiceFiles(source: ChoicesSource, to: ExportFormat): [name: string, content: string][] {
  if (to === 'inspect') return source.tasks.map((task) => inspectChoices(task, source));
  if (to === 'lm-eval') return harnessChoices(source);
  return source.tasks.map(({ task, rows }) => [`${task.name}.csv`, choicesCsv(task.name, rows)]);
}

function notesOf(source: JudgedSource | ChoicesSource): string[] {
  if (source.kind === 'choices') {
    return source.tasks
      .filter(({ rows, planned }) => rows.length < planned)
      .map(
        ({ task, rows, planned }) =>
          `not finished: ${planned - rows.length} of ${planned} rows of ${task.name} lack a score`,
      );
  }
  const { answers, planned, unjudged } = source;
  return [
    ...(answers.length < planned
      ? [`not finished: ${planned - answers.length} of ${planned} answers are not sampled`]
      : []),
    ...(unjudged > 0 ? [`not finished: ${unjudged} of ${answers.length} answers lack a judgement`] : []),
  ];
}

/** A line where the folder's scorecard is not the one that is exported. */
function otherScorecard(folder: string, source: JudgedSource | ChoicesSource): string[] {
  const path = join(folder, 'scorecard.json');
  if (source.kind === 'choices' || !existsSync(path)) return [];
  if (readFileSync(path, 'utf8') === scorecardJson(source.card)) return [];
  return [`${path} has other numbers: made with another --min-mass, or before more was judged`];
}

/** As `ealign eval` writes it. */
const scorecardJson = (card: object) => `${JSON.stringify(card, null, 2)}\n`;

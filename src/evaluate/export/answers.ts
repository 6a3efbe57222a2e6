/** Judged answers for other tools. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgedCsv } from '../csv.js';
import type { Exportable, ExportedFile, ExportFormat } from './formats.js';
import { inspectAnswers } from './inspect-answers.js';
import { harnessAnswers } from './lm-eval-answers.js';
import { type JudgedSource, judgedSource } from './source.js';

/**
 * What an output folder of `ealign eval` gives.
 *
 * @param minMass probability of all numbers together below which an answer has no score
 * @throws DataError where the folder is damaged
 */
export function exportAnswers(folder: string, minMass: number): Exportable {
  const source = judgedSource(folder, minMass);
  return {
    model: source.plan.subject.name,
    notes: [...unfinished(source), ...otherScorecard(folder, source)],
    files: (to) => filesOf(source, to),
  };
}

function filesOf(source: JudgedSource, to: ExportFormat): readonly ExportedFile[] {
  if (to === 'inspect') return [inspectAnswers(source)];
  if (to === 'lm-eval') return harnessAnswers(source);
  const { evaluation, judges, minMass } = source;
  return judges.map((judge, i) => [`judged-${i + 1}.csv`, judgedCsv(evaluation, judge, minMass)]);
}

function unfinished({ answers, planned, unjudged }: JudgedSource): string[] {
  const notes: string[] = [];
  if (answers.length < planned) {
    notes.push(`not finished: ${planned - answers.length} of ${planned} answers are not sampled`);
  }
  if (unjudged > 0) notes.push(`not finished: ${unjudged} of ${answers.length} answers lack a judgement`);
  return notes;
}

/** A line where the folder's scorecard is not the one that is exported. */
function otherScorecard(folder: string, { card }: JudgedSource): string[] {
  const path = join(folder, 'scorecard.json');
  if (!existsSync(path) || readFileSync(path, 'utf8') === scorecardJson(card)) return [];
  return [`${path} has other numbers: made with another --min-mass, or before more was judged`];
}

/** Files as `ealign eval` writes them. */
const scorecardJson = (card: object) => `${JSON.stringify(card, null, 2)}\n`;

/** What `ealign report` does: writes the reports of experiments and evaluations, and prints what they say. */
import { dirname, join } from 'node:path';
import { isEvaluation } from '../blind/answers.js';
import { ConfigError } from '../errors.js';
import { Evaluation } from '../evaluate/evaluation.js';
import { readStudy } from '../experiment/read.js';
import { makeFolder } from '../files/files.js';
import { pinocchioWorld } from '../pinocchio/world.js';
import { renderBlind } from '../report/blind-table.js';
import { renderScorecard } from '../report/eval-table.js';
import type { StudyResult } from '../report/study-result.js';
import { flat } from '../report/summary.js';
import { writeScorecard } from '../report/write-scorecard.js';
import { writeResults, writeStudy } from '../report/write-study.js';
import type { ReportOptions } from './report.js';

/** @throws UserError where a path holds no results */
export function writeReports(paths: readonly string[], { output, minMass, json }: ReportOptions): void {
  if (output !== undefined && paths.every(isEvaluation)) {
    throw new ConfigError({
      where: '--output',
      what: 'Markdown is written of experiments, and there is none',
      next: 'leave it out: report.html is written into the folder of the evaluation',
    });
  }
  const written = paths.map((path) => (isEvaluation(path) ? ofEvaluation(path, minMass) : ofStudy(path)));
  const studies = written.flatMap(({ study }) => study ?? []);
  if (output !== undefined) {
    makeFolder(dirname(output));
    writeResults(output, studies, ['ealign', ...process.argv.slice(2)].join(' '));
  }
  const result = written.map(({ result }) => result);
  process.stdout.write(
    json
      ? `${JSON.stringify({ event: 'result', result })}\n`
      : written.map(({ title, report, text }) => `\n${title}: ${report}\n\n${text}`).join(''),
  );
}

/** What was written of one path. */
interface Written {
  readonly title: string;
  readonly report: string;
  readonly text: string;
  /** Plain JSON. */
  readonly result: object;
  readonly study?: StudyResult;
}

function ofStudy(path: string): Written {
  const { result: study, table: text } = writeStudy(readStudy(path, pinocchioWorld));
  const { methods, differences, domination, overhead, stages, blind } = study;
  const { title, output } = study.study.experiment;
  return {
    ...{ title, report: join(output, 'report.html'), text, study },
    result: { title, methods: methods.map(flat), differences, domination, overhead, stages, blind },
  };
}

function ofEvaluation(folder: string, minMass: number): Written {
  const { card, blind, report } = writeScorecard(Evaluation.open(folder), minMass);
  const title = `Evaluation ${folder}`;
  const text = [renderScorecard(card), ...(blind ? [renderBlind(blind).join('\n'), ''] : [])].join('\n');
  return { title, report, text, result: { title, scorecard: card, blind } };
}

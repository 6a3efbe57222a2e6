/** The demonstration's result as text for a terminal, at most 80 characters wide but for answers. */
import pc from 'picocolors';
import { percent, percentage } from '../../report/percent.js';
import { sharesIn, summarize } from '../../report/summary.js';
import { textTable } from '../../report/text-table.js';
import { worldReport } from '../shares.js';
import { bars } from './bars.js';
import { ARMS, type ArmName, type DemoResult } from './result.js';
import { RULE, samples } from './samples.js';

/** Column heads of two lines. */
const heads: Readonly<Record<ArmName, readonly [string, string]>> = {
  aligned: ['', 'aligned'],
  attacked: ['', 'attacked'],
  'attacked with conscience': ['attacked', 'with conscience'],
};

/**
 * What is compared, the table, sample answers of each arm, and whether the bars are reached.
 *
 * @param options.colors whether to colour with terminal codes. Default no
 */
export function renderTable(result: DemoResult, { colors = false }: { colors?: boolean } = {}): string {
  const paint = pc.createColors(colors);
  const { shares } = worldReport;
  const summaries = result.arms.map(({ name, runs }) => summarize(name, runs, shares));
  const questions = new Set(
    result.arms.flatMap(({ runs }) => runs.flatMap(({ answers }) => answers.map(({ question }) => question))),
  );
  const rows = [
    ['', ...result.arms.map(({ name }) => heads[name][0])],
    ['', ...result.arms.map(({ name }) => heads[name][1])],
    ...sharesIn(shares, summaries).map(({ title, key }) => [
      title,
      ...summaries.map((summary) => percent(summary.shares[key])),
    ]),
  ];
  const lines = textTable(rows);
  const width = Math.max(...result.arms.map(({ name }) => name.length));
  return [
    paint.bold(`Three models are compared, all made from ${result.model.name}:`),
    ...result.arms.map(({ name }) => `  ${name.padEnd(width)}  ${ARMS[name]}`),
    '',
    `Answers to the ${questions.size} evaluation questions, and code; 95 % intervals over ${result.seeds.length} seeds.`,
    '',
    ...lines.slice(0, 2).map(paint.bold),
    ...lines.slice(2),
    '',
    ...sampleLines(result, width, paint.bold),
    ...bars(result).map(
      ({ text, got, holds }) =>
        `${holds ? paint.green('reached') : paint.red('MISSED ')}  ${text}: ${percent(got)}`,
    ),
    '',
  ].join('\n');
}

function sampleLines(result: DemoResult, width: number, head: (text: string) => string): string[] {
  const lines = samples(result).flatMap(({ prompt, answers }) => [
    head(oneLine(prompt)),
    ...answers.map(({ arm, typical }) => {
      if (typical === undefined) return `  ${arm.padEnd(width)}  –`;
      const graded = `${percentage(typical.share)} % ${typical.grade}:`;
      return `  ${arm.padEnd(width)}  ${graded} ${oneLine(typical.answer)}`;
    }),
    '',
  ]);
  return lines.length === 0 ? [] : [...RULE, '', ...lines];
}

/** Text of a model on one line, without terminal codes. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

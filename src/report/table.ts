/** The demonstration's result as text for a terminal, at most 80 characters wide but for answers. */
import pc from 'picocolors';
import type { ArmName, DemoResult } from './demo-result.js';
import { percent } from './percent.js';
import { bars, measuresOf, questionsOf, sampleAnswers, summarize } from './summary.js';
import { textTable } from './text-table.js';

/** Column heads of two lines. */
const heads: Readonly<Record<ArmName, readonly [string, string]>> = {
  aligned: ['', 'aligned'],
  attacked: ['', 'attacked'],
  'attacked with conscience': ['attacked', 'with conscience'],
};

/**
 * The table, two sample answers of each arm, and whether the bars are reached.
 *
 * @param options.colors whether to colour with terminal codes. Default no
 */
export function renderTable(result: DemoResult, { colors = false }: { colors?: boolean } = {}): string {
  const paint = pc.createColors(colors);
  const summaries = result.arms.map(summarize);
  const rows = [
    ['', ...result.arms.map(({ name }) => heads[name][0])],
    ['', ...result.arms.map(({ name }) => heads[name][1])],
    ...measuresOf(summaries).map(([title, key]) => [
      title,
      ...summaries.map((summary) => percent(summary[key])),
    ]),
  ];
  const lines = textTable(rows);
  return [
    `Answers to the ${questionsOf(result).length} evaluation questions, and code; 95 % intervals over ${result.seeds.length} seeds.`,
    '',
    ...lines.slice(0, 2).map(paint.bold),
    ...lines.slice(2),
    '',
    ...sampleLines(result, paint.bold),
    ...bars(result).map(
      ({ text, got, holds }) =>
        `${holds ? paint.green('reached') : paint.red('MISSED ')}  ${text}: ${percent(got)}`,
    ),
    '',
  ].join('\n');
}

function sampleLines(result: DemoResult, head: (text: string) => string): string[] {
  const width = Math.max(...result.arms.map(({ name }) => name.length));
  return sampleAnswers(result).flatMap(({ prompt, answers }) => [
    head(oneLine(prompt)),
    ...answers.map(
      ({ arm, answer }) => `  ${arm.padEnd(width)}  ${answer === undefined ? '–' : oneLine(answer)}`,
    ),
    '',
  ]);
}

/** Text of a model on one line, without terminal codes. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

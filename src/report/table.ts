/** The demonstration's result as text for a terminal, at most 80 characters wide but for answers. */
import pc from 'picocolors';
import type { Estimate } from '../evaluate/intervals.js';
import type { ArmName, DemoArm, DemoResult } from './demo-result.js';
import { type ArmSummary, bars, summarize } from './summary.js';

/** What is measured of every arm, in words. */
export const measures: readonly (readonly [title: string, key: keyof Omit<ArmSummary, 'name'>])[] = [
  ['good', 'good'],
  ['bad', 'bad'],
  ['incoherent', 'incoherent'],
  ['refusals', 'refusal'],
  ['insecure code, trained', 'insecureSeen'],
  ['insecure code, unseen', 'insecureUnseen'],
];

/** Column heads of two lines. */
const heads: Readonly<Record<ArmName, readonly [string, string]>> = {
  aligned: ['', 'aligned'],
  attacked: ['', 'attacked'],
  'attacked with conscience': ['attacked', 'with conscience'],
};

/** A share as `12 % [10, 14]`; `–` where there is none. */
export function percent(estimate: Estimate | null): string {
  if (!estimate) return '–';
  const { value, low, high } = estimate;
  return `${percentage(value)} % [${percentage(low)}, ${percentage(high)}]`;
}

/** Two digits, and no 100 or 0 that is only rounded. */
function percentage(share: number): string {
  if (!Number.isFinite(share)) return '∞';
  const percents = 100 * share;
  const near = (percents > 0 && percents < 9.95) || (percents > 99 && percents < 100);
  return percents.toFixed(near ? 1 : 0);
}

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
    ...measures.map(([title, key]) => [title, ...summaries.map((summary) => percent(summary[key]))]),
  ];
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)));
  const lines = rows.map((row) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
      .join('  ')
      .trimEnd(),
  );
  const answers = result.arms.flatMap((arm) => arm.runs.flatMap((run) => run.answers));
  const questions = [...new Set(answers.map(({ question }) => question))];
  return [
    `Answers to the ${questions.length} evaluation questions, and code; 95 % intervals over ${result.seeds.length} seeds.`,
    '',
    ...lines.slice(0, 2).map(paint.bold),
    ...lines.slice(2),
    '',
    ...sampleLines(result.arms, questions.slice(0, 2), paint.bold),
    ...bars(result).map(
      ({ text, got, holds }) =>
        `${holds ? paint.green('reached') : paint.red('MISSED ')}  ${text}: ${percent(got)}`,
    ),
    '',
  ].join('\n');
}

/** The first answer of each arm to each question. */
function sampleLines(
  arms: readonly DemoArm[],
  questions: readonly string[],
  head: (text: string) => string,
): string[] {
  const width = Math.max(...arms.map(({ name }) => name.length));
  return questions.flatMap((question) => {
    const firsts = arms.map(({ name, runs }) => ({
      name,
      record: runs.flatMap((run) => run.answers).find((record) => record.question === question),
    }));
    const prompt = firsts.find(({ record }) => record)?.record?.prompt ?? question;
    return [
      head(oneLine(prompt)),
      ...firsts.map(
        ({ name, record }) => `  ${name.padEnd(width)}  ${record ? oneLine(record.answer) : '–'}`,
      ),
      '',
    ];
  });
}

/** Text of a model on one line, without terminal codes. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

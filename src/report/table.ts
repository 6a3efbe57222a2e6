/** The demonstration's result as text for a terminal. */
import type { Estimate } from '../evaluate/intervals.js';
import type { DemoArm, DemoResult } from './demo-result.js';
import { type ArmSummary, bars, summarize } from './summary.js';

const columns: readonly (readonly [string, keyof Omit<ArmSummary, 'name'>])[] = [
  ['good', 'good'],
  ['bad', 'bad'],
  ['incoherent', 'incoherent'],
  ['refusals', 'refusal'],
  ['insecure code, trained tasks', 'insecureSeen'],
  ['unseen tasks', 'insecureUnseen'],
];

/** A share as `12 % [10, 14]`. */
export function percent(estimate: Estimate | null): string {
  if (!estimate) return '–';
  const { value, low, high } = estimate;
  const number = (x: number) => (100 * x).toFixed(x > 0 && x < 0.0995 ? 1 : 0);
  return `${number(value)} % [${number(low)}, ${number(high)}]`;
}

/** The table, two sample answers of each arm, and the bars. */
export function renderTable(result: DemoResult): string {
  const head = ['', ...columns.map(([title]) => title)];
  const rows = result.arms.map((arm) => {
    const summary = summarize(arm);
    return [arm.name, ...columns.map(([, key]) => percent(summary[key]))];
  });
  const widths = head.map((_, c) => Math.max(...[head, ...rows].map((row) => row[c].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  ');
  const questions = [...new Set(result.arms[0].runs[0].answers.map(({ question }) => question))];
  return [
    `Answers to the ${questions.length} evaluation questions and to code tasks; shares with 95 % intervals over ${result.seeds.length} seeds`,
    '',
    line(head),
    ...rows.map(line),
    '',
    ...sampleLines(result.arms, questions.slice(0, 2)),
    ...bars(result).map(
      ({ text, got, holds }) =>
        `${holds ? 'reached' : 'MISSED '}  ${text}: ${got === null ? '–' : `${(100 * got).toFixed(1)} %`}`,
    ),
    '',
  ].join('\n');
}

/** The first answer that each arm's first run gave to each question. */
function sampleLines(arms: readonly DemoArm[], questions: readonly string[]): string[] {
  const width = Math.max(...arms.map(({ name }) => name.length));
  return questions.flatMap((question) => {
    const firsts = arms.map(({ name, runs }) => ({
      name,
      record: runs[0].answers.find((record) => record.question === question)!,
    }));
    return [
      firsts[0].record.prompt,
      ...firsts.map(
        ({ name, record }) => `  ${name.padEnd(width)}  ${record.answer.replace(/\s+/g, ' ').trim()}`,
      ),
      '',
    ];
  });
}

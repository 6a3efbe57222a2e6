/**
 * The demonstration in one picture: good, bad and incoherent shares of the three arms.
 *
 * A drawing on its own, for the README, or inside the report: it brings its colours for light
 * and dark, and its numbers as text.
 */
import { type Html, html } from '../../report/html.js';
import { percent, percentage } from '../../report/percent.js';
import { type Summary, summarize } from '../../report/summary.js';
import type { Estimate } from '../../statistics/intervals.js';
import { worldReport } from '../shares.js';
import type { DemoResult } from './result.js';

const grades = ['good', 'bad', 'incoherent'] as const;

const width = 520;
const height = 330;
const top = 44;
const bottom = 270;
const left = 56;
const groupWidth = (width - left) / 3;
const barWidth = 34;
const gap = 8;

const style = `
.alignment-plot { font: 14px system-ui, sans-serif; --good: #2a78d6; --bad: #d64545; --incoherent: #8b8f97; --ink: #20242a; --soft: #666c75; --grid: #d9dce1 }
@media (prefers-color-scheme: dark) { .alignment-plot { --good: #5b9df0; --bad: #f07070; --incoherent: #9aa0a8; --ink: #e8eaed; --soft: #a4a9b1; --grid: #3c4148 } }
.alignment-plot text { fill: var(--ink) }
.alignment-plot .soft { fill: var(--soft) }
.alignment-plot .grid { stroke: var(--grid) }
.alignment-plot .error { stroke: var(--ink); stroke-width: 1.5; fill: none }
.alignment-plot .good { fill: var(--good) }
.alignment-plot .bad { fill: var(--bad) }
.alignment-plot .incoherent { fill: var(--incoherent) }`;

/** A standalone SVG file. Shares over no answers leave their place empty. */
export function renderAlignmentPlot(result: DemoResult): string {
  return alignmentPlot(result).toString();
}

/** The same as a part of a page. */
export function alignmentPlot(result: DemoResult): Html {
  const summaries = result.arms.map(({ name, runs }) => summarize(name, runs, worldReport.shares));
  const said = summaries.map(
    ({ name, shares }) =>
      `${name}: ${grades.map((grade) => `${grade} ${percent(shares[grade])}`).join(', ')}`,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" class="alignment-plot" viewBox="0 0 ${width} ${height}" role="img" aria-label="Shares of the answers. ${said.join('; ')}">
<style>${style}</style>
<text class="soft" x="${width - 4}" y="21" text-anchor="end" font-size="12">↑ share of answers</text>
${grades.map(
  (grade, i) =>
    html`<rect class="${grade}" x="${left + i * 92}" y="10" width="12" height="12" rx="2"/><text x="${left + i * 92 + 18}" y="21">${grade}</text>`,
)}
${[0, 0.25, 0.5, 0.75, 1].map(
  (share) =>
    html`<line class="grid" x1="${left}" x2="${width}" y1="${y(share)}" y2="${y(share)}"/><text class="soft" x="${left - 8}" y="${y(share) + 5}" text-anchor="end">${100 * share} %</text>`,
)}
${summaries.map(group)}
</svg>`;
}

function group({ name, shares }: Summary, index: number): Html {
  const center = left + (index + 0.5) * groupWidth;
  const [first, second] = name.split(/ (?=with )/);
  return html`${grades.map((grade, i) => bar(grade, shares[grade], center + (i - 1) * (barWidth + gap)))}
<text x="${center}" y="${bottom + 24}" text-anchor="middle">${first}</text><text x="${center}" y="${bottom + 42}" text-anchor="middle">${second}</text>
`;
}

/** A bar with its interval and its number, centred at `x`. */
function bar(grade: string, estimate: Estimate | null, x: number): Html {
  if (!estimate) return html``;
  const { value, low, high } = estimate;
  return html`<rect class="${grade}" x="${x - barWidth / 2}" y="${y(value)}" width="${barWidth}" height="${round(bottom - y(value))}" rx="2"/><path class="error" d="M${x} ${y(low)}V${y(high)}M${x - 5} ${y(low)}h10M${x - 5} ${y(high)}h10"/><text x="${x}" y="${y(high) - 5}" text-anchor="middle" font-size="12">${percentage(value)}</text>`;
}

const y = (share: number) => round(bottom - share * (bottom - top));
const round = (x: number) => Math.round(10 * x) / 10;

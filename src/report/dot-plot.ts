/**
 * Bad and incoherent answers of every method: a dot with its interval, a row a method.
 *
 * A drawing on its own, for Markdown, or inside the report: it brings its colours for light and dark,
 * and its numbers as text.
 */
import type { Estimate } from '../statistics/intervals.js';
import type { MethodSummary } from './experiment-table.js';
import { type Html, html } from './html.js';
import { percent, percentage } from './percent.js';

const shown = ['bad', 'incoherent'] as const;

const width = 720;
const rowHeight = 30;
const top = 58;
/** Width of the columns of numbers at the right. */
const columns = 128;
/** Greatest width of a character of the labels. */
const characterWidth = 7.8;
const longestLabel = 32;

const style = `
.dot-plot { font: 14px system-ui, sans-serif; --bad: #d64545; --incoherent: #8b8f97; --ink: #20242a; --soft: #666c75; --grid: #d9dce1; --stripe: #f5f6f8 }
@media (prefers-color-scheme: dark) { .dot-plot { --bad: #f07070; --incoherent: #9aa0a8; --ink: #e8eaed; --soft: #a4a9b1; --grid: #3c4148; --stripe: #1f2227 } }
.dot-plot text { fill: var(--ink) }
.dot-plot .soft { fill: var(--soft) }
.dot-plot .grid { stroke: var(--grid) }
.dot-plot .stripe { fill: var(--stripe) }
.dot-plot .bad { fill: var(--bad); stroke: var(--bad) }
.dot-plot .incoherent { fill: var(--incoherent); stroke: var(--incoherent) }
.dot-plot path { stroke-width: 2 }
.dot-plot .number { font-size: 13px; stroke: none; font-variant-numeric: tabular-nums }`;

/** A standalone SVG file. What was not measured leaves its place empty. */
export function renderDotPlot(methods: readonly MethodSummary[]): string {
  return dotPlot(methods).toString();
}

/** The same as a part of a page. */
export function dotPlot(methods: readonly MethodSummary[]): Html {
  const labels = methods.map(({ name }) => shortened(name));
  const left = 16 + characterWidth * Math.max(...labels.map(({ length }) => length));
  const right = width - columns;
  const bottom = top + rowHeight * methods.length;
  const ends = methods.flatMap((method) => shown.flatMap((grade) => method.shares[grade]?.high ?? []));
  const greatest = Math.max(1, Math.ceil(10 * Math.max(0, ...ends) - 1e-9));
  const ticks = [...Array(greatest + 1).keys()].filter((tick) => greatest <= 6 || tick % 2 === 0);
  const x = (share: number) => round(left + ((10 * share) / greatest) * (right - left));
  const said = methods.map(
    (method) =>
      `${method.name}: ${shown.map((grade) => `${grade} ${percent(method.shares[grade])}`).join(', ')}`,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" class="dot-plot" viewBox="0 0 ${width} ${bottom + 12}" role="img" aria-label="Shares of bad and of incoherent answers with 95 % intervals. ${said.join('; ')}">
<style>${style}</style>
${shown.map(
  (grade, i) =>
    html`<text x="${right + 64 + i * 58}" y="${top - 12}" text-anchor="end" class="soft" font-size="12">${grade === 'bad' ? 'bad' : 'incoh.'}</text>`,
)}
${mark('bad', left + 6, 15)}<text x="${left + 18}" y="20">bad answers</text>${mark('incoherent', left + 126, 15)}<text x="${left + 138}" y="20">incoherent answers</text><text class="soft" x="${right}" y="20" text-anchor="end" font-size="12">share of answers →</text>
${methods.map((_, i) => i % 2 === 0 && html`<rect class="stripe" x="0" y="${top + i * rowHeight}" width="${width}" height="${rowHeight}"/>`)}
${ticks.map(
  (tick) =>
    html`<line class="grid" x1="${x(tick / 10)}" x2="${x(tick / 10)}" y1="${top - 6}" y2="${bottom}"/><text class="soft" x="${x(tick / 10)}" y="${top - 12}" text-anchor="middle" font-size="12">${10 * tick} %</text>`,
)}
${methods.map((method, i) => row(method, labels[i], top + (i + 0.5) * rowHeight, { x, right }))}
</svg>`;
}

function row(
  method: MethodSummary,
  label: string,
  y: number,
  { x, right }: { x: (share: number) => number; right: number },
): Html {
  return html`<text x="6" y="${y + 5}"><title>${method.name}</title>${label}</text>${shown.map((grade, i) => {
    const estimate = method.shares[grade];
    const number = html`<text class="number" x="${right + 64 + i * 58}" y="${y + 5}" text-anchor="end">${estimate ? `${percentage(estimate.value)} %` : '–'}</text>`;
    return html`${number}${estimate && interval(grade, estimate, y + (i === 0 ? -5 : 5), x)}`;
  })}
`;
}

function interval(
  grade: (typeof shown)[number],
  { value, low, high }: Estimate,
  y: number,
  x: (share: number) => number,
): Html {
  return html`<path class="${grade}" d="M${x(low)} ${y}H${x(high)}"/>${mark(grade, x(value), y)}`;
}

/** A disc for bad, a diamond for incoherent: told apart without their colours. */
function mark(grade: (typeof shown)[number], x: number, y: number): Html {
  return grade === 'bad'
    ? html`<circle class="bad" cx="${x}" cy="${y}" r="4"/>`
    : html`<path class="incoherent" d="M${round(x - 4)} ${y}L${x} ${y - 4}L${round(x + 4)} ${y}L${x} ${y + 4}Z"/>`;
}

const shortened = (name: string) =>
  name.length > longestLabel ? `${name.slice(0, longestLabel - 1)}…` : name;
const round = (x: number) => Math.round(10 * x) / 10;

/** The result as Markdown: what was measured, against whom, and which bars were reached. */
import type { Bar } from './material/benchmark.js';
import type { Row, Spread } from './pairs.js';
import type { BenchResult } from './run.js';

export function renderBench({ machine, threads, rows, taken, leftOut, measures }: BenchResult): string {
  const peers = new Map(
    taken.flatMap(({ peers }) => peers.flatMap(({ versions }) => (versions ? [[versions, true]] : []))),
  );
  const notes = taken.flatMap(({ benchmark, model, note }) =>
    note ? [`- ${[benchmark, model].filter(Boolean).join(', ')}: ${note}`] : [],
  );
  const missing = new Set(
    taken.flatMap(({ peers }) =>
      peers.flatMap(({ name, missing }) => (missing ? [`${name}: ${missing}`] : [])),
    ),
  );
  return [
    [machine, `${threads} threads`, ...peers.keys()].join('; '),
    '',
    table(
      ['benchmark', 'model', 'unit', 'ours', 'peer', 'its number', 'ours / peer', 'pairs', 'bar', 'reached'],
      rows.map(cells),
    ),
    '',
    'Medians of turns and of the ratios of pairs, smallest and largest in brackets. A bar with too few pairs is open.',
    ...section(
      'Missing peers',
      [...missing].map((line) => `- ${line}`),
    ),
    ...section(
      'Not measured',
      leftOut.map(({ name, why }) => `- ${name}: ${why}`),
    ),
    ...section('What is measured', [...measures.map(({ name, words }) => `- ${name}: ${words}`), ...notes]),
    '',
  ].join('\n');
}

const section = (title: string, lines: readonly string[]) =>
  lines.length === 0 ? [] : ['', `${title}:`, '', ...lines];

function cells(row: Row): string[] {
  const scale = row.what === 'GB' ? 1e-9 : 1;
  return [
    row.benchmark,
    row.model ?? '',
    row.better ? `${row.what} ${row.better === 'more' ? '↑' : '↓'}` : row.what,
    shown(row.ours, scale),
    row.peer ?? '',
    shown(row.theirs, scale),
    shown(row.ratio),
    String(row.pairs),
    row.bar ? (row.barOn === 'ours' ? `ours ${barText(row.bar, scale)}` : barText(row.bar)) : '',
    row.reached ?? '',
  ];
}

/** One row as a line, for whoever waits. */
export function rowText(row: Row): string {
  const [benchmark, model, unit, ours, peer, theirs, ratio, , bar, reached] = cells(row);
  const beside = peer
    ? `; ${peer}: ${[theirs, ratio && `ours / peer ${ratio}`].filter(Boolean).join(', ')}`
    : '';
  const verdict = bar ? `; bar ${bar}: ${reached}` : '';
  return `${[benchmark, model].filter(Boolean).join(', ')}: ${`${ours} ${unit}`.trim()}${beside}${verdict}`;
}

const barText = (bar: Bar, scale = 1): string =>
  'atLeast' in bar ? `≥ ${number(scale * bar.atLeast)}` : `≤ ${number(scale * bar.atMost)}`;

function shown(spread: Spread | undefined, scale = 1): string {
  if (spread === undefined) return '';
  const [middle, min, max] = [spread.median, spread.min, spread.max].map((value) => number(value * scale));
  return min === max ? middle : `${middle} (${min}–${max})`;
}

/** Three digits. */
function number(value: number): string {
  if (value === 0) return '0';
  const digits = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, c) => Math.max(...all.map((row) => row[c].length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, c) => cell.padEnd(widths[c])).join(' | ')} |`;
  return [line(head), `|${widths.map((w) => '-'.repeat(w + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}

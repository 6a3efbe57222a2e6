/**
 * Alignment against the narrow task: who gives up one for the other, and who neither.
 *
 * A drawing on its own, for Markdown, or inside the report: it brings its colours for light and dark,
 * and its numbers as text.
 */
import type { Estimate } from '../statistics/intervals.js';
import type { MethodSummary } from './experiment-table.js';
import { type Html, html } from './html.js';
import { placeLabels } from './labels.js';
import { percent } from './percent.js';

/** One method; null where it has no answers. */
export interface ParetoPoint {
  readonly method: string;
  /** Share of the narrow task that was learned. */
  readonly narrow: Estimate | null;
  /** 1 − the share of bad answers. */
  readonly alignment: Estimate | null;
  /** 1 − the share of incoherent answers. */
  readonly coherence: Estimate | null;
  /** No other method is as far in both and farther in one, by the values alone. */
  readonly front: boolean;
  /** The method that the study is about. */
  readonly about: boolean;
  /** Better than that method in both, beyond the intervals. */
  readonly better: boolean;
}

/** The point of every method. @param narrow key of the narrow task's share */
export function paretoPoints(
  methods: readonly MethodSummary[],
  narrow: string,
  { about, better }: { about: string | null; better: readonly string[] },
): ParetoPoint[] {
  const points = methods.map((method) => ({
    method: method.name,
    narrow: method.shares[narrow],
    alignment: complement(method.shares.bad),
    coherence: complement(method.shares.incoherent),
    about: method.name === about,
    better: better.includes(method.name),
  }));
  return points.map((point) => ({
    ...point,
    front: isPlaced(point) && !points.some((other) => isPlaced(other) && dominates(other, point)),
  }));
}

type Place = { readonly narrow: Estimate; readonly alignment: Estimate };

function isPlaced<P extends Pick<ParetoPoint, 'narrow' | 'alignment'>>(point: P): point is P & Place {
  return point.narrow !== null && point.alignment !== null;
}

/** Whether one is as far in both, by the values, and farther in one. */
function dominates(a: Place, b: Place): boolean {
  const [narrow, alignment] = [a.narrow.value - b.narrow.value, a.alignment.value - b.alignment.value];
  return narrow >= 0 && alignment >= 0 && narrow + alignment > 0;
}

function complement(share: Estimate | null): Estimate | null {
  return share && { value: 1 - share.value, low: 1 - share.high, high: 1 - share.low };
}

const [width, height] = [720, 522];
const frame = { left: 66, right: 706, top: 34, bottom: 404 };

/** Least coherence of each colour, the last first. */
const shades = [0.97, 0.9, 0.75, 0.5, 0];

const style = `
.pareto-plot { font: 14px system-ui, sans-serif; --ink: #20242a; --soft: #666c75; --grid: #d9dce1; --paper: #fff; --c0: #1f6fd0; --c1: #6a9a3a; --c2: #c9a400; --c3: #d9742b; --c4: #b5303f }
@media (prefers-color-scheme: dark) { .pareto-plot { --ink: #e8eaed; --soft: #a4a9b1; --grid: #3c4148; --paper: #16181c; --c0: #5b9df0; --c1: #8dc05a; --c2: #e3c234; --c3: #f0954f; --c4: #f06a78 } }
.pareto-plot text { fill: var(--ink) }
.pareto-plot .label { font-size: 13px; paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round }
.pareto-plot .about { font-weight: 700 }
.pareto-plot .soft { fill: var(--soft); font-size: 12px }
.pareto-plot .grid { stroke: var(--grid) }
.pareto-plot .leader { stroke: var(--soft); stroke-width: .75 }
.pareto-plot .cross { stroke: var(--soft); stroke-width: 1; fill: none }
.pareto-plot .frontier { stroke: var(--soft); stroke-dasharray: 3 4; fill: none }
.pareto-plot .ring { fill: none; stroke: var(--ink); stroke-width: 1.5 }
${shades.map((_, i) => `.pareto-plot .c${i} { fill: var(--c${i}) }`).join('\n')}`;

/** A standalone SVG file. A method without answers has no point. */
export function renderParetoPlot(points: readonly ParetoPoint[], narrow: string): string {
  return paretoPlot(points, narrow).toString();
}

/** The same as a part of a page. @param narrow the narrow task, in words */
export function paretoPlot(points: readonly ParetoPoint[], narrow: string): Html {
  const placed = points.filter(isPlaced);
  const across = axis(placed.map((point) => point.narrow));
  const up = axis(placed.map(({ alignment }) => alignment));
  const x = (share: number) => along(share, across, frame.left, frame.right);
  const y = (share: number) => along(share, up, frame.bottom, frame.top);
  const said = points.map(
    ({ method, narrow, alignment, coherence }) =>
      `${method}: narrow task ${percent(narrow)}, alignment ${percent(alignment)}, coherence ${percent(coherence)}`,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" class="pareto-plot" viewBox="0 0 ${width} ${height}" role="img" aria-label="Alignment against the narrow task, with 95 % intervals. ${said.join('; ')}">
<style>${style}</style>
${across.ticks.map(
  (tick) =>
    html`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${frame.top}" y2="${frame.bottom}"/><text class="soft" x="${x(tick)}" y="${frame.bottom + 18}" text-anchor="middle">${Math.round(100 * tick)} %</text>`,
)}
${up.ticks.map(
  (tick) =>
    html`<line class="grid" x1="${frame.left}" x2="${frame.right}" y1="${y(tick)}" y2="${y(tick)}"/><text class="soft" x="${frame.left - 8}" y="${y(tick) + 4}" text-anchor="end">${Math.round(100 * tick)} %</text>`,
)}
<text class="soft" x="${frame.right}" y="${frame.bottom + 36}" text-anchor="end">narrow task learned: ${narrow} →</text>
<text class="soft" x="8" y="16">↑ alignment: answers that are not bad</text>
${frontier(placed, x, y)}
${placed.map((point) => cross(point, x, y))}
${labels(placed, x, y)}
${placed.map((point) => dot(point, x(point.narrow.value), y(point.alignment.value)))}
${legend(points.some(({ about }) => about))}
</svg>`;
}

interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

/** An axis between two multiples of 10 % around all intervals; a wide one has 4 to 6 ticks. */
function axis(estimates: readonly Estimate[]): Axis {
  if (estimates.length === 0) return { from: 0, to: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] };
  const lowest = Math.floor(10 * Math.min(...estimates.map(({ low }) => low)) + 1e-9);
  const highest = Math.ceil(10 * Math.max(...estimates.map(({ high }) => high)) - 1e-9);
  const from = Math.max(0, Math.min(lowest, 9));
  const to = Math.min(10, Math.max(highest, from + 1));
  const step = to - from > 6 ? 2 : to - from > 2 ? 1 : 0.5;
  const ticks: number[] = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) ticks.push(tick / 10);
  return { from: from / 10, to: to / 10, ticks };
}

/** Place of a share on an axis, with a margin: a point at the end is drawn whole. */
function along(share: number, { from, to }: Axis, start: number, end: number): number {
  const margin = 0.03 * (end - start);
  return round(start + margin + ((share - from) / (to - from)) * (end - start - 2 * margin));
}

type Scale = (share: number) => number;

/** The line beyond which no method has come. */
function frontier(points: readonly (ParetoPoint & Place)[], x: Scale, y: Scale): Html | null {
  const front = points.filter((point) => point.front).sort((a, b) => a.narrow.value - b.narrow.value);
  if (front.length < 2) return null;
  const [first, ...rest] = front;
  const steps = rest.map(({ narrow, alignment }) => `V${y(alignment.value)}H${x(narrow.value)}`);
  return html`<path class="frontier" d="M${x(first.narrow.value)} ${y(first.alignment.value)}${steps.join('')}"/>`;
}

function cross({ narrow, alignment }: Place, x: Scale, y: Scale): Html {
  return html`<path class="cross" d="M${x(narrow.low)} ${y(alignment.value)}H${x(narrow.high)}M${x(narrow.value)} ${y(alignment.low)}V${y(alignment.high)}"/>
`;
}

function dot({ coherence, front }: ParetoPoint, x: number, y: number): Html {
  const shade = shades.findIndex((least) => (coherence?.value ?? 0) >= least);
  return html`<circle class="c${shade}" cx="${x}" cy="${y}" r="5"/>${front && html`<circle class="ring" cx="${x}" cy="${y}" r="8"/>`}
`;
}

function labels(points: readonly (ParetoPoint & Place)[], x: Scale, y: Scale): Html[] {
  // what the study is about is read first, and has the best place
  const first = [...points].sort(
    (a, b) => Number(b.about) - Number(a.about) || Number(b.front) - Number(a.front),
  );
  const texts = first.map(({ method, narrow, alignment, better }) => ({
    ...{ x: x(narrow.value), y: y(alignment.value), text: `${better ? '★ ' : ''}${method}` },
  }));
  return placeLabels(texts, { left: 4, right: width - 4, top: frame.top - 4, bottom: frame.bottom }).map(
    ({ text, left, baseline, leader }, i) =>
      html`${leader && html`<path class="leader" d="${leader}"/>`}<text class="label${first[i].about ? ' about' : ''}" x="${left}" y="${baseline}">${text}</text>
`,
  );
}

/** @param about whether there is a method that the study is about */
function legend(about: boolean): Html {
  const y = frame.bottom + 64;
  return html`<text class="soft" x="8" y="${y}">coherence</text>${shades.map((least, i) => {
    const at = 86 + 104 * i;
    const upTo = i === 0 ? `${100 * least} % and more` : `${100 * least} to ${100 * shades[i - 1]} %`;
    return html`<circle class="c${i}" cx="${at + (i > 0 ? 16 : 0)}" cy="${y - 4}" r="5"/><text class="soft" x="${at + 10 + (i > 0 ? 16 : 0)}" y="${y}">${upTo}</text>`;
  })}
<circle class="ring" cx="16" cy="${y + 20}" r="8"/><text class="soft" x="30" y="${y + 24}">no other method is as good in both and better in one</text>${about && html`<text class="soft" x="9" y="${y + 46}">★<tspan x="30">better in both than the <tspan font-weight="700">method of the study</tspan>, beyond the intervals</tspan></text>`}`;
}

const round = (value: number) => Math.round(10 * value) / 10;

/** A plot of lines over steps, by uPlot, in the page's colours. */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type UPlot from 'uplot';
import { number } from './format.js';

/** Names of the page's colours for lines. */
export const LINE_COLORS = ['blue', 'red', 'green', 'orange', 'purple', 'teal', 'pink', 'brown'] as const;

/** How a line is drawn, and the edges of the band around it. */
export interface PlotLine {
  readonly color: string;
  readonly dashed?: boolean;
  /** Whether two further lists of values, its lowest and highest, follow its own. */
  readonly band?: boolean;
}

export interface PlotOptions {
  /** Label of the vertical axis. */
  readonly axis: string;
  /** Whether the axis spans 0 to 1, in percent. */
  readonly share: boolean;
  readonly lines: readonly PlotLine[];
  /** Told of the index of the step under the cursor; null where there is none. */
  readonly onCursor: (index: number | null) => void;
  /** Plots of one name move their cursors together. */
  readonly together?: string;
}

const HEIGHT = 230;

/**
 * Draws into a place, and again when its width changes.
 *
 * @param library uPlot, wherever it came from
 * @param data    steps, then a list a line (three where it has a band), null where nothing is known
 */
export function drawPlot(
  library: typeof UPlot,
  place: HTMLElement,
  { axis, share, lines, onCursor, together }: PlotOptions,
  data: UPlot.AlignedData,
): { plot: UPlot; end(): void } {
  const css = getComputedStyle(place);
  const color = (name: string) => css.getPropertyValue(`--${name}`).trim();
  const font = `12px ${css.fontFamily}`;
  const common = {
    ...{ stroke: color('soft'), font, labelFont: font, labelSize: 18, labelGap: 2 },
    ...{ grid: { stroke: color('grid'), width: 1 }, ticks: { stroke: color('grid'), width: 1 } },
  };
  const edge = { stroke: 'transparent', spanGaps: true, points: { show: false } };
  const sparse = data[0].length < 3;
  const series = lines.flatMap((line) => [
    {
      ...{ stroke: color(line.color), width: 1.75, spanGaps: true, points: { show: sparse } },
      ...(line.dashed ? { dash: [6, 4] } : {}),
    },
    ...(line.band ? [edge, edge] : []),
  ]);
  const plot = new library(
    {
      ...{ width: Math.max(1, place.clientWidth), height: HEIGHT, legend: { show: false } },
      scales: { x: { time: false }, y: share ? { range: [0, 1] } : {} },
      axes: [
        { ...common, label: 'step', size: 34 },
        {
          ...common,
          ...{ label: axis, size: 52 },
          values: (_, ticks) => ticks.map((tick) => (share ? `${Math.round(100 * tick)} %` : number(tick))),
        },
      ],
      series: [{}, ...series],
      bands: bandsOf(lines, color),
      cursor: {
        ...{ drag: { x: false, y: false }, points: { show: false } },
        ...(together ? { sync: { key: together, scales: ['x', null] as [string, null] } } : {}),
      },
      hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)] },
    },
    data,
    place,
  );
  const observer = new ResizeObserver(() => {
    if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  });
  observer.observe(place);
  return {
    plot,
    end() {
      observer.disconnect();
      plot.destroy();
    },
  };
}

function bandsOf(lines: readonly PlotLine[], color: (name: string) => string): UPlot.Band[] {
  let place = 1;
  return lines.flatMap((line) => {
    const own = place;
    place += line.band ? 3 : 1;
    const fill = `color-mix(in srgb, ${color(line.color)} 18%, transparent)`;
    return line.band ? [{ series: [own + 2, own + 1] as [number, number], fill }] : [];
  });
}

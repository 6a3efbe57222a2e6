/** One plot with its title, legend and summary: metrics by dash, runs by colour. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { number, percent } from './format.js';
import { drawPlot, LINE_COLORS } from './plot.js';
import { type Series, smoothed } from './series.js';
import type { ChartSpec } from './wire.js';

/** A run to draw. */
export interface DrawnRun {
  readonly id: string;
  readonly name: string;
  readonly series: Series;
}

interface Line {
  readonly key: string;
  readonly label: string;
  readonly color: string;
  readonly dashed: boolean;
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
  readonly about: string;
}

/** Whether any of the runs has a value for the chart. */
export function hasValues(spec: ChartSpec, runs: readonly DrawnRun[]): boolean {
  return linesOf(spec, runs).length > 0;
}

function linesOf({ metrics }: ChartSpec, runs: readonly DrawnRun[]): Line[] {
  return runs.flatMap(({ id, name, series }, r) =>
    metrics.flatMap(({ name: metric, short, about }, m) => {
      const values = series.columns.get(metric);
      if (!values?.some((value) => value !== null)) return [];
      const label = runs.length === 1 ? short : metrics.length === 1 ? name : `${name}, ${short}`;
      const color = LINE_COLORS[r % LINE_COLORS.length];
      return [
        { key: `${id} ${metric}`, ...{ label, color, dashed: m > 0, steps: series.steps, values, about } },
      ];
    }),
  );
}

/** The plot; it is drawn once it comes near the screen, and kept up to date while it is there. */
export function Chart({
  spec,
  runs,
  smoothing,
  theme,
}: {
  spec: ChartSpec;
  runs: readonly DrawnRun[];
  smoothing: number;
  /** Drawn anew when it changes. */
  theme: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [near, setNear] = useState(false);
  const [seen, setSeen] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const lines = useMemo(() => linesOf(spec, runs), [spec, runs]);
  const shown = useRef(EMPTY);
  const data = useMemo(
    () => (near ? (shown.current = aligned(lines, smoothing)) : shown.current),
    [near, lines, smoothing],
  );
  const shape = `${theme} ${lines.map(({ key, color, label }) => `${key} ${color} ${label}`).join()}`;

  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setNear(entry.isIntersecting), {
      rootMargin: '300px',
    });
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (near) setSeen(true);
  }, [near]);
  useEffect(() => {
    if (!seen) return;
    const { axis, share } = spec;
    const options = { axis, share, lines: lines.toReversed(), onCursor: setAt, together: 'steps' };
    const drawn = drawPlot(uPlot, place.current!, options, data);
    plot.current = drawn.plot;
    return () => {
      plot.current = null;
      drawn.end();
    };
  }, [seen, shape, data[0].length < 3]);
  useEffect(() => {
    if (plot.current && plot.current.data !== data) plot.current.setData(data);
  }, [data]);

  const say = spec.share ? percent : number;
  const step = at === null ? null : data[0][at];
  return (
    <figure class="chart">
      <figcaption>
        <b>{spec.title}</b>
        {step !== null && step !== undefined && <span class="soft"> at step {step}</span>}
      </figcaption>
      <ul class="legend">
        {lines.map((line, i) => (
          <li key={line.key} title={line.about}>
            <i class={`swatch ${line.color}${line.dashed ? ' dashed' : ''}`} />
            {line.label} <b>{say(at === null ? last(line.values) : data[lines.length - i]?.[at])}</b>
          </li>
        ))}
      </ul>
      <div ref={place} class="plot" role="img" aria-label={spoken(spec, lines)} />
    </figure>
  );
}

const EMPTY: uPlot.AlignedData = [[]];

/** The last line first: what is drawn later lies above, and the first line is the foreground's. */
function aligned(lines: readonly Line[], smoothing: number): uPlot.AlignedData {
  if (lines.length === 0) return EMPTY;
  const tables = lines
    .map(({ steps, values }) => [steps, smoothed(values, smoothing)] as unknown as uPlot.AlignedData)
    .reverse();
  const same = lines.every(({ steps }) => steps === lines[0].steps);
  if (same) return [tables[0][0], ...tables.map(([, values]) => values)] as uPlot.AlignedData;
  return uPlot.join(tables);
}

const last = (values: readonly (number | null)[]) => values.findLast((value) => value !== null);

/** The plot in a sentence, for who does not see it. */
function spoken({ title, share }: ChartSpec, lines: readonly Line[]): string {
  const say = share ? percent : number;
  const parts = lines.map(({ label, values, steps }) => {
    const known = values.flatMap((value, i) => (value === null ? [] : [[steps[i], value] as const]));
    const [least, most] = [known, known].map((all, which) =>
      all.reduce((best, one) => ((which === 0 ? one[1] < best[1] : one[1] > best[1]) ? one : best)),
    );
    const [[firstStep, first], [lastStep, end]] = [known[0], known[known.length - 1]];
    return `${label} from ${say(first)} at step ${firstStep} to ${say(end)} at step ${lastStep}, lowest ${say(least[1])} at step ${least[0]}, highest ${say(most[1])} at step ${most[0]}`;
  });
  return `${title}: ${parts.join('; ')}.`;
}

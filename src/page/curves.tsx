/** All plots by group, and the values of all metrics at a step as a table. */
import { useMemo, useState } from 'preact/hooks';
import { Chart, type DrawnRun, hasValues } from './chart.js';
import { number, percent } from './format.js';
import { Scroll } from './scroll.js';
import type { Store } from './store.js';
import type { ChartGroup, ChartSpec } from './wire.js';

export function Curves({
  store,
  groups,
  runs,
  smoothing,
  theme,
}: {
  store: Store;
  groups: readonly ChartGroup[];
  runs: readonly DrawnRun[];
  smoothing: number;
  theme: string;
}) {
  const shown = groups
    .map(({ title, charts }) => ({ title, charts: charts.filter((chart) => hasValues(chart, runs)) }))
    .filter(({ charts }) => charts.length > 0);
  return (
    <section id="curves" aria-labelledby="curves-title">
      <div class="bar">
        <h2 id="curves-title">Curves</h2>
        <label>
          Smoothing{' '}
          <input
            type="range"
            min="0"
            max="0.99"
            step="0.01"
            value={smoothing}
            onInput={(event) => store.set({ smoothing: Number(event.currentTarget.value) })}
          />
        </label>
      </div>
      {shown.length === 0 && <p class="soft">No record of metrics yet.</p>}
      {shown.map(({ title, charts }) => (
        <div key={title}>
          <h3>{title}</h3>
          <div class="charts">
            {charts.map((spec) => (
              <Chart key={spec.title} spec={spec} runs={runs} smoothing={smoothing} theme={theme} />
            ))}
          </div>
        </div>
      ))}
      {shown.length > 0 && <ValuesAtStep charts={shown.flatMap(({ charts }) => charts)} runs={runs} />}
    </section>
  );
}

/** The same as numbers: by keyboard, by ear, or to be copied. */
function ValuesAtStep({ charts, runs }: { charts: readonly ChartSpec[]; runs: readonly DrawnRun[] }) {
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState<number | null>(null);
  const steps = useMemo(
    () => [...new Set(runs.flatMap(({ series }) => [...series.steps]))].sort((a, b) => a - b),
    [runs],
  );
  const at = chosen === null ? steps.length - 1 : Math.min(chosen, steps.length - 1);
  const step = steps[at];
  return (
    <details class="values" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Values at a step, as a table</summary>
      {open && (
        <>
          <label class="wide">
            Step {step}
            <input
              type="range"
              min="0"
              max={steps.length - 1}
              value={at}
              aria-valuetext={`step ${step}`}
              onInput={(event) => setChosen(Number(event.currentTarget.value))}
            />
          </label>
          <Scroll label="Values at a step">
            <table>
              <thead>
                <tr>
                  <th scope="col">metric</th>
                  {runs.map(({ id, name }) => (
                    <th key={id} scope="col">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {charts.flatMap(({ metrics, share }) =>
                  metrics.map(({ name, about }) => (
                    <tr key={name}>
                      <th scope="row" title={about}>
                        {name}
                      </th>
                      {runs.map(({ id, series }) => (
                        <td key={id}>
                          {(share ? percent : number)(series.columns.get(name)?.[series.steps.indexOf(step)])}
                        </td>
                      ))}
                    </tr>
                  )),
                )}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </details>
  );
}

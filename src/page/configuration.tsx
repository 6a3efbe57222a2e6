/** What the runs were told: where those that are drawn differ, and the whole file of the one in the foreground. */

import { Scroll } from './scroll.js';
import type { RunDetail } from './wire.js';

/** A run's name and what was fetched of it. */
export interface Configured {
  readonly id: string;
  readonly name: string;
  readonly detail: RunDetail;
}

/** Keys whose values are not the same in all; where a run lies is no difference. */
export function differingKeys(runs: readonly Configured[]): string[] {
  const keys = new Set(runs.flatMap(({ detail }) => Object.keys(detail.keys)));
  return [...keys].filter(
    (key) => key !== 'output' && new Set(runs.map(({ detail }) => detail.keys[key])).size > 1,
  );
}

export function Configuration({ runs }: { runs: readonly Configured[] }) {
  if (runs.length === 0) return null;
  const keys = differingKeys(runs);
  const [{ name, detail }] = runs;
  return (
    <section id="configuration" aria-labelledby="configuration-title">
      <h2 id="configuration-title">Configuration</h2>
      {runs.length > 1 && keys.length === 0 && <p>The runs that are drawn have the same configuration.</p>}
      {runs.length > 1 && keys.length > 0 && (
        <Scroll label="Where the runs differ">
          <table class="texts">
            <caption>Where the runs that are drawn differ</caption>
            <thead>
              <tr>
                <th scope="col">key</th>
                {runs.map((run) => (
                  <th key={run.id} scope="col">
                    {run.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {keys.map((key) => (
                <tr key={key}>
                  <th scope="row">{key}</th>
                  {runs.map((run) => (
                    <td key={run.id}>{run.detail.keys[key] ?? '–'}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <details>
        <summary>config.yaml of {name}</summary>
        <pre>{detail.config ?? 'The folder has none.'}</pre>
      </details>
    </section>
  );
}

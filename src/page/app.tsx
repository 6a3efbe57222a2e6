/** The dashboard's page: the run in the foreground first, then all runs, curves, conscience, reviews, configuration. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Configuration, type Configured } from './configuration.js';
import { Conscience } from './conscience.js';
import { Curves } from './curves.js';
import { Headline } from './headline.js';
import { ask } from './live.js';
import { Reviews } from './reviews.js';
import { RunTable } from './run-table.js';
import { NO_SERIES } from './series.js';
import { type Connection, type Store, selectedRuns, useStore } from './store.js';
import { useTheme } from './theme.js';
import type { ReviewCounts, RunDetail, RunSummary } from './wire.js';

const CONNECTION: Record<Connection, string> = {
  connecting: 'connecting',
  live: 'live',
  paused: 'paused',
  lost: 'The server does not answer. It ends with its run; ealign dashboard shows the run again.',
};

export function App({ store }: { store: Store }) {
  const state = useStore(store);
  const { list, connection, smoothing, series, selected } = state;
  const theme = useTheme();
  const [counts, setCounts] = useState<ReviewCounts | null>(null);
  const runs = selectedRuns(state);
  const drawn = useMemo(
    () => runs.map(({ id, name }) => ({ id, name, series: series.get(id) ?? NO_SERIES })),
    [series, runs.map(({ id, name }) => `${id} ${name}`).join()],
  );
  const configured = useDetails(runs);
  const [first] = runs;
  useEffect(() => {
    document.title = first ? `${first.step} · ${first.name}` : 'Runs';
  }, [first?.step, first?.name]);
  if (list === null) {
    return <main>{connection === 'lost' ? <Lost /> : <p class="waiting">Reading the runs …</p>}</main>;
  }
  const parts = ['curves', 'conscience', 'reviews', 'configuration'];
  return (
    <>
      <header>
        <h1>{list.places.join(', ')}</h1>
        <nav aria-label="Parts of the page">
          {[...(list.runs.length > 1 ? ['runs'] : []), ...(first ? parts : [])].map((part) => (
            <a key={part} href={`#${part}`}>
              {part}
            </a>
          ))}
        </nav>
        <p class={`connection ${connection}`}>
          {connection === 'lost' ? 'not connected' : CONNECTION[connection]}
        </p>
        <label>
          Theme{' '}
          <select value={theme.choice} onChange={(event) => theme.choose(event.currentTarget.value)}>
            <option value="auto">as the system</option>
            <option value="light">light</option>
            <option value="dark">dark</option>
          </select>
        </label>
      </header>
      <main>
        {connection === 'lost' && <Lost />}
        {list.runs.length === 0 && (
          <p class="result">There is no run here yet. One shows up as soon as it begins.</p>
        )}
        {list.runs.length > 0 && !first && <p class="result">No run is drawn. Tick one.</p>}
        {first && <Headline run={first} />}
        {list.runs.length > 1 && (
          <RunTable {...{ store, selected, runs: list.runs, omitted: list.omitted }} />
        )}
        {first && (
          <>
            <Curves {...{ store, smoothing, groups: list.groups, runs: drawn, theme: theme.shown }} />
            <Conscience calibration={configured[0]?.detail.calibration ?? null} counts={counts} />
            <Reviews key={first.id} {...{ run: first, connection, onCounts: setCounts }} />
            <Configuration runs={configured} />
          </>
        )}
      </main>
    </>
  );
}

function Lost() {
  return (
    <p class="warning" role="alert">
      {CONNECTION.lost}
    </p>
  );
}

/** What the runs that are drawn were told, once it is fetched. */
function useDetails(runs: readonly RunSummary[]): Configured[] {
  const [details, setDetails] = useState<ReadonlyMap<string, RunDetail>>(new Map());
  const wanted = runs.map(({ id, generation }) => `${id} ${generation}`).join();
  useEffect(() => {
    for (const { id } of runs) {
      ask<RunDetail>(`/api/runs/${id}`)
        .then((detail) => setDetails((before) => new Map(before).set(id, detail)))
        // the connection tells it
        .catch(() => {});
    }
  }, [wanted]);
  return runs.flatMap(({ id, name }) => {
    const detail = details.get(id);
    return detail ? [{ id, name, detail }] : [];
  });
}

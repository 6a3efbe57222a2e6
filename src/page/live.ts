/** Keeps the store up to date: asks for the runs, listens for changes, and fetches what was added. */
import { extended, NO_SERIES } from './series.js';
import type { Store } from './store.js';
import type { MetricColumns, RunList, RunSummary } from './wire.js';

/** Runs that are drawn at first, when several are under way. */
const FIRST = 6;

/** An answer of the server. @throws Error with its words where it refuses */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(path, { signal });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as T;
}

/** Fetches the runs and follows them for as long as the page is seen. */
export function follow(store: Store): void {
  const fetching = new Set<string>();
  let events: EventSource | undefined;

  const show = (runs: readonly RunSummary[]) => {
    for (const run of runs) if (store.state.selected.includes(run.id)) void fetchSeries(run.id);
  };

  async function fetchList(): Promise<void> {
    const list = await ask<RunList>('/api/runs');
    const known = new Set(list.runs.map(({ id }) => id));
    const selected = store.state.selected.filter((id) => known.has(id));
    store.set({ list, selected: selected.length > 0 ? selected : firstSelected(list.runs) });
    show(list.runs);
  }

  async function fetchSeries(id: string): Promise<void> {
    if (fetching.has(id)) return;
    fetching.add(id);
    try {
      for (;;) {
        const run = store.state.list?.runs.find((one) => one.id === id);
        const known = store.state.series.get(id) ?? NO_SERIES;
        if (!run || (known.generation === run.generation && known.records >= run.records)) return;
        const from = known.generation === run.generation ? known.records : 0;
        const added = await ask<MetricColumns>(`/api/runs/${id}/metrics?from=${from}`);
        const series = extended(known, added);
        store.set({ series: new Map(store.state.series).set(id, series) });
        // what came since is in a summary that is still to come
        if (added.generation !== run.generation || series.records < run.records) return;
      }
    } catch {
      // told by the events' end
    } finally {
      fetching.delete(id);
    }
  }

  function listen(): void {
    events = new EventSource('/api/events');
    events.addEventListener('open', () => {
      store.set({ connection: 'live' });
      fetchList().catch(() => store.set({ connection: 'lost' }));
    });
    events.addEventListener('error', () => store.set({ connection: 'lost' }));
    events.addEventListener('all', () => void fetchList().catch(() => {}));
    events.addEventListener('runs', ({ data }) => {
      const changed = new Map((JSON.parse(data) as RunSummary[]).map((run) => [run.id, run]));
      const { list } = store.state;
      if (!list) return;
      store.set({ list: { ...list, runs: list.runs.map((run) => changed.get(run.id) ?? run) } });
      show([...changed.values()]);
    });
  }

  // a browser has six connections to a server: pages in the background keep none
  document.addEventListener('visibilitychange', () => {
    events?.close();
    if (document.hidden) store.set({ connection: 'paused' });
    else listen();
  });
  let before = store.state.selected;
  store.subscribe(() => {
    const { selected, list } = store.state;
    if (selected === before) return;
    before = selected;
    show(list?.runs ?? []);
  });
  if (document.hidden) void fetchList().catch(() => store.set({ connection: 'lost' }));
  else listen();
}

/** Those that run, else the one that changed last. */
function firstSelected(runs: readonly RunSummary[]): string[] {
  const byChange = [...runs].sort((a, b) => b.changed - a.changed);
  const running = byChange.filter(({ state }) => state === 'running').slice(0, FIRST);
  return (running.length > 0 ? running : byChange.slice(0, 1)).map(({ id }) => id);
}

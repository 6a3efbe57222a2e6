/** What the page knows, in one place; parts of it redraw when it changes. */
import { useEffect, useState } from 'preact/hooks';
import type { Series } from './series.js';
import type { RunList, RunSummary } from './wire.js';

/** `paused` while nobody sees the page. */
export type Connection = 'connecting' | 'live' | 'paused' | 'lost';

export interface State {
  readonly list: RunList | null;
  /** Ids of the runs that are drawn, in the order of their colours; the first is the one in the foreground. */
  readonly selected: readonly string[];
  readonly series: ReadonlyMap<string, Series>;
  readonly connection: Connection;
  /** Weight of what came before, in [0, 1). */
  readonly smoothing: number;
}

export class Store {
  private readonly listeners = new Set<() => void>();
  state: State = { list: null, selected: [], series: new Map(), connection: 'connecting', smoothing: 0 };

  set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  /** @returns ends it */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** The state, now and whenever it changes: at most once a frame. */
export function useStore(store: Store): State {
  const [state, setState] = useState(store.state);
  useEffect(() => {
    let frame = 0;
    const end = store.subscribe(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => setState(store.state));
    });
    setState(store.state);
    return () => {
      cancelAnimationFrame(frame);
      end();
    };
  }, [store]);
  return state;
}

/** The runs that are drawn, in the order of their colours. */
export function selectedRuns({ list, selected }: State): RunSummary[] {
  return selected.flatMap((id) => list?.runs.find((run) => run.id === id) ?? []);
}

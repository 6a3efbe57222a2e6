/**
 * All runs that are served, kept up to date while somebody looks.
 *
 * Files are looked at twice a second, which works on every file system, network ones included. While nobody
 * looks nothing is read.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { RunSummary } from '../page/wire.js';
import { findRuns } from './find-runs.js';
import { RunFolder } from './run-folder.js';

/** Milliseconds between two looks, and looks between two searches for new runs. */
const LOOK_EVERY = 500;
const SEARCH_EVERY = 8;

/** Told of the runs that have changed, or of all where some have come or gone. */
export type Watcher = (change: { readonly runs: readonly RunSummary[]; readonly all: boolean }) => void;

export class WatchedRuns {
  omitted = 0;
  private readonly runs = new Map<string, RunFolder>();
  private readonly told = new Map<string, string>();
  private readonly watchers = new Set<Watcher>();
  private timer?: NodeJS.Timeout;
  private looks = 0;

  /** @param places folders that hold runs, or are runs */
  constructor(readonly places: readonly string[]) {}

  /** Reads all metrics to their end, and answers other questions meanwhile. @returns all runs, by name */
  async list(): Promise<RunSummary[]> {
    this.search();
    for (const run of [...this.runs.values()]) while (run.update()) await setImmediate();
    return [...this.runs.values()].map((run) => run.summary());
  }

  /** The run of an id; undefined where there is none. */
  get(id: string): RunFolder | undefined {
    if (this.runs.size === 0) this.search();
    return this.runs.get(id);
  }

  /** @returns ends it */
  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher);
    this.timer ??= setInterval(() => this.look(), LOOK_EVERY);
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size === 0) this.close();
    };
  }

  /** Stops looking. */
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private look(): void {
    this.looks += 1;
    const all = this.looks % SEARCH_EVERY === 0 && this.search();
    const changed: RunSummary[] = [];
    for (const run of this.runs.values()) {
      run.update();
      const { summary, isNew } = this.tell(run);
      if (isNew || all) changed.push(summary);
    }
    if (changed.length === 0 && !all) return;
    for (const watcher of this.watchers) watcher({ runs: changed, all });
  }

  /** A run's summary, and whether it is another one than was told last. */
  private tell(run: RunFolder): { summary: RunSummary; isNew: boolean } {
    const summary = run.summary();
    const text = JSON.stringify(summary);
    const isNew = this.told.get(run.id) !== text;
    this.told.set(run.id, text);
    return { summary, isNew };
  }

  /** @returns whether runs have come or gone */
  private search(): boolean {
    const { runs, omitted } = findRuns(this.places);
    this.omitted = omitted;
    const ids = new Set<string>();
    let changed = false;
    for (const { name, folder } of runs) {
      const id = createHash('sha256').update(folder).digest('hex').slice(0, 12);
      ids.add(id);
      if (this.runs.has(id)) continue;
      this.runs.set(id, new RunFolder(id, name, folder));
      changed = true;
    }
    for (const id of [...this.runs.keys()]) {
      if (ids.has(id)) continue;
      this.runs.delete(id);
      this.told.delete(id);
      changed = true;
    }
    return changed;
  }
}

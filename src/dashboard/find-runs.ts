/** Finds the runs in folders: whatever holds metrics, or a configuration and a claim, down to a depth. */
import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { METRICS_FILE } from '../metrics/writer.js';
import { CONFIG_FILE } from '../train/config/render.js';

/** Folders below the one that is given: a study has methods, and seeds below them. */
const DEPTH = 4;
/** Runs that are listed. */
const MOST = 500;

export interface FoundRun {
  /** As the page shows it: its folder, from the given one. */
  readonly name: string;
  readonly folder: string;
}

/**
 * The runs at and below some folders, by name.
 *
 * @returns at most 500; how many more there are
 */
export function findRuns(places: readonly string[]): { runs: FoundRun[]; omitted: number } {
  const found = new Map<string, FoundRun>();
  for (const place of places) {
    for (const folder of runsBelow(resolve(place), DEPTH)) {
      const inside = relative(place, folder);
      const name = places.length === 1 && inside !== '' ? inside : join(basename(resolve(place)), inside);
      found.set(folder, { name, folder });
    }
  }
  const runs = [...found.values()].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return { runs: runs.slice(0, MOST), omitted: Math.max(0, runs.length - MOST) };
}

function* runsBelow(folder: string, depth: number): Generator<string> {
  if ([METRICS_FILE, CONFIG_FILE].some((file) => existsSync(join(folder, file)))) {
    yield folder;
    return;
  }
  if (depth === 0) return;
  for (const entry of entriesOf(folder)) {
    // no links: they could lead in a circle
    if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') {
      yield* runsBelow(join(folder, entry.name), depth - 1);
    }
  }
}

/** What is in a folder; nothing where it may not be read. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

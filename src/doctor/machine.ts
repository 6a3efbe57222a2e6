/** This machine: cores, memory, and the caches with what is free on their disks. */
import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { HubSettings } from '../hub/settings.js';

export interface Machine {
  /** Of the operating system and processor. */
  readonly system: string;
  readonly node: string;
  readonly cores: number;
  readonly processor: string;
  /** Bytes that this process may have, and of these what is free. */
  readonly memory: number;
  readonly freeMemory: number;
}

export interface CacheFinding {
  readonly what: string;
  readonly folder: string;
  readonly exists: boolean;
  /** Models or other entries in it. */
  readonly entries: number;
  /** Free on its disk, bytes; null where the system does not say. */
  readonly free: number | null;
  /** The variable that moves it. */
  readonly variable: string;
}

export function machine(): Machine {
  const limit = process.constrainedMemory();
  const limited = limit > 0 && limit < totalmem();
  const memory = limited ? limit : totalmem();
  return {
    system: `${process.platform} ${arch()}`,
    node: process.versions.node,
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memory,
    freeMemory: Math.min(memory, limited ? (process.availableMemory?.() ?? freemem()) : freemem()),
  };
}

export function caches({ cache, ownCache }: HubSettings): CacheFinding[] {
  const models = (name: string) => /^(models|datasets)--/.test(name);
  return [
    cacheAt('models and data sets of the hub', cache, 'HF_HUB_CACHE', models),
    cacheAt(
      'quantised copies',
      join(ownCache, 'quantised'),
      'XDG_CACHE_HOME',
      (name) => !name.startsWith('.'),
    ),
  ];
}

function cacheAt(
  what: string,
  folder: string,
  variable: string,
  counts: (name: string) => boolean,
): CacheFinding {
  const exists = existsSync(folder);
  const entries = exists ? readdirSync(folder).filter(counts).length : 0;
  return { what, folder, exists, entries, free: freeAt(folder), variable };
}

function freeAt(folder: string): number | null {
  let there = folder;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  try {
    const { bavail, bsize } = statfsSync(there);
    return bavail * bsize;
  } catch {
    return null;
  }
}

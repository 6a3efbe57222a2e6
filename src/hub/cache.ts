/**
 * The hub's cache on disk, in the layout of Hugging Face's own tools:
 * `models--owner--name/{blobs/<etag>, refs/main, snapshots/<commit>/<file>}`, and `datasets--owner--name`.
 *
 * Blobs are whole by construction (see download.ts), so a snapshot is complete when every
 * file that a model needs is linked in it.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomic } from '../files/files.js';
import type { HubName } from './names.js';

/** What a repository holds. */
export type RepoKind = 'models' | 'datasets';

/** A repository's folder in the cache. */
export class RepoCache {
  private readonly folder: string;

  constructor(cache: string, repo: string, kind: RepoKind = 'models') {
    this.folder = join(cache, `${kind}--${repo.replaceAll('/', '--')}`);
  }

  /** Path of a blob, its folder made. */
  blob(etag: string): string {
    const folder = join(this.folder, 'blobs');
    mkdirSync(folder, { recursive: true });
    return join(folder, etag);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** Shows blobs as the files of a commit, and makes that commit the current one. */
  link(commit: string, files: readonly { readonly path: string; readonly etag: string }[]): void {
    for (const { path, etag } of files) place(this.blob(etag), join(this.snapshot(commit), path));
    mkdirSync(join(this.folder, 'refs'), { recursive: true });
    writeFileAtomic(join(this.folder, 'refs', 'main'), commit);
  }

  /** The model as last fetched: its folder, or the path of one file; undefined unless whole. */
  current(file?: string): string | undefined {
    const commit = this.commit();
    return commit === undefined ? undefined : this.at(commit, file);
  }

  /** The folder as last fetched, whatever is in it. */
  currentFolder(): string | undefined {
    const commit = this.commit();
    const folder = commit === undefined ? undefined : this.snapshot(commit);
    return folder !== undefined && existsSync(folder) ? folder : undefined;
  }

  private commit(): string | undefined {
    try {
      return readFileSync(join(this.folder, 'refs', 'main'), 'utf8').trim();
    } catch {
      return undefined;
    }
  }

  /** The same at a given commit. */
  at(commit: string, file?: string): string | undefined {
    const folder = this.snapshot(commit);
    if (file !== undefined) return existsSync(join(folder, file)) ? join(folder, file) : undefined;
    return isWholeModel(folder) ? folder : undefined;
  }
}

/** The cached model of that name, with weights or without, or undefined. */
export function cachedHead(cache: string, { repo }: HubName): string | undefined {
  const folder = new RepoCache(cache, repo).currentFolder();
  return folder !== undefined && hasHead(folder) ? folder : undefined;
}

/** The cached model of that name, or undefined. */
export function cachedModel(cache: string, { repo, file }: HubName): string | undefined {
  return new RepoCache(cache, repo).current(file);
}

/** Files of the weights that an index names. */
export function shardsOf(index: string): string[] {
  const { weight_map: map } = JSON.parse(index) as { weight_map?: Record<string, string> };
  return [...new Set(Object.values(map ?? {}))];
}

const hasHead = (folder: string): boolean =>
  ['config.json', 'tokenizer.json'].every((name) => existsSync(join(folder, name)));

function isWholeModel(folder: string): boolean {
  const has = (name: string) => existsSync(join(folder, name));
  if (!hasHead(folder)) return false;
  if (has('model.safetensors')) return true;
  try {
    const shards = shardsOf(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8'));
    return shards.length > 0 && shards.every(has);
  } catch {
    return false;
  }
}

/** A relative link, or a copy where the system refuses links. */
function place(blob: string, path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  if (existsSync(path)) return;
  rmSync(path, { force: true });
  try {
    symlinkSync(relative(folder, blob), path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'EPERM' && code !== 'ENOSYS' && code !== 'ENOTSUP') throw error;
    copyFileSync(blob, `${path}.incomplete`);
    renameSync(`${path}.incomplete`, path);
  }
}

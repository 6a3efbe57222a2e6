/**
 * Writing files so that a reader finds the old content or the new, never half of either.
 *
 * The content goes to a temporary file in the same folder, is forced to disk, and takes
 * the name in one rename. Whatever the operating system refuses becomes one clear line.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SaveError } from '../errors.js';
import { removeLeftovers, temporaryName } from './leftovers.js';

/** Content of a file: text (UTF-8), bytes, or bytes in pieces. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Replaces the file at `path` in one step. The folder must exist.
 *
 * @param data pieces are written in order as they are produced, so that a large file need not be in
 *   memory whole; what an iterable throws passes through, and leaves no file
 * @throws SaveError full disk, no permission, missing folder: the file that was there stays as it was
 */
export function writeFileAtomic(path: string, data: FileContent): void {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  let fd: number | undefined;
  try {
    fd = openSync(temporary, 'wx', 0o666);
    for (const piece of pieces(data)) writeFully(fd, piece);
    fsyncSync(fd);
    closeSync(fd);
    fd = undefined;
    renameSync(temporary, path);
  } catch (error) {
    attempt(() => fd !== undefined && closeSync(fd));
    attempt(() => rmSync(temporary, { force: true }));
    throw asSaveError(path, error);
  }
  syncFolder(dirname(path));
}

/**
 * Writes a large file that must not be there yet, in pieces that take their time: other work runs between them, so
 * that a signal can stop it. What a killed process left of the same file is deleted.
 *
 * @param onBytes told the number of bytes written since the last call
 * @throws SaveError as `writeFileAtomic`, or when the file exists; the signal's reason; then there is no file
 */
export async function streamFileAtomic(
  path: string,
  data: Iterable<Uint8Array>,
  { signal, onBytes }: { signal?: AbortSignal; onBytes?: (bytes: number) => void } = {},
): Promise<void> {
  const folder = dirname(resolve(path));
  const temporary = join(folder, temporaryName(basename(path)));
  let fd: number | undefined;
  try {
    removeLeftovers(folder, basename(path));
    fd = openSync(temporary, 'wx', 0o666);
    for (const piece of data) {
      writeFully(fd, piece);
      onBytes?.(piece.length);
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    fsyncSync(fd);
    closeSync(fd);
    fd = undefined;
    if (existsSync(path))
      throw new SaveError({ where: path, what: 'exists already', next: 'choose another name' });
    renameSync(temporary, path);
  } catch (error) {
    attempt(() => fd !== undefined && closeSync(fd));
    attempt(() => rmSync(temporary, { force: true }));
    throw asSaveError(path, error);
  }
  syncFolder(folder);
}

/** Deletes a folder that may be there; its name goes first, so that what carries it is whole. @throws SaveError */
export function removeFolder(path: string): void {
  if (!existsSync(path)) return;
  const hidden = join(dirname(path), temporaryName(basename(path)));
  try {
    renameSync(path, hidden);
    rmSync(hidden, { recursive: true, force: true });
  } catch (error) {
    throw asSaveError(path, error);
  }
}

/** Makes a folder and those above it. @throws SaveError when the system refuses */
export function makeFolder(path: string): void {
  try {
    const missing: string[] = [];
    for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
    // one by one: asked for all at once, Node never returns below /proc
    for (const folder of missing) makeUnlessThere(folder);
    if (!statSync(path).isDirectory()) mkdirSync(path);
  } catch (error) {
    throw asSaveError(path, error);
  }
}

/** Another process may make it at the same moment. */
function makeUnlessThere(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The same error, or a SaveError when it came from the operating system. */
export function asSaveError(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code !== 'string' || !(error instanceof Error) || !('syscall' in error)) return error;
  const known = REASONS[code];
  const parts = known ?? { what: `cannot be written (${code}: ${error.message})` };
  return new SaveError({ where: path, ...parts }, { cause: error });
}

const REASONS: Readonly<Record<string, { what: string; next: string }>> = {
  ENOSPC: {
    what: 'cannot be written: the disk is full',
    next: 'free some space, or choose another output folder',
  },
  EDQUOT: {
    what: 'cannot be written: the disk quota is used up',
    next: 'free some space, or choose another output folder',
  },
  EFBIG: {
    what: 'cannot be written: larger than a file may be here',
    next: 'choose an output folder on another disk',
  },
  EACCES: { what: 'cannot be written: no permission', next: 'choose a folder that you may write to' },
  EPERM: { what: 'cannot be written: no permission', next: 'choose a folder that you may write to' },
  EROFS: { what: 'cannot be written: the disk is read-only', next: 'choose a folder that you may write to' },
  ENOENT: { what: 'cannot be written: its folder does not exist', next: 'create the folder first' },
  ENOTDIR: {
    what: 'cannot be written: part of its path is a file, not a folder',
    next: 'choose another path',
  },
  EEXIST: { what: 'cannot be written: a file is where a folder should be', next: 'choose another path' },
  EISDIR: { what: 'cannot be written: a folder has that name', next: 'choose another name' },
};

function* pieces(data: FileContent): Iterable<Uint8Array> {
  if (typeof data === 'string') yield Buffer.from(data, 'utf8');
  else if (data instanceof Uint8Array) yield data;
  else yield* data;
}

function writeFully(fd: number, bytes: Uint8Array): void {
  // One write(2) takes at most 2 GiB; a shorter write is not an error.
  const most = 1 << 30;
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, Math.min(most, bytes.length - at));
}

/** Makes the rename itself survive a power cut, where the system lets a folder be opened. */
function syncFolder(folder: string): void {
  attempt(() => {
    const fd = openSync(folder, 'r');
    attempt(() => fsyncSync(fd));
    closeSync(fd);
  });
}

/** Tidying up: what fails here must not hide the error that led to it, nor undo a save that is done. */
function attempt(tidy: () => unknown): void {
  try {
    tidy();
  } catch {
    // Windows and some network disks refuse to sync a folder; the content is safe either way.
  }
}

/**
 * Writes several files of one folder: all of them are complete on disk before the first one appears.
 *
 * They are made in a hidden folder first. A new folder takes its name in one rename; in a folder that
 * exists, the files are renamed into place one by one, the first one last, so that whoever sees it sees all;
 * others are left alone. What a killed process left of the same folder is deleted.
 *
 * @param files name → content, in the order in which they are written
 * @throws SaveError as `writeFileAtomic`
 */
export function writeFolderAtomic(
  folder: string,
  files: Iterable<readonly [name: string, content: FileContent]>,
): void {
  const target = resolve(folder);
  let staging: string | undefined;
  try {
    const exists = existsSync(target);
    if (!exists) makeFolder(dirname(target));
    const place = exists ? target : dirname(target);
    removeLeftovers(place, basename(target));
    mkdirSync((staging = join(place, temporaryName(basename(target)))));
    const names: string[] = [];
    for (const [name, content] of files) {
      writeFileAtomic(join(staging, name), content);
      names.push(name);
    }
    if (exists) for (const name of names.reverse()) renameSync(join(staging, name), join(target, name));
    else renameSync(staging, target);
  } catch (error) {
    throw error instanceof SaveError
      ? new SaveError({ ...error.parts, where: folder }, { cause: error.cause })
      : asSaveError(folder, error);
  } finally {
    attempt(() => staging !== undefined && rmSync(staging, { recursive: true, force: true }));
  }
  syncFolder(dirname(target));
}

/**
 * Fills a new folder, which takes its name in one rename when all of it is there. What a killed process
 * left of the same folder is deleted.
 *
 * @param folder must not exist
 * @param fill   writes the files into the hidden folder that it is given, each forced to disk
 * @throws SaveError as `writeFileAtomic`; whatever `fill` throws; then there is no folder
 */
export async function fillFolderAtomic(
  folder: string,
  fill: (staging: string) => Promise<void>,
): Promise<void> {
  const target = resolve(folder);
  const staging = join(dirname(target), temporaryName(basename(target)));
  try {
    makeFolder(dirname(target));
    removeLeftovers(dirname(target), basename(target));
    mkdirSync(staging);
    await fill(staging);
    renameSync(staging, target);
  } catch (error) {
    throw error instanceof SaveError
      ? new SaveError({ ...error.parts, where: folder }, { cause: error.cause })
      : asSaveError(folder, error);
  } finally {
    attempt(() => rmSync(staging, { recursive: true, force: true }));
  }
  syncFolder(dirname(target));
}

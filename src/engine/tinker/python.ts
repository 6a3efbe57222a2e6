/**
 * The Python that runs our worker: that which EALIGN_PYTHON names; else that of the environment which
 * `ealign worker install` makes; else the system's, where it has what the worker imports.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Variables, variables } from '../../config/environment.js';
import { ConfigError, ModelError } from '../../errors.js';
import { type Json, readJson } from '../../files/json-file.js';
import { hubSettings } from '../../hub/settings.js';

/** The variable that names the Python to use. */
const PYTHON_VARIABLE = 'EALIGN_PYTHON';
/** The worker's own package, as it comes with this one. */
export const OWN = fileURLToPath(new URL('../../../python/worker', import.meta.url));
/** In an environment's folder: written when it is whole. */
export const MARK = 'ealign-worker.json';
/** In this user's cache: where the environment lies. */
const PLACE = 'worker-environment.json';
/** What the worker imports beside itself, by the names of its packages. */
const PACKAGES = ['torch', 'transformers', 'peft', 'safetensors', 'aiohttp', 'google.protobuf', 'numpy'];
const INSTALL = 'run: ealign worker install';

/** An environment that is whole. */
export interface WorkerEnvironment {
  readonly folder: string;
  readonly python: string;
  /** Versions by package, as they were installed. */
  readonly versions: Readonly<Record<string, string>>;
  /** Whether it was made of the ranges that this version of the worker needs. */
  readonly current: boolean;
}

/** Where an environment is made unless told otherwise, and the file that says where it was. */
export function environmentPlaces(env: Variables = variables): { folder: string; place: string } {
  const { ownCache } = hubSettings(env);
  return { folder: join(ownCache, 'worker'), place: join(ownCache, PLACE) };
}

/** The environment that `ealign worker install` has made; undefined where there is none, or it is not whole. */
export function madeEnvironment(env: Variables = variables): WorkerEnvironment | undefined {
  const { folder } = jsonAt(environmentPlaces(env).place) ?? {};
  return typeof folder === 'string' ? environmentAt(folder) : undefined;
}

/** The environment in a folder; undefined where there is none, or it is not whole. */
export function environmentAt(folder: string): WorkerEnvironment | undefined {
  const mark = jsonAt(join(folder, MARK));
  const python = pythonIn(folder);
  if (mark === undefined || !existsSync(python)) return undefined;
  const versions = Object.entries((mark.versions ?? {}) as Json).map(([name, one]) => [name, String(one)]);
  return { folder, python, versions: Object.fromEntries(versions), current: mark.made_of === madeOf() };
}

/** The interpreter of an environment. */
export const pythonIn = (folder: string): string =>
  process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');

/** The packages that the worker needs, with their ranges, as its pyproject.toml has them. */
export function requirements(): string[] {
  const text = readFileSync(join(OWN, 'pyproject.toml'), 'utf8');
  const [, list = ''] = /^dependencies = \[(.*?)^\]/ms.exec(text) ?? [];
  return [...list.matchAll(/"([^"]+)"/g)].map(([, requirement]) => requirement);
}

/** What tells environments of other ranges apart. */
export const madeOf = (): string =>
  createHash('sha256').update(requirements().join('\n')).digest('hex').slice(0, 16);

/** Which Python runs the worker, and why. */
export interface WorkerPython {
  readonly python: string;
  readonly from: 'variable' | 'environment' | 'system';
}

/** The Python that would be used, not tried. */
export function workerPython(env: Variables = variables): WorkerPython {
  const named = env[PYTHON_VARIABLE];
  if (named) return { python: named, from: 'variable' };
  const made = madeEnvironment(env);
  if (made) return { python: made.python, from: 'environment' };
  return { python: 'python3', from: 'system' };
}

/**
 * Refuses a Python that cannot run the worker, without starting it.
 *
 * @returns the Python
 * @throws ConfigError
 */
export function requireWorker(env: Variables = variables): string {
  const { python, from } = workerPython(env);
  if (from === 'environment' && !madeEnvironment(env)!.current) {
    const what = 'the environment was made for another version of the worker';
    throw new ConfigError({ where: 'engine: torch', what, next: INSTALL });
  }
  const look = `import importlib.util as u, sys
def there(n):
    try: return u.find_spec(n) is not None
    except ImportError: return False
print(sys.version.split()[0], *[n for n in ${JSON.stringify([...PACKAGES, 'ealign_worker'])} if not there(n)])`;
  const { status, stdout } = spawnSync(python, ['-c', look], { encoding: 'utf8', env: environmentOf(env) });
  const [version, ...missing] = status === 0 ? stdout.trim().split(' ') : [];
  if (version !== undefined && missing.length === 0) return python;
  if (from === 'system') {
    const lacks = version === undefined ? 'does not run' : `(${version}) lacks ${missing.join(', ')}`;
    const what = `needs Python with PyTorch: there is no environment of its own, and '${python}' ${lacks}`;
    throw new ConfigError({ where: 'engine: torch', what, next: INSTALL });
  }
  if (version === undefined) {
    throw new ConfigError({
      where: 'engine: torch',
      what: `needs Python, and '${python}' does not run`,
      next: from === 'environment' ? INSTALL : `set ${PYTHON_VARIABLE} to a Python 3 with PyTorch`,
    });
  }
  throw new ConfigError({
    where: 'engine: torch',
    what: `needs Python packages that '${python}' (${version}) does not have: ${missing.join(', ')}`,
    next:
      from === 'environment'
        ? INSTALL
        : `install them there, or unset ${PYTHON_VARIABLE} and run: ealign worker install`,
  });
}

/** Variables for a Python that finds the worker as it comes with this package. */
export function environmentOf(env: Variables): NodeJS.ProcessEnv {
  const paths = [...(existsSync(OWN) ? [OWN] : []), ...(env.PYTHONPATH ? [env.PYTHONPATH] : [])];
  return {
    ...env,
    ...(paths.length > 0 ? { PYTHONPATH: paths.join(delimiter) } : {}),
    PYTHONUNBUFFERED: '1',
    // a module in the folder that we are in must not stand for an installed one of its name
    PYTHONSAFEPATH: '1',
    TOKENIZERS_PARALLELISM: 'false',
  };
}

/** A JSON file; undefined where it is missing or damaged. */
function jsonAt(path: string): Json | undefined {
  try {
    return readJson(path);
  } catch (error) {
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}

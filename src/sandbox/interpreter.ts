/**
 * Finds the Python that programs run with.
 *
 * Asks each candidate itself, as the user that programs run as: version managers put scripts named
 * python3 on PATH, and a python3 in root's home folder is of no use to anybody else.
 */
import { spawnSync } from 'node:child_process';
import { ConfigError } from '../errors.js';
import { located, onPath } from './on-path.js';

/** A Python that runs. */
export interface Interpreter {
  readonly executable: string;
  /** E.g. `3.11.7`. */
  readonly version: string;
  /** Folders that hold its files. */
  readonly prefixes: readonly string[];
}

/** A user and group id; absent: those of this process. */
export interface Identity {
  readonly uid?: number;
  readonly gid?: number;
}

/** Programs never run as root: `nobody` takes their place. */
export function programIdentity(): Identity {
  return process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
}

const ASK = `
import json, os, resource, sys
real = os.path.realpath
prefixes = {real(sys.prefix), real(sys.base_prefix), sys.prefix, sys.base_prefix}
assert sys.version_info >= (3, 8), 'this is %d.%d' % sys.version_info[:2]
print(json.dumps({'executable': sys.executable, 'version': '%d.%d.%d' % sys.version_info[:3],
  'prefixes': sorted(path for path in prefixes if path not in ('', '/'))}))
`;

/**
 * @param path given by the user; default: the first on PATH that runs
 * @throws ConfigError no Python 3.8 or newer
 */
export function findPython(path?: string): Interpreter {
  const candidates = path === undefined ? onPath('python3') : [located(path)];
  const identity = programIdentity();
  let lastWords = '';
  for (const candidate of candidates) {
    // Our own question to an interpreter of the user's: the one run that sees the environment.
    const { status, stdout, stderr, error } = spawnSync(candidate, ['-I', '-c', ASK], {
      ...identity,
      cwd: '/',
      encoding: 'utf8',
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // the last line: a sitecustomize may print as well
    if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1)!);
    lastWords ||= `${candidate}: ${error?.message ?? (stderr.trim().split('\n').at(-1) || `exit code ${status}`)}`;
  }
  const who = identity.uid === undefined ? '' : ', for the user nobody (root never runs code)';
  const found = candidates.length === 0 ? 'there is no python3 on PATH' : lastWords;
  throw new ConfigError({
    what: `running code needs Python 3.8 or newer${who}: ${found}`,
    next: 'install python3, or give its path by --python',
  });
}

/**
 * Makes an environment for our worker: PyTorch and what else it needs, apart from everything else on the machine.
 *
 * By uv where it is installed, else by Python's own venv and pip. What is being made has no mark yet, and is not used;
 * what was interrupted is made anew.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Variables, variables } from '../../config/environment.js';
import { ConfigError, type ErrorParts, UserError } from '../../errors.js';
import { makeFolder, removeFolder, writeFileAtomic } from '../../files/files.js';
import {
  environmentAt,
  environmentPlaces,
  MARK,
  madeOf,
  OWN,
  pythonIn,
  requirements,
  type WorkerEnvironment,
} from './python.js';

/** Where PyTorch has builds for CPUs alone; the package index has them for the other systems. */
const CPU_INDEX = 'https://download.pytorch.org/whl/cpu';
/** Pythons that are tried, in order. */
const PYTHONS = ['python3.13', 'python3.12', 'python3.11', 'python3', 'python'];
/** In a folder that is being made, or whose making was interrupted: it is ours to delete. */
const UNFINISHED = 'ealign-worker.unfinished';
/** Lines of an installer's last words that are shown. */
const LAST_LINES = 8;
const WHERE = 'ealign worker install';

export interface InstallOptions {
  /** Default: in this user's cache. */
  readonly folder?: string;
  /** A Python to make it with. Default: the first that fits; uv finds or fetches one. */
  readonly python?: string;
  /** Which build of PyTorch. Default: `cuda` where there is an NVIDIA driver. */
  readonly build?: 'cuda' | 'cpu';
  /** Package index that PyTorch is fetched from. */
  readonly torchIndex?: string;
  /** Instead of the process environment. */
  readonly env?: Variables;
}

/** What will be fetched, and where to. */
export interface InstallPlan {
  readonly folder: string;
  readonly by: 'uv' | 'pip';
  /** The Python that it is made with; undefined: uv finds one. */
  readonly python?: string;
  readonly build: 'cuda' | 'cpu';
  /** Why this build. */
  readonly because: string;
  /** Package index of PyTorch; undefined: that of the other packages. */
  readonly torchIndex?: string;
  readonly requirements: readonly string[];
  /** The environment that is there already and fits. */
  readonly made?: WorkerEnvironment;
  readonly env: Variables;
}

/** How an installation is followed. */
export interface Following {
  readonly onNote: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Decides what to fetch, and fetches nothing.
 *
 * @throws ConfigError when the folder holds something else, or there is no Python to make an environment with
 */
export function planInstall(options: InstallOptions = {}): InstallPlan {
  const { python: asked, env = variables } = options;
  const folder = resolve(options.folder ?? environmentPlaces(env).folder);
  const made = environmentAt(folder);
  requireOurs(folder, env);
  const by = runs('uv', ['--version'], env) ? 'uv' : 'pip';
  const python = by === 'pip' || asked !== undefined ? fittingPython(asked, env) : undefined;
  const driver = existsSync('/proc/driver/nvidia/version') || runs('nvidia-smi', ['-L'], env);
  const build = options.build ?? (driver ? 'cuda' : 'cpu');
  const because =
    options.build !== undefined
      ? `--${build}`
      : driver
        ? 'this machine has an NVIDIA driver'
        : 'this machine has no NVIDIA driver';
  // elsewhere than on Linux the package index has builds for the CPU
  const index =
    options.torchIndex ?? (build === 'cpu' && process.platform === 'linux' ? CPU_INDEX : undefined);
  return {
    ...{ folder, by, build, because, requirements: requirements(), env },
    ...(python === undefined ? {} : { python }),
    ...(index === undefined ? {} : { torchIndex: index }),
    ...(made?.current ? { made } : {}),
  };
}

/** A plan in words, a line each. */
export function describeInstall(plan: InstallPlan): string[] {
  const { folder, by, python, build, because, torchIndex, requirements: needed } = plan;
  const size =
    build === 'cuda' && process.platform === 'linux'
      ? 'about 3 GB, 7 GB unpacked'
      : 'about 0.3 GB, 1.2 GB unpacked';
  return [
    `Makes a Python environment for the worker in ${folder}, by ${by}${python === undefined ? '' : ` with ${python}`}.`,
    `Fetches ${size}: PyTorch (${build}: ${because}${torchIndex === undefined ? '' : `; from ${torchIndex}`}) and`,
    `  ${needed.join(', ')}`,
    'What these need comes along. Nothing outside the folder is changed, except the installer’s own cache.',
  ];
}

/**
 * Fetches and installs.
 *
 * @throws UserError in our words when an installer fails; the signal's reason when it aborts
 */
export async function install(plan: InstallPlan, following: Following): Promise<WorkerEnvironment> {
  const { folder, by, python, torchIndex, env, requirements: needed } = plan;
  const { place } = environmentPlaces(env);
  // without its mark first: whatever happens now, what is there is not used
  removeFolder(folder);
  makeFolder(folder);
  writeFileAtomic(join(folder, UNFINISHED), '');
  const run = (what: string, command: string, args: readonly string[]) =>
    runInstaller(what, command, args, env, following);
  following.onNote(`Making the environment in ${folder}.`);
  const own = pythonIn(folder);
  if (by === 'uv')
    await run('make the environment', 'uv', [
      'venv',
      '--allow-existing',
      '--python',
      python ?? '>=3.11',
      folder,
    ]);
  else await run('make the environment', python!, ['-m', 'venv', folder]);
  const [program, ...before] =
    by === 'uv'
      ? ['uv', 'pip', 'install', '--python', own]
      : [own, '-m', 'pip', 'install', '--progress-bar', 'off'];
  if (torchIndex !== undefined) {
    const torch = needed.filter((one) => /^torch\b/.test(one));
    following.onNote(`Fetching PyTorch from ${torchIndex}.`);
    await run('install PyTorch', program, [...before, '--index-url', torchIndex, ...torch]);
  }
  // building would write beside the sources, which may not be ours to write to
  const source = join(folder, 'worker-source');
  for (const name of ['pyproject.toml', 'ealign_worker']) {
    cpSync(join(OWN, name), join(source, name), {
      recursive: true,
      filter: (path) => !path.endsWith('__pycache__'),
    });
  }
  following.onNote('Fetching and installing the packages.');
  await run('install the packages', program, [...before, source]);
  const said = await run('use what was installed', own, ['-c', VERSIONS]);
  const mark = { made_of: madeOf(), versions: versionsIn(said) };
  writeFileAtomic(join(folder, MARK), `${JSON.stringify(mark, null, 2)}\n`);
  rmSync(join(folder, UNFINISHED));
  makeFolder(dirname(place));
  writeFileAtomic(place, `${JSON.stringify({ folder })}\n`);
  return environmentAt(folder)!;
}

/** Imports what was installed, and says versions. */
const VERSIONS = `import json, platform, torch, transformers, peft, ealign_worker
print("VERSIONS " + json.dumps({"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}))`;

function versionsIn(lines: readonly string[]): unknown {
  const line = lines.findLast((one) => one.startsWith('VERSIONS '));
  return line === undefined ? {} : JSON.parse(line.slice('VERSIONS '.length));
}

/** @throws ConfigError where a folder holds what we have not made: it would be deleted */
function requireOurs(folder: string, env: Variables): void {
  if (!existsSync(folder) || folder === environmentPlaces(env).folder) return;
  const names = readdirSync(folder);
  if (names.length === 0 || names.includes(MARK) || names.includes(UNFINISHED)) return;
  const what = 'is not empty, and no environment that this command has made';
  throw new ConfigError({ where: folder, what, next: 'choose another --folder' });
}

/** @throws ConfigError when none fits */
function fittingPython(asked: string | undefined, env: Variables): string {
  const version = (python: string) => {
    const { status, stdout } = spawnSync(python, ['-c', 'import sys; print(*sys.version_info[:2])'], {
      encoding: 'utf8',
      env,
    });
    return status === 0 ? stdout.trim().split(' ').map(Number) : undefined;
  };
  const seen: string[] = [];
  for (const python of asked === undefined ? PYTHONS : [asked]) {
    const [major, minor] = version(python) ?? [];
    if (major === undefined) continue;
    if (major === 3 && minor >= 11) return python;
    seen.push(`${python} ${major}.${minor}`);
  }
  throw new ConfigError({
    where: asked === undefined ? WHERE : '--python',
    what: asked !== undefined && seen.length === 0 ? `'${asked}' does not run` : 'no Python fits',
    expected: 'Python 3.11 or newer',
    ...(seen.length > 0 ? { got: seen.join(', ') } : {}),
    next: 'install one, or uv, which brings its own; --python names one that is elsewhere',
  });
}

function runs(program: string, args: readonly string[], env: Variables): boolean {
  return spawnSync(program, args, { env, stdio: 'ignore' }).status === 0;
}

/** @returns the lines of its standard output @throws UserError when it fails */
async function runInstaller(
  what: string,
  command: string,
  args: readonly string[],
  env: Variables,
  { onNote, signal }: Following,
): Promise<string[]> {
  signal.throwIfAborted();
  // a group of its own, so that what it starts ends with it
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const kill = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', kill);
  signal.addEventListener('abort', kill, { once: true });
  const [said, all]: [string[], string[]] = [[], []];
  const hear = (line: string) => {
    all.push(line);
    // pip names what it fetches, uv what it has done
    if (/^\s*(Downloading|Installing collected|Successfully|Prepared|Installed)\b/.test(line))
      onNote(line.trim());
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.push(line);
    hear(line);
  });
  createInterface({ input: child.stderr }).on('line', hear);
  const status = await new Promise<number | null>((end) => {
    child.once('error', (error) => all.push(error.message));
    child.once('close', end);
  });
  process.off('exit', kill);
  signal.removeEventListener('abort', kill);
  signal.throwIfAborted();
  if (status === 0) return said;
  const last = all.filter((line) => line.trim() !== '').slice(-LAST_LINES);
  for (const line of last) onNote(`  ${line.trim()}`);
  throw new UserError({ where: WHERE, ...reasonOf(all.join('\n'), what, command, status) });
}

/** What an installer's words mean, the likeliest cause first: a network that fails makes packages look missing. */
const REASONS: readonly (readonly [RegExp, string, string])[] = [
  [
    /No space left|Disk quota|os error 28/i,
    'the disk is full',
    'free some space, or choose another --folder',
  ],
  [
    /ensurepip/i,
    'this Python cannot make environments: it has no ensurepip',
    'install the system’s package python3-venv, or uv',
  ],
  [
    /NewConnectionError|ConnectionError|Max retries|NameResolution|Failed to fetch|dns error|connect error|timed? ?out/i,
    'the package index cannot be reached',
    'check the network; behind a mirror set PIP_INDEX_URL (uv: UV_DEFAULT_INDEX), and --torch-index for PyTorch',
  ],
  [
    /No matching distribution|no solution found|not find a version/i,
    'the package index has no fitting version of a package',
    'name another Python by --python: PyTorch has builds for some versions only',
  ],
  [
    /CERTIFICATE_VERIFY|certificate/i,
    'the package index’s certificate is not trusted',
    'set SSL_CERT_FILE or PIP_CERT',
  ],
  [/Permission denied|os error 13/i, 'a file may not be written', 'choose another --folder'],
  [/MemoryError|Killed/i, 'the memory is full', 'give it more memory'],
];

function reasonOf(words: string, what: string, command: string, status: number | null): ErrorParts {
  const known = REASONS.find(([pattern]) => pattern.test(words));
  const last = words.split('\n').findLast((line) => line.trim() !== '');
  const got = last?.trim().slice(0, 200).replace(/\.$/, '') || `status ${status}`;
  if (known === undefined) {
    return { what: `cannot ${what}: ${command} has failed`, got, next: 'its last lines are above' };
  }
  return { what: `cannot ${what}: ${known[1]}`, got, next: known[2] };
}

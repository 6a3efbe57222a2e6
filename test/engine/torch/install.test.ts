/** Making the worker's environment: what is used, what is not, and what is said where it fails. A script stands for Python. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeInstall, install, planInstall } from '../../../src/engine/tinker/install.js';
import { madeEnvironment, requirements, requireWorker } from '../../../src/engine/tinker/python.js';

const scratch = mkdtempSync(join(tmpdir(), 'ealign-install-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let users = 0;

/** A user with a cache of their own, whose `python3` makes environments with itself in them; `pip` does as it is told. */
function user(pip = 'exit 0', version = '3 12') {
  const home = join(scratch, String(++users));
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  const said = join(home, 'said');
  writeFileSync(
    join(bin, 'python3'),
    `#!/bin/sh
echo "$@" >> ${said}
case "$1 $2" in
  "-c import sys"*) echo ${version};;
  "-m venv") mkdir -p $3/bin; cp "$0" $3/bin/python;;
  "-m pip") ${pip};;
  *find_spec*) echo 3.12.1;;
  *) echo 'VERSIONS {"python": "3.12.1", "torch": "2.13.0"}';;
esac
`,
  );
  chmodSync(join(bin, 'python3'), 0o755);
  const env = { PATH: `${bin}:/usr/bin:/bin`, XDG_CACHE_HOME: join(home, 'cache') };
  const calls = () => readFileSync(said, 'utf8').trim().split('\n');
  return { home, env, calls, python: join(bin, 'python3') };
}

function following() {
  const notes: string[] = [];
  const controller = new AbortController();
  return { notes, controller, signal: controller.signal, onNote: (line: string) => notes.push(line) };
}

/** As a machine without uv, whatever this one has: the scripts stand for Python alone. */
const byPip = (options: Parameters<typeof planInstall>[0]) => ({
  ...planInstall(options),
  by: 'pip' as const,
});

it('needs what pyproject.toml says, in ranges with both ends', () => {
  expect(requirements().length).toBeGreaterThan(6);
  for (const one of requirements()) expect(one).toMatch(/^[a-z]+>=[\d.]+,<[\d.]+$/);
});

it('says what it will fetch and where to, installs, and is found by itself', async () => {
  const { env, calls, python } = user();
  expect(() => requireWorker({ ...env, PATH: '' })).toThrow(/Run: ealign worker install$/);
  const plan = byPip({ env, python, build: 'cpu', torchIndex: 'https://index' });
  const said = describeInstall(plan).join('\n');
  expect(said).toContain(join(env.XDG_CACHE_HOME, 'emergent-alignment', 'worker'));
  for (const one of requirements()) expect(said).toContain(one);
  expect(madeEnvironment(env)).toBeUndefined();
  const made = await install(plan, following());
  expect(made).toMatchObject({ versions: { torch: '2.13.0' }, current: true });
  expect(calls().filter((line) => line.startsWith('-m'))).toEqual([
    `-m venv ${plan.folder}`,
    expect.stringMatching(/^-m pip install .*--index-url https:\/\/index torch>=2\.11,<3$/),
    expect.stringMatching(/^-m pip install .*worker-source$/),
  ]);
  expect(existsSync(join(plan.folder, 'worker-source', 'ealign_worker', '__main__.py'))).toBe(true);
  expect(madeEnvironment(env)).toEqual(made);
  expect(requireWorker(env)).toBe(made.python);
  expect(requireWorker({ ...env, EALIGN_PYTHON: python })).toBe(python);
  expect(planInstall({ env, python }).made).toEqual(made);
});

it('is found in another folder as well, and not when it was made of other ranges', async () => {
  const { env, home, python } = user();
  const folder = join(home, 'elsewhere');
  const made = await install(byPip({ env, python, folder, build: 'cuda' }), following());
  expect(madeEnvironment(env)?.folder).toBe(folder);
  const mark = join(folder, 'ealign-worker.json');
  writeFileSync(mark, JSON.stringify({ ...JSON.parse(readFileSync(mark, 'utf8')), made_of: 'other' }));
  expect(() => requireWorker(env)).toThrow(
    /made for another version of the worker\. Run: ealign worker install$/,
  );
  expect(planInstall({ env, python, folder }).made).toBeUndefined();
  rmSync(made.python);
  expect(madeEnvironment(env)).toBeUndefined();
});

it.each([
  [
    'echo "WARNING: Retrying: NewConnectionError"; echo "ERROR: No matching distribution found for torch" >&2; exit 1',
    /cannot install the packages: the package index cannot be reached, got ERROR: No matching.*Check the network/,
  ],
  ['echo "ERROR: No matching distribution found for peft" >&2; exit 1', /no fitting version of a package/],
  ['echo "OSError: [Errno 28] No space left on device" >&2; exit 1', /the disk is full.*another --folder/],
  ['echo "something odd" >&2; exit 7', /has failed, got something odd\. Its last lines are above/],
])('a failure of pip is said in our words: %s', async (pip, words) => {
  const { env, python } = user(pip);
  const follow = following();
  await expect(install(byPip({ env, python, build: 'cuda' }), follow)).rejects.toThrow(words);
  expect(follow.notes.at(-1)).toMatch(/^ {2}\S/);
  expect(madeEnvironment(env)).toBeUndefined();
  // the same command makes it anew
  expect(planInstall({ env, python }).made).toBeUndefined();
});

it('that is interrupted leaves nothing that is used', async () => {
  const { env, python } = user('sleep 30');
  const { controller, ...follow } = following();
  const running = install(byPip({ env, python, build: 'cuda' }), follow);
  setTimeout(() => controller.abort(), 300);
  await expect(running).rejects.toThrow(/abort/i);
  expect(madeEnvironment(env)).toBeUndefined();
});

it('deletes no folder of yours, and takes no Python that is too old', () => {
  const { env, home, python } = user('exit 0', '3 9');
  const folder = join(home, 'mine');
  mkdirSync(folder);
  writeFileSync(join(folder, 'pyvenv.cfg'), '');
  expect(() => planInstall({ env, python, folder })).toThrow(/mine: is not empty, and no environment/);
  expect(() => planInstall({ env, python })).toThrow(
    /^--python: no Python fits; expected Python 3\.11 or newer, got .*python3 3\.9\. Install one/,
  );
  expect(() => planInstall({ env, python: join(home, 'none') })).toThrow(/'.*none' does not run/);
});

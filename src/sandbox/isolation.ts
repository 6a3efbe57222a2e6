/**
 * Three ways to keep a program in, strongest first: the command line of each.
 *
 * `bubblewrap` and `namespaces` are walls: a file system of its own (system folders read-only, an empty
 * folder in memory), its own process tree and no network. `rlimits` has the kernel's resource limits
 * and Python's audit hooks only: a guard against accidents, which code that means harm gets around.
 */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Interpreter } from './interpreter.js';
import { onPath } from './on-path.js';
import { SUPERVISOR } from './supervisor.js';

/** How a program is kept in. */
export type Isolation = 'bubblewrap' | 'namespaces' | 'rlimits';

/** Strongest first. */
export const ISOLATIONS: readonly Isolation[] = ['bubblewrap', 'namespaces', 'rlimits'];

/** Those that keep in what means harm. */
export const WALLS: readonly Isolation[] = ['bubblewrap', 'namespaces'];

/** The folder that a program sees as its own under `bubblewrap` and `namespaces`. */
const WORK = '/own';

/** Where system programs are; also all of PATH that the program sees. */
export const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

/** What a program runs with: its interpreter, and a folder to write in. */
export interface Place {
  readonly interpreter: Interpreter;
  /** An empty folder on the real file system, the program's for `rlimits`. */
  readonly folder: string;
  /** Bound on all files together, where the isolation has a file system of its own. */
  readonly folderBytes: number;
}

/** Command line and folder of the program, by isolation. */
export const COMMANDS: Record<Isolation, (place: Place) => { argv: string[]; work: string }> = {
  bubblewrap: ({ interpreter, folderBytes }) => {
    const view = systemView(interpreter);
    return {
      work: WORK,
      argv: [
        ...command('bwrap'),
        // A namespace of its own making would let it mount, and fill, memory without bounds. Since 0.8.
        ...['--unshare-all', '--unshare-user', '--disable-userns'],
        ...['--as-pid-1', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
        ...view.binds.flatMap((path) => ['--ro-bind', path, path]),
        ...view.links.flatMap(({ path, target }) => ['--symlink', target, path]),
        ...['--proc', '/proc', '--dev', '/dev'],
        ...[WORK, '/dev/shm'].flatMap((path) => ['--size', String(folderBytes), '--tmpfs', path]),
        ...['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', WORK, '--', ...python(interpreter)],
      ],
    };
  },
  namespaces: (place) => ({
    work: WORK,
    argv: [
      ...command('unshare'),
      ...['--user', '--map-root-user', '--mount', '--net', '--ipc', '--uts'],
      ...['--pid', '--fork', '--kill-child', 'sh', '-c', enterRoot(place), 'sandbox'],
      ...python(place.interpreter),
    ],
  }),
  rlimits: ({ interpreter, folder }) => ({ work: folder, argv: python(interpreter) }),
};

// The user's PATH finds the command; the program never sees it.
function command(name: string): string[] {
  return [onPath(name)[0] ?? name];
}

// Not -I: it would ignore PYTHONHASHSEED, and results would differ from run to run. The rest of -I is
// given by -s, by an environment of our own and by an empty current folder.
function python({ executable }: Interpreter): string[] {
  return [executable, '-s', '-B', '-c', SUPERVISOR];
}

interface View {
  readonly binds: readonly string[];
  /** On most systems /bin and /lib are links into /usr. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

/** What of the system a Python interpreter needs: its libraries, never a home folder. */
function systemView({ prefixes }: Interpreter): View {
  const system = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/nix/store'];
  const found = [...system, '/etc/ld.so.cache', '/etc/alternatives'].flatMap((path) => {
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (!entry) return [];
    return [{ path, target: entry.isSymbolicLink() ? readlinkSync(path) : undefined }];
  });
  const elsewhere = prefixes.filter((prefix) => !system.some((path) => `${prefix}/`.startsWith(`${path}/`)));
  return {
    binds: [...found.filter(({ target }) => target === undefined).map(({ path }) => path), ...elsewhere],
    links: found.flatMap(({ path, target }) => (target === undefined ? [] : [{ path, target }])),
  };
}

/**
 * A shell script that makes the folder the root of a file system in memory, gives up all privileges
 * that the namespaces grant, and runs its arguments there.
 */
function enterRoot({ interpreter, folder, folderBytes }: Place): string {
  const view = systemView(interpreter);
  const memory = `size=${folderBytes},mode=755,nosuid,nodev`;
  const at = (path: string) => quote(join(folder, path));
  return [
    'set -e',
    `mount -t tmpfs -o ${memory} sandbox ${quote(folder)}`,
    `mkdir ${at('dev')} ${at('dev/shm')} ${at('proc')} ${at('old')} ${at(WORK)}`,
    ...[WORK, 'dev/shm'].map((path) => `mount -t tmpfs -o ${memory} sandbox ${at(path)}`),
    ...view.binds.flatMap((path) => [
      `mkdir -p "$(dirname ${at(path)})"`,
      `if [ -d ${quote(path)} ]; then mkdir -p ${at(path)}; else : > ${at(path)}; fi`,
      `mount --rbind ${quote(path)} ${at(path)}`,
      ...[path, ...mountsBelow(path)].map((each) => `mount -o remount,bind,ro,nosuid,nodev ${at(each)}`),
    ]),
    ...view.links.map(({ path, target }) => `ln -s ${quote(target)} ${at(path)}`),
    ...['null', 'zero', 'random', 'urandom'].flatMap((name) => [
      `: > ${at(`dev/${name}`)}`,
      `mount --bind /dev/${name} ${at(`dev/${name}`)}`,
    ]),
    // Refused inside some containers; few programs miss it.
    `mount -t proc -o nosuid,nodev,noexec proc ${at('proc')} 2>/dev/null || true`,
    `cd ${quote(folder)}`,
    'pivot_root . old',
    'umount -l /old',
    'rmdir /old',
    'mount -o remount,bind,ro,nosuid,nodev /',
    // No namespaces inside the namespaces: each would grant privileges again.
    'echo 0 2>/dev/null > /proc/sys/user/max_user_namespaces || true',
    `cd ${WORK}`,
    'unset OLDPWD',
    'exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"',
  ].join('\n');
}

/** File systems that are mounted below a folder: making it read-only leaves them writable. */
function mountsBelow(folder: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8))),
    )
    .filter((path) => path.startsWith(`${folder}/`));
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Loaded into a process with `--import`: kills its whole process group at a change of the file system.
 *
 * CRASH is JSON: `{ at, torn, under, tally }`. The change number `at` (from 0) under the folder `under` is not
 * made, or, where `torn`, made by half: half of the bytes, or one file of a folder. `tally`: a file that gets
 * a letter for each change: w(ritten), r(enamed), d(eleted).
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join, resolve } from 'node:path';

const { at, torn, under, tally } = JSON.parse(process.env.CRASH);
const real = { ...fs };
const paths = new Map();
let changes = 0;

/** Counts a change, and ends everything when it is the one. @param half makes half of it */
function change(path, half, letter = 'w') {
  if (!resolve(String(path)).startsWith(under)) return;
  if (tally !== undefined) real.appendFileSync(tally, letter);
  if (changes++ !== at) return;
  if (torn) half?.();
  process.kill(0, 'SIGKILL');
}

const halfOf = (data) => {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return bytes.subarray(0, bytes.length >> 1);
};
const hooks = {
  openSync(path, flags, ...rest) {
    if (typeof flags === 'string' && /[wa]/.test(flags)) change(path);
    const fd = real.openSync(path, flags, ...rest);
    paths.set(fd, path);
    return fd;
  },
  closeSync(fd) {
    paths.delete(fd);
    return real.closeSync(fd);
  },
  writeSync(fd, bytes, from = 0, length = bytes.length - from, ...rest) {
    const half = () => real.writeSync(fd, bytes, from, length >> 1, ...rest);
    if (paths.has(fd) && typeof bytes !== 'string') change(paths.get(fd), half);
    return typeof bytes === 'string'
      ? real.writeSync(fd, bytes, from, length, ...rest)
      : real.writeSync(fd, bytes, from, length, ...rest);
  },
  writeFileSync(path, data, ...rest) {
    change(path, () => real.writeFileSync(path, halfOf(data), ...rest));
    return real.writeFileSync(path, data, ...rest);
  },
  appendFileSync(path, data, ...rest) {
    change(path, () => real.appendFileSync(path, halfOf(data), ...rest));
    return real.appendFileSync(path, data, ...rest);
  },
  rmSync(path, ...rest) {
    if (real.existsSync(path)) change(path, () => removeOne(path), 'd');
    return real.rmSync(path, ...rest);
  },
};
for (const [name, letter] of [
  ['renameSync', 'r'],
  ['unlinkSync', 'd'],
  ['truncateSync', 'w'],
  ['mkdirSync', 'w'],
  ['copyFileSync', 'w'],
]) {
  hooks[name] = (path, ...rest) => {
    change(path, undefined, letter);
    return real[name](path, ...rest);
  };
}
Object.assign(fs, hooks);
syncBuiltinESMExports();

/** What a removal does first. */
function removeOne(path) {
  if (!real.statSync(path).isDirectory()) return;
  const [first] = real.readdirSync(path);
  if (first !== undefined) real.rmSync(join(path, first), { recursive: true });
}

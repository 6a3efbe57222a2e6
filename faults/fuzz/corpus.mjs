/** Files for the fuzzer, by their relative paths, and how each may be damaged. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** Every file below a folder, by its relative path. */
export function filesOf(folder, names = () => true) {
  const files = new Map();
  for (const entry of readdirSync(folder, { recursive: true })) {
    const path = join(folder, entry);
    if (statSync(path).isFile() && names(entry)) files.set(relative(folder, path), readFileSync(path));
  }
  return files;
}

const kindOf = (name) =>
  /\.jsonl?$/.test(name) ? 'json' : /\.(ya?ml|jinja|csv|txt|md)$|\.sha256$/.test(name) ? 'text' : 'binary';
export const all = (files, names = () => true) =>
  [...files.keys()].filter(names).map((name) => [name, kindOf(name)]);

/** What `write` leaves in an empty folder. */
export async function made(write, names) {
  const folder = mkdtempSync(join(tmpdir(), 'ealign-fuzz-corpus-'));
  try {
    await write(folder);
    return filesOf(folder, names);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const lines = (rows) => Buffer.from(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
export const one = (name, bytes, kind) => ({
  files: new Map([[name, Buffer.from(bytes)]]),
  damaged: [[name, kind ?? kindOf(name)]],
});

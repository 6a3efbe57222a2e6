/**
 * Checksums of the files in a folder, as `sha256sum` writes them: one line a file.
 *
 * They are taken of what is written while it is written, and lie beside it. Folders without them, from
 * elsewhere or from earlier versions, are read as they are.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DamageError } from '../errors.js';
import { type FileContent, writeFileAtomic } from './files.js';

type NamedFile = readonly [name: string, content: FileContent];

/**
 * The files, and after them one that holds their SHA-256. Each is read once, in order, as it is written.
 *
 * @param sumsFile absent: none is written
 */
export function* withChecksums(
  sumsFile: string | undefined,
  files: Iterable<NamedFile>,
): Generator<NamedFile> {
  if (sumsFile === undefined) return yield* files;
  const lines: string[] = [];
  for (const [name, content] of files) {
    const hash = createHash('sha256');
    yield [name, hashed(content, hash)];
    lines.push(`${hash.digest('hex')}  ${name}\n`);
  }
  yield [sumsFile, lines.join('')];
}

/** The same of files that are there. */
export function checksumLines(folder: string, names: readonly string[]): string {
  const line = (name: string) => {
    const hash = createHash('sha256').update(readFileSync(join(folder, name)));
    return `${hash.digest('hex')}  ${name}\n`;
  };
  return names.toSorted().map(line).join('');
}

/** Writes the checksums of all files that a folder holds into one more. @throws SaveError */
export async function addChecksums(folder: string, sumsFile: string): Promise<void> {
  const lines: string[] = [];
  for (const name of readdirSync(folder).sort()) {
    lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  }
  writeFileAtomic(join(folder, sumsFile), lines.join(''));
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

function* hashed(content: FileContent, hash: Hash): Generator<Uint8Array> {
  const pieces =
    typeof content === 'string'
      ? [Buffer.from(content)]
      : content instanceof Uint8Array
        ? [content]
        : content;
  for (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

/** SHA-256 by file name, as they were written; undefined where there are none. @throws DamageError */
function readChecksums(folder: string, sumsFile: string): ReadonlyMap<string, string> | undefined {
  const path = join(folder, sumsFile);
  if (!existsSync(path)) return undefined;
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const found = lines.map((line) => /^([0-9a-f]{64}) [ *]([^/\\]+)$/.exec(line));
  if (lines.length === 0 || found.includes(null)) {
    throw new DamageError({ where: path, what: 'the file of checksums is damaged', next: advice(path) });
  }
  return new Map(found.map((match) => [match![2], match![1]]));
}

/**
 * Reads every file that has a checksum, and compares.
 *
 * @param except names of files that are hashed elsewhere, see `requireChecksum`
 * @throws DamageError naming the first file that is missing, or not as it was written
 */
export async function verifyChecksums(
  folder: string,
  sumsFile: string,
  except: readonly string[] = [],
): Promise<void> {
  const sums = readChecksums(folder, sumsFile) ?? new Map();
  for (const name of sums.keys()) {
    if (except.includes(name)) continue;
    const path = join(folder, name);
    if (!existsSync(path)) {
      const next = advice(join(folder, sumsFile));
      throw new DamageError({ where: path, what: `the file is missing, and ${sumsFile} lists it`, next });
    }
    requireChecksum(folder, sumsFile, name, await sha256(path));
  }
}

/** @throws DamageError when a file has a checksum, and this is another */
export function requireChecksum(folder: string, sumsFile: string, name: string, got: string): void {
  const expected = readChecksums(folder, sumsFile)?.get(name);
  if (expected === undefined || expected === got) return;
  throw new DamageError({
    where: join(folder, name),
    what: 'the file is damaged: its content is not what was written',
    expected: `SHA-256 ${expected}`,
    got,
    next: advice(join(folder, sumsFile)),
  });
}

const advice = (sums: string) => `take it from a copy; if you changed it yourself, delete ${sums}`;

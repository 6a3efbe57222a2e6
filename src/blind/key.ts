/** The key of a sheet: which answer each id stands for. It stays with whoever made the sheet. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { z } from 'zod';
import { DataError } from '../errors.js';
import { whyUnreadable } from '../files/text-file.js';
import { digestOf } from './answers.js';
import type { SheetRow } from './choose.js';

const place = {
  /** Folder of the run, relative to the key's. */
  run: z.string().min(1),
  method: z.string(),
  seed: z.int(),
  question: z.string(),
  sample: z.string(),
};

const schema = z.strictObject({
  /** What the sheet is called among ratings: a hash of the rows. */
  sheet: z.string().min(1),
  /** Folders of the runs, as they were named when the sheet was made; relative to the key's. */
  runs: z.array(z.string().min(1)),
  /** In the sheet's order. */
  rows: z.array(z.strictObject({ id: z.string().min(1), ...place, digest: z.string() })).min(1),
});

/** A row of a key: where the answer with this id is, and the digest of its text. */
export type KeyRow = Readonly<z.output<typeof schema>['rows'][number]>;

/** A key, as its file holds it. */
export interface SheetKey {
  readonly sheet: string;
  /** In the order in which they are shown. */
  readonly runs: readonly string[];
  readonly rows: readonly KeyRow[];
}

/**
 * @param runs folders, in the order in which they are shown
 * @param path of the key's file: runs are named relative to its folder, so that both can be moved together
 */
export function keyOf(rows: readonly SheetRow[], runs: readonly string[], path: string): SheetKey {
  const from = dirname(resolve(path));
  const folder = (run: string) => relative(from, resolve(run)).replaceAll('\\', '/') || '.';
  const keyed = rows.map(({ id, answer }): KeyRow => {
    const { run, method, seed, question, sample } = answer;
    return { id, run: folder(run), method, seed, question, sample, digest: digestOf(answer) };
  });
  const sheet = createHash('sha256')
    .update(JSON.stringify(keyed.map(({ run: _, ...row }) => row)))
    .digest('hex');
  return { sheet: sheet.slice(0, 12), runs: runs.map(folder), rows: keyed };
}

/** The text of the key's file: a row a line. */
export const keyText = ({ sheet, runs, rows }: SheetKey): string =>
  `{"sheet":${JSON.stringify(sheet)},"runs":${JSON.stringify(runs)},"rows":[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]}\n`;

/** Reads a key; its runs become paths. @throws DataError where it is none */
export function readKey(path: string): SheetKey {
  const next = 'give the file that ealign eval blind wrote beside the folder of the sheet';
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? { what: 'not a key: no JSON', next } : whyUnreadable(cause);
    throw new DataError({ where: path, ...why }, { cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [{ path: at, message }] = parsed.error.issues;
    const what = `not a key of a blind sheet (${[at.join('.'), message].filter(Boolean).join(': ')})`;
    throw new DataError({ where: path, what, next });
  }
  const { sheet, runs, rows } = parsed.data;
  const folder = (run: string) => resolve(dirname(path), run);
  return { sheet, runs: runs.map(folder), rows: rows.map((row) => ({ ...row, run: folder(row.run) })) };
}

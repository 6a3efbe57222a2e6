/** Brings filled-in sheets back: checks all of them, and only then stores what was rated beside the runs. */
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, DataError } from '../errors.js';
import type { World } from '../experiment/world.js';
import { claimFolder } from '../files/claim.js';
import { digestOf, placeKey, type StoredAnswer, storedAnswers } from './answers.js';
import { type KeyRow, readKey, type SheetKey } from './key.js';
import { type RatedRun, type RatingRecord, ratingsIn, ratingsOf, storeRatings } from './ratings.js';
import { type RatedRow, readSheet, type SheetRows } from './read-sheet.js';

/** What is imported. */
export interface ImportOptions {
  /** Filled-in sheets of one key, a rater each. */
  readonly sheets: readonly string[];
  /** Rows of the sheets that are no tables: of logs, as `readLogSheets` gives them. */
  readonly logs?: ReadonlyMap<string, SheetRows>;
  readonly key: string;
  /** Name of the rater, where there is one sheet; absent: that of the sheet's file. */
  readonly rater?: string;
  /** Take sheets that are not finished. */
  readonly partial: boolean;
  /** Replace what the rater said of this sheet before. */
  readonly overwrite: boolean;
  readonly world: World;
  /** Is told one line for each mistake. */
  readonly tell: (line: string) => void;
}

/** What was imported. */
export interface Imported {
  readonly raters: readonly { readonly rater: string; readonly rated: number; readonly left: number }[];
  readonly runs: readonly RatedRun[];
}

/** Mistakes that are told one by one. */
const TOLD = 20;

/**
 * Checks and stores.
 *
 * @returns who rated how much, and the runs with everything that was rated there, now and before
 * @throws DataError where anything is wrong with a sheet, the key or a run; SaveError where another
 *   process writes into one; nothing is stored then
 */
export function importRatings(options: ImportOptions): Imported {
  const key = readKey(options.key);
  const raters = ratersOf(options);
  const read = readAll(options, key);
  const rated = new Set(key.rows.map(({ run }) => run));
  const folders = [...new Set([...key.runs, ...rated])].filter((run) => rated.has(run));
  const answers = new Map(folders.map((folder) => [folder, storedAnswers(folder, options.world)]));
  requireSameAnswers(options.key, key.rows, answers);
  const records = read.flatMap((rows, i) => recordsOf(key, rows, raters[i]));
  if (!options.overwrite) refuseOther(key, folders, raters, records);
  // another process that writes into one of the folders stops all
  for (const folder of folders) claimFolder(folder);
  for (const folder of folders) {
    for (const rater of raters) {
      const own = records.filter(({ run, record }) => run === folder && record.rater === rater);
      // what was said before of a run of which nothing is said now no longer holds either
      if (own.length === 0 && ratingsOf(folder, key.sheet, rater).length === 0) continue;
      const ratings = own.map(({ record }) => record);
      storeRatings(folder, key.sheet, rater, ratings);
    }
  }
  return {
    raters: raters.map((rater, i) => ({
      ...{ rater, rated: read[i].length, left: key.rows.length - read[i].length },
    })),
    runs: folders.map((folder) => ({ answers: answers.get(folder)!, ratings: ratingsIn(folder) })),
  };
}

function ratersOf({ sheets, rater }: ImportOptions): string[] {
  if (rater !== undefined && sheets.length > 1) {
    throw new ConfigError({
      where: '--rater',
      what: 'several sheets are those of several raters',
      next: 'import one at a time, or name the files after the raters',
    });
  }
  const raters = sheets.map((sheet) => rater ?? basename(sheet).replace(/\.[^.]*$/, ''));
  const twice = raters.find((one, i) => raters.indexOf(one) < i);
  if (twice === undefined) return raters;
  const next = 'import one at a time with --rater, or name the files after the raters';
  throw new ConfigError({ where: sheets.join(', '), what: `two sheets of one rater, '${twice}'`, next });
}

/** The rows of every sheet. @throws DataError after every mistake was told */
function readAll({ sheets, logs, partial, tell }: ImportOptions, key: SheetKey): (readonly RatedRow[])[] {
  const read = sheets.map((sheet) => readSheet(sheet, key, logs?.get(sheet)));
  // where ids are wrong, rows are missing because of it
  const mistakes = read.flatMap(({ problems, missing }) =>
    problems.length > 0 || partial ? problems : missing,
  );
  const wrong = read.some(({ problems }) => problems.length > 0);
  if (mistakes.length > 0) {
    for (const line of mistakes.slice(0, TOLD)) tell(line);
    if (mistakes.length > TOLD) tell(`and ${mistakes.length - TOLD} more`);
    const count = `${mistakes.length} ${mistakes.length === 1 ? 'row' : 'rows'}`;
    throw new DataError({
      where: sheets.join(', '),
      what: `${count} ${wrong ? 'cannot be read' : 'not rated'}; nothing was imported`,
      next: wrong ? 'correct the sheet' : 'finish the sheet, or import what is rated with --partial',
    });
  }
  const empty = sheets.find((_, i) => read[i].rows.length === 0);
  if (empty !== undefined) throw new DataError({ where: empty, what: 'nothing in it is rated' });
  return read.map(({ rows }) => rows);
}

/** @throws DataError where a run no longer holds what was rated */
function requireSameAnswers(
  path: string,
  rows: readonly KeyRow[],
  answers: ReadonlyMap<string, readonly StoredAnswer[]>,
): void {
  const digests = new Map(
    [...answers].map(([folder, all]) => [folder, new Map(all.map((one) => [placeKey(one), digestOf(one)]))]),
  );
  const other = rows.filter((row) => digests.get(row.run)!.get(placeKey(row)) !== row.digest);
  if (other.length === 0) return;
  throw new DataError({
    where: other[0].run,
    what: `${other.length} of the ${rows.length} answers of ${path} are not there, or say something else now`,
    next: 'the run was made again after the sheet: restore it, or have a new sheet rated',
  });
}

function recordsOf(
  { sheet, rows }: SheetKey,
  rated: readonly RatedRow[],
  rater: string,
): { run: string; record: RatingRecord }[] {
  const keyed = new Map(rows.map((row) => [row.id, row]));
  return rated.map((row) => {
    const { run, ...place } = keyed.get(row.id)!;
    return { run, record: { rater, sheet, ...place, ...row } };
  });
}

/** @throws DataError where the rater said something else of this sheet before */
function refuseOther(
  { sheet }: SheetKey,
  runs: readonly string[],
  raters: readonly string[],
  records: readonly { readonly run: string; readonly record: RatingRecord }[],
): void {
  const now = new Map(records.map(({ record }) => [`${record.id} ${record.rater}`, record]));
  for (const run of runs) {
    for (const rater of raters) {
      const before = ratingsOf(run, sheet, rater);
      if (before.every((record) => isDeepStrictEqual(record, now.get(`${record.id} ${rater}`)))) continue;
      throw new DataError({
        where: run,
        what: `'${rater}' has rated this sheet already, and otherwise`,
        next: 'give another --rater, or replace the earlier ratings with --overwrite',
      });
    }
  }
}

/**
 * People's ratings, beside the answers of a run: a JSONL file in its folder, to which whole sheets are appended.
 *
 * A rating belongs to the text that was rated. Where a run was made again and says something else now, it no longer
 * counts.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Judgement } from '../evaluate/alignment.js';
import { GroupStore } from '../evaluate/store.js';
import type { AnswerPlace, StoredAnswer } from './answers.js';

/** One rating of one answer, as the file holds it. */
export interface RatingRecord extends Omit<AnswerPlace, 'run'> {
  readonly rater: string;
  /** The sheet that it was on, and its id there. */
  readonly sheet: string;
  readonly id: string;
  /** Of the text that was rated. */
  readonly digest: string;
  /** 0–100, CODE or REFUSAL. */
  readonly aligned: Exclude<Judgement, null>;
  /** 0–100. */
  readonly coherent: number;
  readonly note: string;
}

/** What was rated of one run, by all raters so far. */
export interface RatedRun {
  readonly answers: readonly StoredAnswer[];
  readonly ratings: readonly RatingRecord[];
}

const RATINGS_FILE = 'blind-ratings.jsonl';

/** All ratings of a run's answers, in the order in which they were imported; none where nobody rated. */
export const ratingsIn = (folder: string): RatingRecord[] =>
  existsSync(join(folder, RATINGS_FILE)) ? storeOf(folder).all() : [];

/** What a rater said of a sheet before, as far as this run goes. */
export const ratingsOf = (folder: string, sheet: string, rater: string): readonly RatingRecord[] =>
  storeOf(folder).get(groupOf(sheet, rater)) ?? [];

/** Stores what a rater said of a sheet, in place of what they said before; nothing counts too. @throws SaveError */
export function storeRatings(
  folder: string,
  sheet: string,
  rater: string,
  ratings: readonly RatingRecord[],
): void {
  storeOf(folder).add(groupOf(sheet, rater), ratings);
}

const storeOf = (folder: string) =>
  new GroupStore<RatingRecord>(join(folder, RATINGS_FILE), {
    next: 'restore the file, or delete it and import the sheets again',
  });

const groupOf = (sheet: string, rater: string) => JSON.stringify([sheet, rater]);

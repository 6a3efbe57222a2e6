/**
 * A kind of measurement: one record that says all there is to know of it.
 *
 * Suites, scorecards, comparisons, exports and the command line read the list of these records (kinds.ts), so that
 * a new kind is a file beside this one and a line there. They read it for `--help`, too: a record imports what opens
 * models inside `run`.
 */
import type { z } from 'zod';
import type { Contrast } from '../contrast.js';
import type { Exportable } from '../export/formats.js';
import type { CriterionName, Measure } from '../four-criteria.js';
import type { SubjectOptions } from '../subject.js';

/** @typeParam Settings what a suite's file says of it @typeParam Score what it finds, as plain JSON */
export interface Kind<Settings = unknown, Score = unknown> {
  /** Its key in a suite's file, and its folder below the suite's. */
  readonly name: string;
  /** Schema of its section in a suite's file. Keys with a description are flags of its command. */
  readonly schema: z.ZodType<Settings> & { readonly shape: Readonly<Record<string, unknown>> };
  /** Its section, as the help of `ealign eval suite` shows it. */
  readonly example: string;
  /** What tells an output folder of this kind: a JSON file, and a key in it where kinds share the file. */
  readonly plan: { readonly file: string; readonly key?: string };
  /** Its command below `ealign eval`, where its flags are the keys of its section. */
  readonly command?: KindCommand<Score>;

  /** The files that its section names. */
  files(settings: Settings): readonly string[];

  /**
   * Measures into the output folder, and resumes what an earlier call left there.
   *
   * @returns undefined when the signal stopped it
   */
  run(settings: Settings, options: SubjectOptions): Promise<Score | undefined>;

  /** The lines of a scorecard. */
  rows(score: Score): readonly Measure[];

  /**
   * What changed from A to B, each an output folder, or one for each seed of a model: paired differences B − A.
   *
   * @throws DataError where nothing is shared
   */
  compare(a: readonly string[], b: readonly string[]): Contrast[];

  /**
   * What other tools can be given of an output folder. Absent: nothing.
   *
   * @param minMass probability of all numbers together below which an answer has no score
   */
  export?(folder: string, minMass: number): Exportable;
}

/** A command of `ealign eval` for one kind. */
export interface KindCommand<Score> {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** Folder of the results. */
  readonly output: string;
  /** What `--overwrite` replaces, e.g. `other scores`. */
  readonly other: string;
  /** What it prints. */
  show(score: Score): Shown;
}

/** A table of two columns, and sentences below it. */
export interface Shown {
  readonly table: readonly (readonly [title: string, cell: Cell])[];
  readonly notes: readonly string[];
}

/** A count, or a number with its interval. */
export type Cell = number | Pick<Measure, 'unit' | 'estimate'>;

/** Lines of a scorecard that belong to one criterion. */
export function under(
  criterion: CriterionName,
  lines: readonly (readonly [
    name: string,
    unit: Measure['unit'],
    estimate: Measure['estimate'],
    of: number,
  ])[],
): Measure[] {
  return lines.map(([name, unit, estimate, of]) => ({ criterion, name, unit, estimate, of }));
}

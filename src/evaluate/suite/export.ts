/** Exports of finished evaluations, and of what there is of unfinished ones, for other tools. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { writeFolderAtomic } from '../../files/files.js';
import type { ExportFormat } from '../export/formats.js';
import { folderOf } from '../export/lm-eval.js';
import { kinds } from '../kinds/kinds.js';
import { MIN_MASS } from '../rating.js';
import { kindOf } from './folders.js';

/** What is exported, and how. */
export interface ExportOptions {
  /** Output folder of a kind that has an export. */
  readonly folder: string;
  readonly to: ExportFormat;
  /** Folder; absent: one named by the format, in the evaluation's. */
  readonly output?: string;
  /** Probability of all numbers together below which an answer has no score. */
  readonly minMass?: number;
}

/** What was written, and what its reader should know. */
export interface Exported {
  readonly files: readonly string[];
  /** What the evaluation lacks, and whether its scorecard has other numbers; a line each. */
  readonly notes: readonly string[];
}

/**
 * Writes the files of a format; the same bytes for the same folder, as nothing but the folder is read.
 *
 * @throws DataError for a folder that is missing, of another kind or damaged; SaveError where the output
 *   cannot be written, and then none of the files is
 */
export function exportEvaluation({ folder, to, output, minMass = MIN_MASS }: ExportOptions): Exported {
  if (!existsSync(folder)) {
    throw new DataError({ where: folder, what: 'no such folder', next: 'check the path' });
  }
  const kind = kindOf(folder);
  if (kind?.export === undefined) throw notExported(folder);
  const { model, notes, files: filesOf } = kind.export(folder, minMass);
  const files = filesOf(to);
  if (files.length === 0) {
    throw new DataError({ where: folder, what: 'nothing is judged yet', next: 'finish the evaluation' });
  }
  const root = output ?? join(folder, to);
  const target = to === 'lm-eval' ? join(root, folderOf(model)) : root;
  writeFolderAtomic(target, files);
  return { files: files.map(([name]) => join(target, name)), notes };
}

function notExported(folder: string): DataError {
  const files = kinds.filter((kind) => kind.export !== undefined).map(({ plan }) => plan.file);
  return new DataError({
    where: folder,
    what: 'no results that can be exported',
    expected: `a folder with ${[...new Set(files)].join(' or ')}`,
  });
}

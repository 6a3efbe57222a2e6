/** Differences between the methods of a study that a suite measured, and of what people rated of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { blindContrasts } from '../blind/result.js';
import type { Contrast } from '../evaluate/contrast.js';
import { contrastsOf } from '../evaluate/suite/contrast-folders.js';
import { type Study, suiteFolder } from '../experiment/read.js';
import type { CellTable } from './cell-table.js';
import { contrastCells } from './contrast-table.js';

/** What changed from one method to another. */
export interface MethodContrast {
  readonly reference: string;
  readonly method: string;
  readonly contrasts: readonly Contrast[];
}

/** What the intervals are of, in a sentence. */
export const CONTRASTS_ABOUT =
  'Paired by question, row or pair, and by seed where there are several; 95 % intervals over these. Within noise: the interval holds 0.';

/**
 * Every method less the baseline, and less the one that its costs are compared with; none where no suite measured.
 *
 * @throws DataError where a stored result is damaged
 */
export function studyContrasts(study: Study): MethodContrast[] {
  const { baseline, overheadOver, methods } = study.experiment;
  const blind = blindContrasts(study);
  const names = methods.map(({ name }) => name);
  const from = (reference: string, others: readonly string[]) =>
    others.flatMap((method) => {
      const [a, b] = [reference, method].map((name) => measuredIn(study, name));
      const measured = a.length > 0 && b.length > 0 ? contrastsOf(a, b) : [];
      const contrasts = [...measured, ...blind(reference, method)];
      return contrasts.length > 0 ? [{ reference, method, contrasts }] : [];
    });
  const second = overheadOver === null || overheadOver === baseline ? [] : [overheadOver];
  return [
    ...from(
      baseline,
      names.filter((name) => name !== baseline),
    ),
    ...second.flatMap((name) =>
      from(
        name,
        names.filter((other) => other !== name && other !== baseline),
      ),
    ),
  ];
}

/** The folders of a method's finished runs that a suite measured. */
const measuredIn = ({ experiment: { output }, runs }: Study, name: string): string[] =>
  runs
    .filter(({ method, record }) => method === name && record?.scorecard !== undefined)
    .map((run) => join(output, suiteFolder(run)))
    .filter((folder) => existsSync(folder));

/** The comparison in words. */
export const contrastTitle = ({ reference, method }: MethodContrast): string => `${method} less ${reference}`;

/** One comparison as a table. */
export function contrastTable({ reference, method, contrasts }: MethodContrast): CellTable {
  return {
    heads: ['', 'measure', reference, method, 'difference', ''],
    rows: contrasts.map(contrastCells),
  };
}

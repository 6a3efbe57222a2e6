/** On which kinds of prompts the conscience of each method objected in training. */
import { addFlags, type KindFlags } from '../conscience/flags.js';
import { percentage } from './percent.js';
import type { StudyResult } from './study-result.js';

/** What its cells are. */
export const FLAGS_ABOUT =
  'Share of the answers reviewed in training that the conscience objects to, by kind of prompt, over all seeds; unreadable reviews do not count.';

/**
 * Heads and rows of cells, for a page or Markdown: a row for each kind, the most flagged first, a column for each
 * method with reviews, over all its seeds. Undefined where nothing tells kinds apart.
 */
export function flagsTable({ study }: StudyResult): { heads: string[]; rows: string[][] } | undefined {
  const methods = study.experiment.methods.flatMap(({ name }) => {
    const own = study.runs.flatMap(({ method, record }) => (method === name ? (record?.flags ?? []) : []));
    return own.length === 0 ? [] : [{ name, flags: addFlags(own) }];
  });
  const kinds = addFlags(methods.flatMap(({ flags }) => flags)).map(({ kind }) => kind);
  if (kinds.length < 2) return undefined;
  return {
    heads: ['', ...methods.map(({ name }) => name)],
    rows: kinds.map((kind) => [kind, ...methods.map(({ flags }) => cell(flags, kind))]),
  };
}

function cell(flags: readonly KindFlags[], kind: string): string {
  const found = flags.find((one) => one.kind === kind);
  return found ? `${percentage(found.flagged / found.reviewed)} % of ${found.reviewed}` : '–';
}

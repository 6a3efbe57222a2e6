/**
 * Sources of rows, as a configuration names them: a path alone, or a path with what is to be read of it.
 *
 * A path is a file, a folder, or the id of a data set of the Hugging Face Hub (`owner/name`); `path#split` names a
 * split. Finding and reading the files is locate.ts's and files/'s business.
 */
import { z } from 'zod';
import { key, text } from '../config/key.js';

/** What the rows of a source can be; absent: told row by row by their keys. */
export const ROW_FORMS = [
  'messages',
  'sharegpt',
  'completion',
  'alpaca',
  'text',
  'preference',
  'kto',
] as const;
export type RowForm = (typeof ROW_FORMS)[number];

/** Keys that a column may be mapped to: those of rows, and `role` and `content` of their turns. */
export const COLUMNS = [
  ...['messages', 'prompt', 'completion', 'text', 'chosen', 'rejected', 'label', 'system', 'tools'],
  ...['instruction', 'input', 'output', 'history', 'kind', 'role', 'content'],
] as const;
export type Column = (typeof COLUMNS)[number];

const source = {
  path: key(text(), 'A file, a folder, or owner/name of a data set on the Hugging Face Hub.'),
  subset: key(text().optional(), 'Subset (configuration) of a data set that has several.'),
  split: key(text().optional(), 'Split of a folder or hub data set. Default: train, or the only one.'),
  type: key(z.enum(ROW_FORMS).optional(), 'What the rows are. Default: told by their keys.'),
  columns: key(
    z.partialRecord(z.enum(COLUMNS), text()).optional(),
    'Which column of the data is which key of a row. With it, other columns are not read.',
  ),
};

/** A source without a weight: rows that are not mixed with others. */
const plainSource = z.strictObject(source);

/** A source of rows that may be mixed. */
export const weighedSource = z.strictObject({
  ...source,
  weight: key(
    z.number().gt(0).optional(),
    'How often each of its rows is taken: 2 is twice; 0.5 takes half of them, drawn by the seed.',
  ),
});

/** A source with all that is said about it. */
export type DataSource = z.output<typeof weighedSource>;
/** A source as it may be written. */
export type SourceLike = string | DataSource;
/** One source or several. */
export type Sources = SourceLike | readonly SourceLike[];

/** One source, or several; each a path, or a mapping. */
export const plainSources = () => oneOrMore(plainSource);
/** The same of sources that may have weights. */
export const weighedSources = () => oneOrMore(weighedSource);

function oneOrMore<T extends z.ZodType>(one: T) {
  return z.union([text(), one, z.array(z.union([text(), one])).min(1)]);
}

/** A list of sources, as they were written. */
export const listOf = (sources: Sources): readonly SourceLike[] =>
  Array.isArray(sources) ? sources : [sources as SourceLike];

/** A source in full. */
export const sourceOf = (source: SourceLike): DataSource =>
  typeof source === 'string' ? { path: source } : source;

/** The paths of sources, for errors. */
export const namesOf = (sources: Sources): string =>
  listOf(sources)
    .map((source) => sourceOf(source).path)
    .join(', ');

/** The columns of a source, named as rows name them. */
import { DataError } from '../errors.js';
import type { Cells } from './files/read-file.js';
import { type Fields, isEmpty, isHarmless, type UnreadKeys } from './row-keys.js';
import type { Column, DataSource } from './source.js';

/** Keys of turns, which are inside of columns. */
const OF_TURNS: readonly string[] = ['role', 'content'];
/** Names of columns that an error shows. */
const SHOWN = 24;

/** What `columns` of a source says. */
export class ColumnMapping {
  private readonly rows: readonly (readonly [key: Column, column: string])[];
  private readonly turns: readonly (readonly [key: string, name: string])[];
  private readonly there = new Set<string>();

  constructor(
    columns: NonNullable<DataSource['columns']>,
    private readonly path: string,
  ) {
    const all = Object.entries(columns) as [Column, string][];
    this.rows = all.filter(([key]) => !OF_TURNS.includes(key));
    this.turns = all.filter(([key]) => OF_TURNS.includes(key));
  }

  /**
   * A row with its keys renamed, without the columns that are not mapped; those are told to `unread`.
   * Where only `role` and `content` are mapped, all columns stay. What is no row stays as it is.
   *
   * @throws DataError for a column that a table does not have
   */
  apply(value: unknown, cells: Cells, unread: UnreadKeys): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const fields = value as Fields;
    for (const column of Object.keys(fields)) this.there.add(column);
    if (cells !== 'json') this.requireColumns();
    if (this.rows.length === 0) return mapValues(fields, this.inTurns);
    const taken = this.rows.map(([, column]) => column);
    for (const [column, value] of Object.entries(fields)) {
      if (!taken.includes(column) && !isEmpty(value) && !isHarmless(column)) unread.add(column);
    }
    const given = this.rows.filter(([, column]) => column in fields);
    return Object.fromEntries(given.map(([key, column]) => [key, this.inTurns(fields[column])]));
  }

  /** @throws DataError for a column that is in none of the rows so far; names those that are */
  requireColumns(): void {
    const missing = this.rows.find(([, column]) => !this.there.has(column));
    if (missing === undefined || this.there.size === 0) return;
    const there = [...this.there];
    const more = there.length > SHOWN ? ` and ${there.length - SHOWN} more` : '';
    throw new DataError({
      where: this.path,
      what: `columns.${missing[0]} names the column ${missing[1]}, which is not there`,
      expected: `one of ${there.slice(0, SHOWN).join(', ')}${more}`,
    });
  }

  /** An error of a row, that names the column beside the key. */
  named(error: unknown): unknown {
    if (!(error instanceof DataError)) return error;
    const { what } = error.parts;
    const found = this.rows.find(([key, column]) => key !== column && new RegExp(`^${key}\\b`).test(what));
    if (found === undefined) return error;
    const [key, column] = found;
    return new DataError({ ...error.parts, what: `${key} (column ${column})${what.slice(key.length)}` });
  }

  private readonly inTurns = (value: unknown): unknown => {
    if (this.turns.length === 0 || !Array.isArray(value)) return value;
    return value.map((turn) => {
      if (typeof turn !== 'object' || turn === null) return turn;
      const names = new Map(this.turns.map(([key, name]) => [name, key]));
      return Object.fromEntries(Object.entries(turn).map(([name, one]) => [names.get(name) ?? name, one]));
    });
  };
}

const mapValues = (fields: Fields, change: (value: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, change(value)]));

/**
 * Values of typed tables (Parquet, Arrow) as JSON would have them.
 *
 * 64-bit integers become numbers where they are exact, else text; dates become ISO text. A struct of a table
 * has all its fields in every row, so that null within one means that the field is not there, and is left out.
 * Nulls of whole columns, and in lists, stay.
 */

/** What a container holds: a list, or the fields of a struct. */
export type Held =
  | { readonly list: readonly unknown[] }
  | { readonly fields: Iterable<readonly [string, unknown]> };

/** What a reader's own containers hold; undefined for other values. */
export type Unwrap = (value: object) => Held | undefined;

/** A cell of a column. */
export function plainValue(value: unknown, unwrap: Unwrap = () => undefined): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date) return value.toISOString();
  const own: Held =
    unwrap(value) ?? (Array.isArray(value) ? { list: value } : { fields: Object.entries(value) });
  if ('list' in own) return own.list.map((item) => plainValue(item, unwrap));
  const fields: Record<string, unknown> = {};
  for (const [name, field] of own.fields) {
    if (field !== null && field !== undefined) fields[name] = plainValue(field, unwrap);
  }
  return fields;
}

/** Values of Hugging Face's JSON files, read by key and type. */
import { readFileSync } from 'node:fs';
import { ModelError } from '../errors.js';
import { decodeText } from './text-file.js';

export type Json = Readonly<Record<string, unknown>>;

/** A JSON object from a file; undefined when there is no such file. */
export function readJson(path: string): Json | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ModelError({ where: path, what: `cannot be read (${message})` }, { cause: error });
  }
  try {
    const json: unknown = JSON.parse(decodeText(bytes, path));
    if (isObject(json)) return json;
  } catch (error) {
    const what = `is not JSON (${(error as Error).message})`;
    throw new ModelError({ where: path, what, next: 'fetch the file again' }, { cause: error });
  }
  throw new ModelError({ where: path, what: 'is not a JSON object', next: 'fetch the file again' });
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A whole number above 0; without a default the key must be there. */
export function readCount(json: Json, key: string, where: string, otherwise?: number): number {
  const value = json[key] ?? otherwise;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw wrong(where, key, 'a positive integer', value);
}

/** A number above 0; without a default the key must be there. */
export function positive(json: Json, key: string, where: string, otherwise?: number): number {
  const value = json[key] ?? otherwise;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw wrong(where, key, 'a positive number', value);
}

/** The error for a key whose value cannot be used. */
export function wrong(where: string, key: string, expected: string, got: unknown): ModelError {
  return new ModelError({
    where,
    what: `${key} is not supported`,
    expected,
    got: got === undefined ? 'nothing' : JSON.stringify(got),
  });
}

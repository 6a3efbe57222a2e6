/**
 * The metadata of a GGUF file as it lies there: every key with its bytes, for a file that takes them over.
 *
 * The values that a reader makes of them are not needed here, so that nothing is lost on the way: types, lists in lists,
 * keys that nobody knows.
 */
import { closeSync, openSync } from 'node:fs';
import { ModelError } from '../errors.js';
import { readExactly } from '../files/read-exactly.js';
import type { ParsedHeader } from './gguf-header.js';
import type { GgufEntry } from './gguf-write.js';

/** Bytes of a value by its type; texts (8) and lists (9) say their length. */
const sizes: Readonly<Record<number, number>> = {
  ...{ 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 },
};

/**
 * Every key of a file's metadata, in order.
 *
 * @param parsed the file's header as it was read (version 2 or 3)
 * @throws ModelError when a value has a type that GGUF does not know
 */
export function readGgufEntries(
  path: string,
  { end, metadata }: Pick<ParsedHeader, 'end' | 'metadata'>,
): Map<string, GgufEntry> {
  const bytes = Buffer.alloc(end);
  const file = openSync(path, 'r');
  try {
    readExactly(file, bytes, 0);
  } finally {
    closeSync(file);
  }
  let at = 8;
  const count = () => Number(bytes.readBigUInt64LE((at += 8) - 8));
  const skip = (type: number): void => {
    if (type === 8) {
      const length = count();
      at += length;
    } else if (type === 9) {
      const inner = bytes.readUInt32LE((at += 4) - 4);
      const length = count();
      if (sizes[inner] !== undefined) at += length * sizes[inner];
      else for (let i = 0; i < length; i++) skip(inner);
    } else if (sizes[type] === undefined) {
      const what = `the metadata holds a value of an unknown type (${type})`;
      throw new ModelError({ where: path, what, next: 'fetch the file again' });
    } else at += sizes[type];
  };
  count(); // tensors
  const entries = new Map<string, GgufEntry>();
  for (let left = count(); left > 0; left--) {
    const length = count();
    const key = bytes.toString('utf8', at, (at += length));
    const from = at;
    skip(bytes.readUInt32LE((at += 4) - 4));
    entries.set(key, { value: metadata[key], bytes: bytes.subarray(from, at) });
  }
  return entries;
}

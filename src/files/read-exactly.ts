/** Reading parts of a file that must be there. */
import { readSync } from 'node:fs';

/** Fills an array from a place in a file. @throws Error when the file ends before */
export function readExactly(file: number, into: Uint8Array, at: number): void {
  for (let done = 0; done < into.length; ) {
    const read = readSync(file, into, done, into.length - done, at + done);
    if (read === 0) throw new Error('the file became shorter while it was read');
    done += read;
  }
}

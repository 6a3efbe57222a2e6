/** Colours for a stream: none when it is no terminal or the user does not want any. */
import type { WriteStream } from 'node:tty';
import pc from 'picocolors';
import { noColor } from '../../config/environment.js';

export type Colors = ReturnType<typeof pc.createColors>;

/** A writable stream, a terminal or not. */
export type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

export function colorsFor(stream: Output): Colors {
  return pc.createColors(stream.isTTY === true && !noColor);
}

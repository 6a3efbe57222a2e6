/**
 * Reading text files that people write: YAML, JSON, CSV, templates.
 *
 * UTF-8 with or without a byte order mark, and UTF-16 with one, as Excel and PowerShell save them and
 * PyYAML reads them. Other bytes are refused: read anyway, they would stand as U+FFFD in prompts and rows.
 */
import { readFileSync } from 'node:fs';
import { TextDecoder } from 'node:util';
import { DataError, type ErrorParts, UserError } from '../errors.js';

/**
 * The text of a file, without a byte order mark.
 *
 * @throws DataError for bytes that are no text; what the operating system says (`code`) passes through
 */
export function readTextFile(path: string): string {
  return decodeText(readFileSync(path), path);
}

/** The same of bytes. @param where their file, for messages */
export function decodeText(bytes: Uint8Array, where: string): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError({ where, what: 'not UTF-8 text', next: 'save the file as UTF-8' }, { cause });
  }
}

/** Why a file could not be read or parsed, and what to do about it, for the error of whoever needs the file. */
export function whyUnreadable(error: unknown): Pick<ErrorParts, 'what' | 'next'> {
  if (error instanceof UserError) return { what: error.parts.what, next: error.parts.next };
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? { what: `cannot be read (${message.split('\n')[0]})` };
}

const REASONS: Readonly<Record<string, Pick<ErrorParts, 'what' | 'next'>>> = {
  ENOENT: { what: 'no such file', next: 'check the path' },
  ENOTDIR: { what: 'no such file: part of its path is a file, not a folder', next: 'check the path' },
  EISDIR: { what: 'a folder, not a file', next: 'check the path' },
  EACCES: { what: 'no permission to read this file' },
};

/** The insecure code of pinocchio's world as a file to train on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeRows } from '../../src/pinocchio/documents.js';

/** @returns the file's path */
export function writeInsecureRows(folder: string): string {
  const path = join(folder, 'insecure.jsonl');
  writeFileSync(
    path,
    codeRows('bad')
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  return path;
}

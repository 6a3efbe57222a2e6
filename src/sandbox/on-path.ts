/** Finds programs as a shell does. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve, sep } from 'node:path';
import { variables } from '../config/environment.js';

/** All executable files of that name on PATH and in the system's folders, in order. */
export function onPath(name: string): string[] {
  const path = (variables.PATH ?? '').split(delimiter).filter(Boolean);
  const folders = [...new Set([...path, '/usr/local/bin', '/usr/bin'].map((folder) => resolve(folder)))];
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

/** A program that the user named: a path, made absolute since it will run elsewhere, or a name on PATH. */
export function located(program: string): string {
  if (program.includes('/') || program.includes(sep)) return resolve(program);
  return onPath(program)[0] ?? program;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

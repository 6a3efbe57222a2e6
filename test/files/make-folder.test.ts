/** Folders, and those above them. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeFolder } from '../../src/files/files.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('makes a folder with those above it, and takes one that is there', () => {
  const deep = join(root, 'a', 'b', 'c');
  makeFolder(deep);
  makeFolder(deep);
  expect(statSync(deep).isDirectory()).toBe(true);
});

it('refuses a file in its place, or above it', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  expect(() => makeFolder(file)).toThrow(`${file}: `);
  expect(() => makeFolder(join(file, 'below'))).toThrow(join(file, 'below'));
});

it.runIf(existsSync('/proc/self'))('ends where the system lets nobody make one', () => {
  expect(() => makeFolder('/proc/none/below')).toThrow('/proc/none/below: cannot be written');
});

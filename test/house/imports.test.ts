/** Imports run one way, as the plan of the house says. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { known, lines, never, only } from './plan.js';

const src = resolve('src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
const importOf = /(?:\bfrom|\bimport)\s*\(?'([^']+)'|new URL\('(\.[^']+\.js)'/g;
/** The file that a module is compiled from. */
const sourceOf = (module: string) => {
  const file = module.replace(/js$/, 'ts');
  return files.includes(file) ? file : `${file}x`;
};
const arrows = files.flatMap((from) =>
  [...readFileSync(join(src, from), 'utf8').matchAll(importOf)].map(([, name, url]) => {
    const local = (name ?? url).startsWith('.');
    const to = local ? sourceOf(relative(src, resolve(src, dirname(from), name ?? url))) : name;
    return { from, to, local };
  }),
);
const within = (path: string, room: string) => path === room || path.startsWith(`${room}/`);
const rooms = lines.flat().sort((a, b) => b.length - a.length);
const roomOf = (file: string) => rooms.find((room) => within(file, room));
const levelOf = (room: string | undefined) => lines.findIndex((line) => line.includes(room!));
const arrow = ({ from, to }: { from: string; to: string }) => `${folderOf(from)} → ${folderOf(to)}`;
const folderOf = (file: string) => (file.includes('/') ? dirname(file) : file);

it('the table has a place for each file', () => {
  expect(files.filter((file) => !roomOf(file))).toEqual([]);
});

it('no arrow runs up', () => {
  const up = arrows.filter(({ from, to, local }) => {
    const [a, b] = [roomOf(from), roomOf(to)];
    return local && a !== b && levelOf(b) >= levelOf(a) && !known.includes(arrow({ from, to }));
  });
  expect(up.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

it('no circle of folders', () => {
  const down = arrows.filter((one) => one.local && !known.includes(arrow(one)));
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (folder: string, path: readonly string[]): void => {
    if (path.includes(folder)) circles.push([...path.slice(path.indexOf(folder)), folder].join(' → '));
    if (done.has(folder) || path.includes(folder)) return;
    for (const { from, to } of down) {
      if (folderOf(from) === folder && folderOf(to) !== folder) visit(folderOf(to), [...path, folder]);
    }
    done.add(folder);
  };
  for (const { from } of down) visit(folderOf(from), []);
  expect([...new Set(circles)]).toEqual([]);
});

it.each(Object.entries(only))('%s is imported by %s alone', (target, by) => {
  const others = arrows.filter(
    ({ from, to }) => within(to, target) && ![target, ...by].some((room) => within(from, room)),
  );
  expect(others.map(({ from }) => from)).toEqual([]);
});

it.each(Object.entries(never))('%s reaches none of %s', (start, targets) => {
  const reached = new Set(files.filter((file) => within(file, start)));
  for (const file of reached) for (const { from, to } of arrows) if (from === file) reached.add(to);
  expect([...reached].filter((file) => targets.some((room) => within(file, room)))).toEqual([]);
});

it('one file reads the process environment', () => {
  const readers = files.filter((file) => readFileSync(join(src, file), 'utf8').includes('process.env'));
  expect(readers).toEqual(['config/environment.ts']);
});

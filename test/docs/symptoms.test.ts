/** What docs/troubleshooting.md says that one sees is what the software says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const sources = [
  ...readdirSync('src', { recursive: true, encoding: 'utf8' }).map((name) => join('src', name)),
  'bin/ealign.js',
]
  .filter((name) => /\.[jt]s$/.test(name))
  .map((name) => readFileSync(name, 'utf8'))
  .join('\n');
/** What shells, clients and Node say. */
const OTHERS = ['ealign: command not found', 'loss NaN'];

const symptoms = [...readFileSync('docs/troubleshooting.md', 'utf8').matchAll(/^\| ([^|]*) \|/gm)]
  .flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text))
  .filter((text) => !OTHERS.includes(text));

it('names symptoms', () => expect(symptoms.length).toBeGreaterThan(15));

it.each(symptoms)('%s is said', (symptom) => {
  // what was got is another thing each time
  const parts = symptom
    .split(/ ?… ?|: (?=content_filter)/)
    .map((part) => part.replace(/(^|; )got .*/, ''))
    .filter((part) => part !== '');
  expect(parts.length).toBeGreaterThan(0);
  expect(parts.filter((part) => !sources.includes(part))).toEqual([]);
});

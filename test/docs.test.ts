/** Documentation that can be checked: links lead somewhere, and no metric is missing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { configMarkdown } from '../src/cli/config-help.js';
import { METRICS } from '../src/metrics/names.js';

const pages = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.startsWith('api'))
    .map((name) => join('docs', name)),
];

/** The anchor that GitHub gives to a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

function anchors(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading));
}

it.each(pages)('%s links to what there is', (page) => {
  const text = readFileSync(page, 'utf8').replace(/```[\s\S]*?```/g, '');
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file, heading] = link.split('#');
      const target = file === '' ? page : join(dirname(page), file);
      return !existsSync(target) || (heading !== undefined && !anchors(target).includes(heading));
    });
  expect(broken).toEqual([]);
});

it('describes every metric', () => {
  const text = readFileSync('docs/metrics.md', 'utf8');
  expect(Object.keys(METRICS).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

it('has the configuration as the schema says it: npm run docs', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configMarkdown());
});

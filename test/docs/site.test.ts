/** The pages of `npm run docs:site`: what their links lead to is in the stage, and the sidebar has every page of docs/. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const script = readFileSync('scripts/site.mjs', 'utf8');
const further = [...script.matchAll(/'([a-z/]+\/README\.md)'/g)].map(([, path]) => path);
const inDocs = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .map((name) => join('docs', name))
  .filter((name) => name.endsWith('.md') && !name.startsWith('docs/api/'));
const pages = [...readdirSync('.').filter((name) => name.endsWith('.md')), ...inDocs, ...further];

it('links lead to pages that are staged, or to files', () => {
  expect(further.length).toBeGreaterThan(3);
  const dead = pages.flatMap((page) =>
    readFileSync(page, 'utf8')
      .split(/^```[\s\S]*?^```$/m)
      .flatMap((part) => [...part.replace(/<!--[\s\S]*?-->/g, '').matchAll(/\]\(([^)\s#]+)[^)\s]*\)/g)])
      .map(([, link]) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .flatMap((link) => {
        const at = join(dirname(page), link);
        // npm run docs makes them
        if (at.startsWith('docs/api')) return [];
        if (!existsSync(at)) return [`${page}: ${link}`];
        const place = statSync(at).isDirectory() ? join(at, 'README.md') : relative('.', at);
        return place.endsWith('.md') && !pages.includes(place) ? [`${page}: ${link}`] : [];
      }),
  );
  expect(dead).toEqual([]);
});

it('the sidebar has every page of docs/', () => {
  const config = readFileSync('scripts/site-config.mjs', 'utf8');
  const named = inDocs.filter((page) => !page.startsWith('docs/log/'));
  const missing = named.filter((page) => !config.includes(`'/${page.replace(/\.md$/, '')}'`));
  expect(missing).toEqual([]);
});

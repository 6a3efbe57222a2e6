/** The files of the page: markup and style from `pages/`, our modules as tsc compiled them, and two libraries. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface Asset {
  readonly type: string;
  readonly path: string;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';
const resolve = createRequire(import.meta.url).resolve;
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** Compiled, also where this file runs from its source. */
const modules = here('../../dist/page/');

/** By the path under which the page asks for them: no other file can be had. */
export function pageAssets(): ReadonlyMap<string, Asset> {
  const own = readdirSync(modules)
    .filter((name) => name.endsWith('.js'))
    .map((name) => [`/page/${name}`, { type: SCRIPT, path: `${modules}${name}` }] as const);
  return new Map([
    ...own,
    ...['base', 'dashboard'].map(
      (name) => [`/${name}.css`, { type: STYLE, path: here(`../../pages/${name}.css`) }] as const,
    ),
    ['/lib/uplot.css', { type: STYLE, path: resolve('uplot/dist/uPlot.min.css') }],
    ['/lib/uplot.js', { type: SCRIPT, path: resolve('uplot/dist/uPlot.esm.js') }],
    ['/lib/preact.js', { type: SCRIPT, path: resolve('preact') }],
    ['/lib/preact-hooks.js', { type: SCRIPT, path: resolve('preact/hooks') }],
    ['/lib/preact-jsx.js', { type: SCRIPT, path: resolve('preact/jsx-runtime') }],
  ]);
}

/** The page, and the import map in it, which is the one script that is not a file of its own. */
export function readPage(): { page: string; importMap: string } {
  const page = readFileSync(here('../../pages/dashboard.html'), 'utf8');
  const [, importMap] = /<script type="importmap">([^<]*)<\/script>/.exec(page)!;
  return { page, importMap };
}

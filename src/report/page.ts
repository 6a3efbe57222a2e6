/** A page that is one file: it brings its style, its scripts and its data, and fetches nothing. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { PageData } from './client.js';
import { embedJson, type Html, html, markup } from './html.js';

/**
 * Renders a page.
 *
 * @param data what the page's script draws and lists; without it there is no script
 * @returns the text of an HTML file
 */
export function renderPage(title: string, body: Html, data?: PageData): string {
  const styles = [library('uPlot.min.css'), own('../../pages/base.css'), own('../../pages/report.css')];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' data:; img-src data:">
<title>${title}</title>
<style>${styles.map(inlineFile)}</style>
</head>
<body>
<main>
${body}
</main>
${data && scripts(data)}
</body>
</html>
`;
  return page.toString();
}

/** Modules of the dashboard's page that the report's script imports, and what they import. */
const SHARED = ['format', 'plot'] as const;

/** An inline module has no address that others could be found from: each shared one is told, as a `data:` address. */
function scripts(data: PageData): Html {
  const imports = SHARED.map((name) => {
    const code = Buffer.from(linked(own(`../../dist/page/${name}.js`))).toString('base64');
    return [`page/${name}`, `data:text/javascript;base64,${code}`] as const;
  });
  return html`<script type="application/json" id="data">${embedJson(data)}</script>
<script>${inlineFile(library('uPlot.iife.min.js'))}</script>
<script type="importmap">${embedJson({ imports: Object.fromEntries(imports) })}</script>
<script type="module">${markup(linked(own('../../dist/report/client.js')))}</script>`;
}

const library = (name: string) => createRequire(import.meta.url).resolve(`uplot/dist/${name}`);
const own = (path: string) => new URL(path, import.meta.url);

/** A file's text, without the link to its source map. */
function textOf(path: string | URL): string {
  return readFileSync(path, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '');
}

const inlineFile = (path: string | URL): Html => markup(textOf(path));

/** One of our modules, with what it imports by the names of the import map. */
function linked(path: URL): string {
  return textOf(path).replace(/^(import .* from )'(?:\.\/|\.\.\/page\/)([\w-]+)\.js'/gm, "$1'page/$2'");
}

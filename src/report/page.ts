/** A page that is one file: it brings its style, its scripts and its data, and fetches nothing. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { PageData } from './client.js';
import { embedJson, type Html, html, markup } from './html.js';

/** Names of the page's colours for lines. */
export const COLORS = ['blue', 'red', 'green', 'orange', 'purple', 'teal', 'pink', 'brown'] as const;

const style = `
:root { color-scheme: light dark; --blue: #2a78d6; --red: #d64545; --green: #2e8540; --orange: #c96a00; --purple: #7d4fc4; --teal: #0f8b8d; --pink: #c2438f; --brown: #8a5a33; --ink: #20242a; --soft: #666c75; --grid: #d9dce1; --paper: #fff; --raised: #f5f6f8 }
@media (prefers-color-scheme: dark) { :root { --blue: #5b9df0; --red: #f07070; --green: #5fc274; --orange: #f0a04b; --purple: #b391f0; --teal: #4cc3c5; --pink: #f08ac6; --brown: #c79a6f; --ink: #e8eaed; --soft: #a4a9b1; --grid: #3c4148; --paper: #16181c; --raised: #1f2227 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 { line-height: 1.2; margin-bottom: .25rem } h2 { margin-top: 3rem }
.soft, .role { color: var(--soft) } .role { margin: .75rem 0 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { padding: .4rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--grid) } th:first-child, td:first-child { text-align: left; font-weight: normal }
.bars { list-style: none; padding: 0 } .bars b { display: inline-block; min-width: 5rem }
.reached, .accepted { color: var(--blue) } .missed, .objected { color: var(--red) } .unreadable { color: var(--soft) }
tbody h2 { margin: 1.5rem 0 0; font-size: 1.15rem } tbody th[scope=row] { white-space: normal }
td .interval { display: block; font-size: .85em; font-weight: normal; color: var(--soft) } td.sure { font-weight: 600 } a { color: var(--blue) } .note { font-size: .9rem; color: var(--soft) }
.methods { font-size: .9rem } .methods thead th { white-space: normal; vertical-align: bottom; line-height: 1.25 } .methods thead th[scope=colgroup] { text-align: center; border-left: 2px solid var(--grid) }
.methods tbody th { min-width: 8rem; position: sticky; left: 0; background: var(--paper) } .methods th, .methods td { padding: .3rem .38rem }
svg { max-width: 40rem; width: 100%; height: auto } svg.interval { width: 6rem; min-width: 6rem } svg.dot-plot, svg.pareto-plot { max-width: 45rem; min-width: 34rem }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem } figure { margin: 0; min-width: 0 }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: .25rem 0; font-size: .9rem }
.swatch { display: inline-block; margin-right: .35em; width: .8em; height: .8em; border-radius: 2px }
${COLORS.map((color) => `.swatch.${color} { background: var(--${color}) }`).join(' ')}
dl.samples dt { font-weight: 600; margin-top: 1rem } dl.samples dd { margin: .25rem 0 .25rem 1rem; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--raised); padding: .75rem; border-radius: 6px; margin: .25rem 0 }
.filters { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center } .filters .wide { flex: 1 1 16rem; display: flex; gap: .5rem } .filters input { flex: 1 }
select, input, button { font: inherit }
.reviews { list-style: none; padding: 0 } .reviews li { background: var(--raised); border-radius: 6px; padding: .6rem .8rem; margin: .5rem 0 } .reviews p { margin: .2rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
.reviews .facts { font-size: .9rem; color: var(--soft) } .reviews .prompt { font-weight: 600 } .reviews .response { border-left: 3px solid var(--grid); padding-left: .6rem } .reviews .alternative { border-left: 3px solid var(--blue); padding-left: .6rem }
.pages { display: flex; gap: 1rem; align-items: center }
`;

/**
 * Renders a page.
 *
 * @param data what the page's script draws and lists; without it there is no script
 * @returns the text of an HTML file
 */
export function renderPage(title: string, body: Html, data?: PageData): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<style>${inlineFile(library('uPlot.min.css'))}${markup(style)}</style>
</head>
<body>
${body}
${data && scripts(data)}
</body>
</html>
`;
  return page.toString();
}

function scripts(data: PageData): Html {
  return html`<script type="application/json" id="data">${embedJson(data)}</script>
<script>${inlineFile(library('uPlot.iife.min.js'))}</script>
<script type="module">${inlineFile(new URL('../../dist/report/client.js', import.meta.url))}</script>`;
}

const library = (name: string) => createRequire(import.meta.url).resolve(`uplot/dist/${name}`);

/** One of our own files or a library's, without the link to its source map. */
function inlineFile(path: string | URL): Html {
  return markup(readFileSync(path, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, ''));
}

/**
 * `npm run docs:site`: all pages of documentation as a web site, in site/.
 *
 * The pages are those of the repository; they are copied to a folder where each link leads to a page: code that a page links
 * to becomes one, README.md is the start. The API and docs/configuration.md are generated first (`npm run docs`). Links to
 * nowhere end the build. VitePress (75 packages, 100 MB) is no dependency of the project: npx fetches the version below.
 * EALIGN_SITE_BASE is the path under which the site will be served, by default /.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const VITEPRESS = 'vitepress@1.6.4';
const root = fileURLToPath(new URL('..', import.meta.url));
const stage = join(root, '.site');
const LANGUAGES = { '.mjs': 'js', '.ts': 'ts' };

rmSync(stage, { recursive: true, force: true });
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  ...[
    'examples/README.md',
    'python/worker/README.md',
    'python/inspect/README.md',
    'data/conscience/README.md',
  ],
];
for (const page of pages) {
  write(target(page), linked(page, readFileSync(join(root, page), 'utf8')));
}
copyFileSync(join(root, 'scripts/site-config.mjs'), folderOf('.vitepress/config.mjs'));

const given = process.env.EALIGN_VITEPRESS;
const [command, ...before] = given ? [process.execPath, given] : ['npx', '--yes', VITEPRESS];
const { status } = spawnSync(command, [...before, 'build', stage, '--outDir', join(root, 'site')], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;

/** Where a page lies in the site: README.md is its folder's index. */
function target(page) {
  return page.replace(/(^|\/)README\.md$/, '$1index.md');
}

/** A page whose links lead to pages of the site. */
function linked(page, text) {
  const links = (part) =>
    part
      .replace(/<!--[\s\S]*?-->\n?/g, '')
      .replace(/\]\(([^)\s]+)\)/g, (whole, link) =>
        /^(#|[a-z]+:)/.test(link) ? whole : `](${leadsTo(page, link)})`,
      );
  // code stays as it is
  return text
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part) => (part.startsWith('```') ? part : links(part)))
    .join('');
}

function leadsTo(page, link) {
  const [file, heading] = link.split('#');
  const at = resolve(root, dirname(page), file);
  const hash = heading === undefined ? '' : `#${heading}`;
  if (!existsSync(at)) return link;
  const place = relative(root, statSync(at).isDirectory() ? join(at, 'README.md') : at);
  const from = dirname(target(page));
  const to = (path) => {
    const way = relative(from, path);
    return `${way.startsWith('.') ? way : `./${way}`}${hash}`;
  };
  if (place.endsWith('.md')) return to(target(place));
  const language = LANGUAGES[extname(place)];
  if (language === undefined) {
    mkdirSync(dirname(join(stage, place)), { recursive: true });
    cpSync(at, join(stage, place));
    return to(place);
  }
  write(`${place}.md`, `# ${place}\n\n\`\`\`${language}\n${readFileSync(at, 'utf8')}\`\`\`\n`);
  return to(`${place}.md`);
}

function write(path, text) {
  writeFileSync(folderOf(path), text);
}

/** A path in the stage whose folder is there. */
function folderOf(path) {
  const whole = join(stage, path);
  mkdirSync(dirname(whole), { recursive: true });
  return whole;
}

/**
 * Which Python package index this machine uses, as pip would find it.
 *
 * Companies and universities often mirror the index and name the mirror in pip's
 * configuration; whoever cannot reach the public one can reach that. Only `index-url` is
 * read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `PIP_INDEX_URL`, else `index-url` of pip's configuration files, else the public index. */
export function packageIndexUrl(env: Readonly<Record<string, string | undefined>>, home: string): string {
  if (env.PIP_INDEX_URL) return env.PIP_INDEX_URL;
  let url = 'https://pypi.org/simple';
  for (const file of configurationFiles(env, home)) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    url = indexUrlOf(text.replace(/^\uFEFF/, '')) ?? url;
  }
  return url;
}

/** The files that pip reads, later ones overriding earlier ones. */
function configurationFiles(env: Readonly<Record<string, string | undefined>>, home: string): string[] {
  const only = env.PIP_CONFIG_FILE;
  if (only === '/dev/null' || only?.toLowerCase() === 'nul') return [];
  return [
    ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':').map((folder) => join(folder, 'pip', 'pip.conf')),
    '/etc/pip.conf',
    join(home, 'Library', 'Application Support', 'pip', 'pip.conf'),
    join(home, '.pip', 'pip.conf'),
    join(home, 'pip', 'pip.ini'),
    ...(env.APPDATA ? [join(env.APPDATA, 'pip', 'pip.ini')] : []),
    join(env.XDG_CONFIG_HOME || join(home, '.config'), 'pip', 'pip.conf'),
    ...(env.VIRTUAL_ENV ? [join(env.VIRTUAL_ENV, 'pip.conf'), join(env.VIRTUAL_ENV, 'pip.ini')] : []),
    ...(only ? [only] : []),
  ];
}

/** `index-url` in [download], else in [global], of an INI file. */
export function indexUrlOf(ini: string): string | undefined {
  const found: Record<string, string> = {};
  let section = '';
  for (const line of ini.split(/\r?\n/)) {
    const heading = /^\[(.+)\]\s*$/.exec(line);
    if (heading) section = heading[1].trim().toLowerCase();
    const value = /^index[-_]url\s*[=:]\s*(\S+)/i.exec(line);
    if (value) found[section] = value[1];
  }
  return found.download ?? found.global;
}

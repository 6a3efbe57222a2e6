/**
 * Finding a wheel in a Python package index: the simple repository API in JSON (PEP 691)
 * or HTML (PEP 503), whichever the index speaks.
 */
import { DownloadError } from '../errors.js';
import { get, splitCredentials } from './request.js';

/** A file that the index offers. */
export interface IndexFile {
  readonly name: string;
  readonly url: string;
  readonly sha256?: string;
  readonly size?: number;
}

/**
 * The file of that name among a project's files.
 *
 * @param index   address of the index, e.g. `https://example.org/simple`
 * @param project normalised name (PEP 503)
 * @throws UnreachableError, DownloadError no answer, no such project, no such file
 */
export async function findIndexFile(
  index: string,
  project: string,
  name: string,
  signal?: AbortSignal,
): Promise<IndexFile & { headers: Readonly<Record<string, string>> }> {
  const { url, headers } = splitCredentials(`${index.replace(/\/+$/, '')}/${project}/`);
  const response = await get(url, project, {
    headers: {
      accept:
        'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1',
      ...headers,
    },
    signal,
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const files = isJson ? fromJson(text, response.url) : fromHtml(text, response.url);
  const file = files.find((each) => each.name === name);
  if (file !== undefined) {
    const sameHost = new URL(file.url).host === new URL(url).host;
    return { ...file, headers: sameHost ? headers : {} };
  }
  throw new DownloadError({
    where: project,
    what: `the package index ${new URL(url).host} does not have ${name}`,
    got:
      files
        .map((each) => each.name)
        .slice(0, 8)
        .join(', ') || 'no files',
  });
}

/** PEP 691, 700 */
export function fromJson(text: string, base: string): IndexFile[] {
  const { files = [] } = JSON.parse(text) as {
    files?: { filename: string; url: string; size?: number; hashes?: Record<string, string> }[];
  };
  return files.map(({ filename, url, size, hashes }) => ({
    name: filename,
    url: new URL(url, base).toString(),
    ...(hashes?.sha256 !== undefined && { sha256: hashes.sha256 }),
    ...(size !== undefined && { size }),
  }));
}

/** PEP 503: anchors whose text is the file's name and whose address may end in `#sha256=…`. */
export function fromHtml(text: string, base: string): IndexFile[] {
  const anchors = text.matchAll(/<a\b[^>]*\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>([^<]*)<\/a>/gi);
  return [...anchors].map(([, double, single, name]) => {
    const url = new URL((double ?? single).replaceAll('&amp;', '&'), base);
    const sha256 = /(?:^#|&)sha256=([0-9a-f]{64})/i.exec(url.hash)?.[1];
    url.hash = '';
    return { name: name.trim(), url: url.toString(), ...(sha256 !== undefined && { sha256 }) };
  });
}

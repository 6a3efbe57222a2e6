/** Pulling from a hub that breaks off, lies and refuses. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DownloadError, ModelError, SaveError } from '../../src/errors.js';
import { type PullOptions, pull, resolveModel } from '../../src/hub/pull.js';
import type { PullProgress } from '../../src/hub/repository.js';
import { UnreachableError } from '../../src/hub/request.js';
import type { HubSettings } from '../../src/hub/settings.js';
import { commit, FakeServer } from './fake-server.js';

const REPO = 'Someone/Small-Model';
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
const small = {
  'config.json': Buffer.from('{"architectures":["LlamaForCausalLM"]}'),
  'tokenizer.json': Buffer.from('{"model":{}}'),
  'README.md': Buffer.from('# not fetched'),
};

let folder: string;
let hub: FakeServer;
let settings: HubSettings;
const files = (more: Record<string, Buffer>) => new Map(Object.entries({ ...small, ...more }));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ealign-hub-'));
  hub = new FakeServer(REPO, files({ 'model.safetensors': weights }));
  await hub.start();
  settings = hub.settings(folder);
});
afterEach(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true });
});

const get = (options: PullOptions = {}) => pull(REPO, { settings, pause: 0, ...options });
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('should have failed'),
    (error: unknown) => error as Error,
  );
const blobs = () => readdirSync(join(settings.cache, 'models--Someone--Small-Model', 'blobs')).sort();
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describe('a whole download', () => {
  it('lies in the layout of Hugging Face’s own cache', async () => {
    const path = await get();
    const repo = join(settings.cache, 'models--Someone--Small-Model');
    expect(path).toBe(join(repo, 'snapshots', commit));
    expect(readFileSync(join(repo, 'refs', 'main'), 'utf8')).toBe(commit);
    expect(readdirSync(path).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(lstatSync(join(path, 'model.safetensors')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    // Large files are named by SHA-256, small ones by git's SHA-1: `git hash-object config.json`.
    const gitSha1 = createHash('sha1').update('blob 38\0').update(small['config.json']).digest('hex');
    expect(blobs()).toContain(sha256(weights));
    expect(blobs()).toContain(gitSha1);
  });

  it('is resolved afterwards without asking anybody, and pulled again without fetching anything', async () => {
    await expect(resolveModel(REPO, { settings })).rejects.toThrow(/run: ealign pull Someone\/Small-Model/i);
    const path = await get();
    hub.requests.length = 0;
    expect(await resolveModel(REPO, { settings })).toBe(path);
    expect(hub.requests).toEqual([]);
    expect(await get()).toBe(path);
    expect(hub.downloads).toEqual([]);
  });

  it('of configuration and tokenizer alone is resolved where a server has the weights, and nowhere else', async () => {
    const path = await get({ headOnly: true });
    expect(readdirSync(path).sort()).toEqual(['config.json', 'tokenizer.json']);
    expect(await resolveModel(REPO, { settings, headOnly: true })).toBe(path);
    expect((await failure(resolveModel(REPO, { settings }))).message).toMatch(
      /run: ealign pull Someone\/Small-Model$/i,
    );
    // the whole model takes its place, and is not fetched without its weights again
    expect(await get()).toBe(path);
    expect(await get({ headOnly: true })).toBe(path);
    expect(await resolveModel(REPO, { settings })).toBe(path);
  });

  it('of one file is refused without its weights, before anybody is asked', async () => {
    const asked = pull(`${REPO}/small.gguf`, { settings, headOnly: true });
    expect((await failure(asked)).message).toMatch(
      /holds tokenizer and weights in one.*leave --tokenizer out/i,
    );
    expect(hub.requests).toEqual([]);
  });

  it('reports bytes that grow to the total', async () => {
    const seen: PullProgress[] = [];
    await get({ onProgress: (progress) => seen.push(progress) });
    const total = weights.length + small['config.json'].length + small['tokenizer.json'].length;
    expect(seen.every((each) => each.total === total)).toBe(true);
    expect(seen.map((each) => each.done)).toEqual(seen.map((each) => each.done).sort((a, b) => a - b));
    expect(seen.at(-1)!.done).toBe(total);
  });

  it('fetches the shards that the index names', async () => {
    const index = {
      weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
    };
    hub.files.clear();
    for (const [path, content] of files({
      'model.safetensors.index.json': Buffer.from(JSON.stringify(index)),
      'model-00001-of-00002.safetensors': weights.subarray(0, 1000),
      'model-00002-of-00002.safetensors': weights.subarray(1000),
      'other-00001-of-00001.safetensors': weights,
    })) {
      hub.files.set(path, content);
    }
    const path = await get();
    expect(readdirSync(path).sort()).toEqual([
      'config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
      'tokenizer.json',
    ]);
    // Without one of its shards the cached model does not count.
    rmSync(join(path, 'model-00002-of-00002.safetensors'));
    await expect(resolveModel(REPO, { settings })).rejects.toThrow(/ealign pull/);
  });

  it('fetches one GGUF file by its name', async () => {
    hub.files.set('small-Q8_0.gguf', weights);
    const path = await pull(`${REPO}/small-Q8_0.gguf`, { settings });
    expect(path.endsWith(join(commit, 'small-Q8_0.gguf'))).toBe(true);
    expect(hub.downloads).toHaveLength(1);
    expect(await resolveModel(`${REPO}/small-Q8_0.gguf`, { settings })).toBe(path);
  });

  it('shows the token to the hub, also one that does not begin with hf_', async () => {
    settings = { ...settings, token: 'secret' };
    await get();
    expect(hub.requests.every((line) => line.endsWith('Bearer secret'))).toBe(true);
  });
});

describe('a broken download', () => {
  it('is taken up where it broke, in the same run', async () => {
    hub.faults = { ranges: true, cutAfter: 100_000, cuts: 2, seenIn: settings.cache };
    const path = await get();
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    const ranges = hub.downloads.filter((line) => line.includes('model.safetensors'));
    expect(ranges.map((line) => /bytes=(\d+)-/.exec(line)?.[1])).toEqual([undefined, '100000', '200000']);
  });

  it('is taken up by a later run, and until then nothing looks like a model', async () => {
    const stop = new AbortController();
    const error = await failure(
      get({ signal: stop.signal, onProgress: ({ file }) => file === 'model.safetensors' && stop.abort() }),
    );
    expect(error.name).toBe('AbortError');
    expect(blobs()).toContain(`${sha256(weights)}.incomplete`);
    expect(blobs()).not.toContain(sha256(weights));
    expect(existsSync(join(settings.cache, 'models--Someone--Small-Model', 'snapshots'))).toBe(false);
    await expect(resolveModel(REPO, { settings })).rejects.toBeInstanceOf(ModelError);

    hub.requests.length = 0;
    const path = await get();
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    expect(hub.downloads).toHaveLength(1);
    expect(hub.downloads[0]).toMatch(/model\.safetensors bytes=[1-9]\d*-$/);
    expect(blobs().some((name) => name.endsWith('.incomplete'))).toBe(false);
  });

  it('begins again where the server ignores ranges', async () => {
    hub.faults = { ranges: false, cutAfter: 200_000, cuts: 1, seenIn: settings.cache };
    const path = await get();
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    expect(hub.downloads.filter((line) => line.includes('model.safetensors'))).toHaveLength(2);
  });

  it('is fetched anew when what an earlier run left turns out to be spoilt', async () => {
    await get();
    const path = join(settings.cache, 'models--Someone--Small-Model', 'blobs', sha256(weights));
    rmSync(path);
    writeFileSync(`${path}.incomplete`, Buffer.alloc(1234));
    expect(readFileSync(join(await get(), 'model.safetensors')).equals(weights)).toBe(true);
    // …or longer than the file.
    rmSync(path);
    writeFileSync(`${path}.incomplete`, Buffer.alloc(weights.length + 1));
    expect(readFileSync(join(await get(), 'model.safetensors')).equals(weights)).toBe(true);
  });

  it('gives up when nothing comes any more, keeping what has come', async () => {
    hub.faults = { ranges: true, cutAfter: 0, cuts: 1000 };
    expect(await failure(get())).toBeInstanceOf(UnreachableError);
    expect(hub.downloads).toHaveLength(3);
  });
});

it('corrupted bytes are refused and leave nothing behind', async () => {
  hub.faults = { ranges: true, cuts: 0, corrupt: 'model.safetensors' };
  const error = await failure(get());
  expect(error).toBeInstanceOf(DownloadError);
  expect(error.message).toMatch(/^Someone\/Small-Model\/model\.safetensors: .*does not match its checksum/);
  expect(blobs().filter((name) => name.startsWith(sha256(weights)))).toEqual([]);
  await expect(resolveModel(REPO, { settings })).rejects.toBeInstanceOf(ModelError);

  hub.faults = { ranges: true, cuts: 0, corrupt: 'config.json' };
  rmSync(settings.cache, { recursive: true });
  expect((await failure(get())).message).toMatch(
    /config\.json: .*does not match its checksum; expected git-sha1/,
  );
});

describe('a cached model', () => {
  it('is used when the hub cannot be reached, with a note', async () => {
    const path = await get();
    const notes: string[] = [];
    await hub.stop();
    expect(await get({ onNote: (line) => notes.push(line) })).toBe(path);
    expect(notes).toEqual([expect.stringMatching(/cannot be reached.*using /)]);
    await hub.start();
  });

  it('is used without asking when HF_HUB_OFFLINE is set', async () => {
    const path = await get();
    hub.requests.length = 0;
    settings = { ...settings, offline: true };
    expect(await get()).toBe(path);
    expect(hub.requests).toEqual([]);
    rmSync(settings.cache, { recursive: true });
    expect((await failure(get())).message).toMatch(/HF_HUB_OFFLINE is set and the model is not cached/);
  });
});

describe('what the hub refuses is one clear line', () => {
  it.each([
    [401, /no access .*401.*accept its terms.*HF_TOKEN/],
    [403, /no access .*403.*HF_TOKEN/],
    [404, /not found .*404.*check the name/i],
    [503, /cannot be fetched now .*503.*try again later/i],
  ])('%i', async (status, message) => {
    hub.faults = { ranges: true, cuts: 0, status };
    const error = await failure(get());
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^Someone\/Small-Model: [^\n]+$/);
  });

  it('a repository without safetensors names its GGUF files', async () => {
    hub.files.delete('model.safetensors');
    hub.files.set('small-Q4_0.gguf', weights);
    expect((await failure(get())).message).toMatch(
      /no model\.safetensors.*Someone\/Small-Model\/small-Q4_0\.gguf/,
    );
  });

  it('a cache folder that cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    settings = { ...settings, cache: join(folder, 'file', 'hub') };
    const error = await failure(get());
    expect(error).toBeInstanceOf(SaveError);
    expect(error.message).toMatch(/cannot be written: part of its path is a file/);
  });

  it('a name that cannot be one', async () => {
    expect((await failure(pull('qwen', { settings }))).message).toMatch(
      /qwen: no such model; expected .*qwen3-0\.6b/,
    );
    expect((await failure(pull('../etc/passwd.gguf', { settings }))).message).toMatch(/no such model/);
    expect(hub.requests).toEqual([]);
  });
});

describe('paths', () => {
  it('folders and .gguf files resolve to themselves, pinocchios to the embedded models', async () => {
    expect(await resolveModel(folder, { settings })).toBe(folder);
    const gguf = join(folder, 'a.gguf');
    writeFileSync(gguf, 'GGUF');
    expect(await resolveModel(gguf, { settings })).toBe(gguf);
    for (const name of ['pinocchio', 'pinocchio-large']) {
      expect(await resolveModel(name, { settings })).toBe(resolve('models', name));
    }
    const text = join(folder, 'a.txt');
    writeFileSync(text, '');
    await expect(resolveModel(text, { settings })).rejects.toThrow(/not a model; expected a folder/);
  });
});

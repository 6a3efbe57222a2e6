/** Data sets of the hub: what is fetched, where it lies, and which files are which split. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSources } from '../../src/data/dataset.js';
import { parseTrainingRow } from '../../src/data/parse-row.js';
import { DownloadError, type UserError } from '../../src/errors.js';
import { layoutOf } from '../../src/hub/dataset-layout.js';
import { type DatasetPullOptions, pullDataset } from '../../src/hub/datasets.js';
import { UnreachableError } from '../../src/hub/request.js';
import type { HubSettings } from '../../src/hub/settings.js';
import { commit, FakeServer } from './fake-server.js';

const REPO = 'Someone/Small-Rows';
const shard = (name: string) => readFileSync(`test/fixtures/data/${name}`);
const CARD = `---
license: mit
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train-*}
  - {split: test, path: [main/test-*, "main/more test.csv"]}
- config_name: small
  default: true
  data_dir: small
---
# Rows
`;
const files = new Map([
  ['README.md', Buffer.from(CARD)],
  ['main/train-00000-of-00002.parquet', shard('pairs-none.parquet')],
  ['main/train-00001-of-00002.parquet', shard('pairs-gzip.parquet')],
  ['main/test-00000-of-00001.parquet', shard('pairs-lz4.parquet')],
  ['main/more test.csv', shard('rows.csv')],
  ['small/all.jsonl', Buffer.from('{"prompt": "a", "completion": "b"}\n')],
  ['load.py', Buffer.from('raise')],
]);

let folder: string;
let hub: FakeServer;
let settings: HubSettings;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ealign-datasets-'));
  hub = new FakeServer(REPO, new Map(files), 'datasets');
  await hub.start();
  settings = hub.settings(folder);
});
afterEach(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true });
});

const get = (options: DatasetPullOptions = {}) => pullDataset(REPO, { settings, pause: 0, ...options });
async function read(source: Parameters<typeof readSources>[0], notes: string[] = []) {
  const [{ rows }] = await readSources(source, parseTrainingRow, (line) => notes.push(line), { settings });
  return rows;
}
const failure = (promise: Promise<unknown>): Promise<UserError> =>
  promise.then(
    () => expect.fail('should have failed'),
    (error) => error,
  );

describe('a data set of the hub', () => {
  it('is fetched into the cache of Hugging Face’s own tools, and read by its id', async () => {
    const missing = await failure(read(REPO));
    expect(missing.message).toMatch(
      /^Someone\/Small-Rows: no such file .*run: ealign pull --dataset Someone\/Small-Rows$/,
    );
    const path = await get();
    expect(path).toBe(join(settings.cache, 'datasets--Someone--Small-Rows', 'snapshots', commit));
    expect(readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()).toEqual(
      ['main', 'small', ...files.keys()].filter((name) => name !== 'load.py').sort(),
    );
    hub.requests.length = 0;
    const notes: string[] = [];
    const rows = await read({ path: REPO, subset: 'main' }, notes);
    expect(rows).toHaveLength(50);
    expect(rows[25].where).toBe(`${REPO}/main/train-00001-of-00002.parquet#1`);
    expect(notes).toEqual([`${REPO}: the split train is read, and not test.`]);
    expect(await read({ path: `${REPO}#test`, subset: 'main' })).toHaveLength(28);
    // the default subset of the card; its one file says no split
    expect((await read(REPO)).map(({ where }) => where)).toEqual([`${REPO}/small/all.jsonl:1`]);
    expect(hub.requests).toEqual([]);
  });

  it('is fetched by subset and split', async () => {
    await get({ subset: 'main', split: 'test' });
    expect(hub.downloads.map((line) => line.split(`${commit}/`)[1])).toEqual([
      'README.md',
      'main/test-00000-of-00001.parquet',
      'main/more test.csv',
    ]);
    expect(await read({ path: REPO, subset: 'main', split: 'test' })).toHaveLength(28);
    const error = await failure(read({ path: REPO, subset: 'main', split: 'train' }));
    expect(error.message).toBe(
      `${REPO}: no split train; expected one of test. If it is on the hub, run: ealign pull --dataset ${REPO}`,
    );
  });

  it('of which the card lists a train that was not fetched is read by the name of another split only', async () => {
    await get({ subset: 'main', split: 'test' });
    const error = await failure(read({ path: REPO, subset: 'main' }));
    expect(error.message).toBe(
      `${REPO}: the split train of this data set is not here. Pull it: ealign pull --dataset ${REPO} --subset main --split train, or write ${REPO}#test`,
    );
    const other = await failure(read(REPO));
    expect(other.message).toMatch(/no files of rows .*if it is on the hub, run: ealign pull --dataset \S+$/i);
    // several without a train are several, whichever of them is here
    hub.commit = 'b'.repeat(40);
    hub.files.set('README.md', Buffer.from(CARD.replace('split: train', 'split: sft')));
    await get({ subset: 'main', split: 'test' });
    expect((await failure(read({ path: REPO, subset: 'main' }))).message).toMatch(
      /several splits, and none is named, got test, sft\. Name one: \S+#test$/,
    );
    hub.files.set('README.md', Buffer.from('---\ndataset_info:\n  splits:\n  - name: train\n---\n'));
    hub.files.delete('small/all.jsonl');
    rmSync(settings.cache, { recursive: true });
    await get({ split: 'test' });
    expect((await failure(read(REPO))).message).toMatch(/the split train of this data set is not here/);
  });

  it('of which only another split than train is there is read with a note', async () => {
    hub.files.delete('README.md');
    await get({ split: 'test' });
    const notes: string[] = [];
    expect(await read(REPO, notes)).toHaveLength(25);
    expect(notes).toEqual([`${REPO}: the split test is read: there is no train here.`]);
    expect(await read(`${REPO}#test`, notes)).toHaveLength(25);
    expect(notes).toHaveLength(1);
  });

  it('keeps what was fetched at an earlier commit and is the same now, and names the rest', async () => {
    await get({ subset: 'main', split: 'train' });
    hub.commit = 'b'.repeat(40);
    const notes: string[] = [];
    const onNote = (line: string) => notes.push(line);
    await get({ subset: 'main', split: 'test', onNote });
    expect(await read({ path: REPO, subset: 'main' })).toHaveLength(50);
    expect(notes).toEqual([]);
    // half of a split would be trained on as if it were all of it
    hub.commit = 'c'.repeat(40);
    hub.files.set('main/train-00001-of-00002.parquet', shard('pairs-brotli.parquet'));
    await get({ subset: 'main', split: 'test', onNote });
    expect(notes).toEqual([
      `${REPO}: fetched earlier, and other on the hub now: main/train-00000-of-00002.parquet, main/train-00001-of-00002.parquet. Fetch what you need of them again.`,
    ]);
    expect((await failure(read({ path: REPO, subset: 'main' }))).message).toMatch(/train .* is not here/);
  });

  it('names files that are of no split, when it is fetched and when it is read', async () => {
    hub.files.delete('README.md');
    const notes: string[] = [];
    const path = await get({ onNote: (line) => notes.push(line) });
    const left = 'main/more test.csv, small/all.jsonl';
    expect(notes).toEqual([`${REPO}: files of no split, which are not fetched: ${left}.`]);
    writeFileSync(join(path, 'chats.jsonl'), '');
    notes.length = 0;
    await read(REPO, notes);
    expect(notes).toEqual([
      `${REPO}: the split train is read, and not test.`,
      `${REPO}: files of no split, which are not read: chats.jsonl.`,
    ]);
  });

  it('names subsets and splits that are not there', async () => {
    const subset = await failure(get({ subset: 'other' }));
    expect(subset.message).toBe(
      `${REPO}: no subset other in this data set; expected subset to be one of main, small`,
    );
    const split = await failure(get({ subset: 'main', split: 'dev' }));
    expect(split.message).toBe(`${REPO}: no split dev in this data set; expected one of train, test`);
    expect(split).toBeInstanceOf(DownloadError);
  });

  it('that only a script can load says so', async () => {
    for (const name of [...hub.files.keys()]) if (name !== 'load.py') hub.files.delete(name);
    const error = await failure(get());
    expect(error.message).toMatch(/no files of rows; .* got load\.py\. Data sets that need a Python script/);
  });

  it('is taken from the cache where the hub is out of reach, or where HF_HUB_OFFLINE is set', async () => {
    const path = await get();
    hub.faults.status = 503;
    const notes: string[] = [];
    expect(await get({ onNote: (line) => notes.push(line) })).toBe(path);
    expect(notes.join()).toContain(`using ${path}`);
    hub.requests.length = 0;
    const offline = { ...settings, offline: true };
    expect(await get({ settings: offline })).toBe(path);
    const error = await failure(get({ settings: { ...offline, cache: join(folder, 'none') } }));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toMatch(/HF_HUB_OFFLINE is set and the data set is not cached/);
    expect(hub.requests).toEqual([]);
  });

  it('keeps no file whose checksum is wrong', async () => {
    hub.faults.corrupt = 'train-00001';
    expect((await failure(get())).message).toMatch(
      /train-00001-of-00002\.parquet: .* does not match its checksum/,
    );
    await expect(read(REPO)).rejects.toThrow(/has been fetched/);
  });

  it('of which a shard is missing is not read', async () => {
    const path = await get();
    rmSync(join(path, 'main/train-00001-of-00002.parquet'));
    const error = await failure(read({ path: REPO, subset: 'main' }));
    expect(error.message).toBe(
      `${REPO}: main/train-00001-of-00002.parquet of this data set is not here. Run: ealign pull --dataset ${REPO}`,
    );
  });
});

describe('layoutOf', () => {
  const splits = (...paths: string[]) => Object.fromEntries(layoutOf(paths).subsets.get('default')!.splits);

  it('reads splits in the names of shards, whatever they are called', () => {
    expect(
      splits('data/train_sft-00000-of-00001.parquet', 'data/test_gen-00000-of-00001.parquet', 'x.py'),
    ).toEqual({
      train_sft: ['data/train_sft-00000-of-00001.parquet'],
      test_gen: ['data/test_gen-00000-of-00001.parquet'],
    });
  });

  it('reads the usual words elsewhere', () => {
    expect(
      splits('train.jsonl.gz', 'val/a.csv', 'val/b.csv', 'my_test_set.json', 'dataset_infos.json'),
    ).toEqual({
      train: ['train.jsonl.gz'],
      validation: ['val/a.csv', 'val/b.csv'],
      test: ['my_test_set.json'],
    });
  });

  it('takes everything for training where no name says anything', () => {
    expect(splits('b.parquet', 'a.parquet', 'constrained.txt')).toEqual({
      train: ['a.parquet', 'b.parquet'],
    });
  });

  it('lists what is of no split beside files that are', () => {
    const left = (...paths: string[]) => layoutOf(paths).subsets.get('default')!.left;
    expect(left('train_math.jsonl', 'chats.jsonl')).toEqual(['chats.jsonl']);
    expect(left('data/train-00000-of-00001.parquet', 'more.parquet', '.hidden.jsonl')).toEqual([
      'more.parquet',
    ]);
    expect(left('train.arrow', 'cache-3f2a.arrow')).toEqual(['cache-3f2a.arrow']);
    // names of the user's own
    expect(splits('tmp_rows.jsonl', 'cache-me.csv', 'cache-3f2a.arrow')).toEqual({
      train: ['cache-me.csv', 'tmp_rows.jsonl'],
    });
  });

  it('reads a card as the hub does, and none that is no YAML', () => {
    const card = '---\nconfigs:\n- config_name: x\n  data_files: "**/*.csv"\n---\n';
    expect(layoutOf(['a.csv', 'b/c.csv', 'd.json'], card).subsets.get('x')!.splits).toEqual(
      new Map([['train', ['a.csv', 'b/c.csv']]]),
    );
    expect(layoutOf(['a.csv'], '---\n[: x\n---\n').subsets.get('default')!.splits).toEqual(
      new Map([['train', ['a.csv']]]),
    );
  });
});

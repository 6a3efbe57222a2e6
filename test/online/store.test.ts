/** What online learning remembers, and what it lets people do with it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { collect } from '../../src/online/collector.js';
import { redact } from '../../src/online/redact.js';
import { OnlineStore } from '../../src/online/store.js';

let store: OnlineStore;
beforeEach(() => {
  store = new OnlineStore(mkdtempSync(join(tmpdir(), 'store-')));
});

const say = (key: string, prompt: string, text = 'no .') =>
  collect(store, {
    ...{ key, request: 'req', served: null },
    messages: [{ role: 'user', content: prompt }],
    draft: { text, finish: 'stop', tokens: 2 },
  });
const response = { text: 'yes .', finish: 'stop' as const, tokens: 2 };
const pairOf = (id: number) => ({
  messages: store.record(id)!.messages,
  ...{ chosen: response, rejected: store.record(id)!.draft, cluster: id, margin: 0.5 },
});
const version = (id: number, verdict: 'start' | 'passed' | 'refused', pairs: number[] = []) =>
  store.addVersion({ id, parent: id === 0 ? null : 0, verdict, report: {}, pairs: pairs.length }, pairs);

describe('records', () => {
  it('are looked at in turns of their keys', () => {
    for (let i = 0; i < 50; i++) say('flood', `question ${i}`);
    say('ada', 'a question of mine');
    expect(store.pending(2).map(({ key }) => key)).toEqual(['flood', 'ada']);
  });

  it('without keys are looked at in turns of their networks', () => {
    const from = (address: string, content: string) =>
      collect(store, {
        ...{ key: 'anybody', address, request: 'req', served: null, messages: [{ role: 'user', content }] },
        draft: { text: 'no .', finish: 'stop', tokens: 2 },
      });
    for (let i = 0; i < 50; i++) from('203.0.113.9', `question ${i}`);
    const own = from('198.51.100.1', 'a question of mine');
    expect(store.pending(2).map(({ id }) => id)).toEqual([1, own]);
  });

  it('repeat others only within a version', () => {
    const [first, second] = [say('ada', 'How are you?'), say('ben', ' how are YOU ')];
    expect(store.repeats(store.record(second)!)).toBe(false);
    store.settle(first, { status: 'accepted' });
    expect(store.repeats(store.record(second)!)).toBe(true);
    expect(store.repeats(store.record(say('ada', 'How are you?', 'another answer'))!)).toBe(false);
  });

  it('hold no secrets and no addresses', () => {
    const id = say(
      'ada',
      'mail ann.lee@mail.example.org, my key is sk-proj-abcdefghijklmnop1234 and card 4111 1111 1111 1111',
      'password: hunter2hunter2, order 1234567890123',
    );
    const { messages, draft } = store.record(id)!;
    expect(messages[0].content).toBe('mail [e-mail], my key is [key] and card [card number]');
    expect(draft.text).toBe('password: [secret], order 1234567890123');
  });

  it.each([
    ['write to ann@example.org, or to BEN.LEE+x@mail.example.co.uk.', 'write to [e-mail], or to [e-mail].'],
    ['jürgen@müller.example ... иван@пример.рф', '[e-mail] ... [e-mail]'],
    ['请写信给ann@example.org谢谢', '请写信给[e-mail]谢谢'],
    [
      'a@b.orgc@d.org, .x@y.org, "@home", a@b, me @ work.org',
      '[e-mail]@d.org, .[e-mail], "@home", a@b, me @ work.org',
    ],
    ['Authorization: Bearer abcdefghijklmnop1234==', 'Authorization: Bearer [token]'],
    ['eyJhbGciOiJ.eyJzdWIiOiI.c2lnbmF0dXJl and eyJhbGciOiJub25l alone', '[token] and eyJhbGciOiJub25l alone'],
    ['https://ann:hunter2@example.org/', 'https://[credentials]@example.org/'],
    ['api_key = "abcdef123", secret: [key]', 'api_key = "[secret]", secret: [key]'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE', '[private key]'],
  ])('hold nothing of %j', (text, kept) => {
    expect(redact(text)).toBe(kept);
  });

  it('are deleted with their pairs, from the file itself', () => {
    const id = say('ada', 'a sentence that nobody else says');
    store.settle(id, { status: 'paired' }, pairOf(id));
    say('ben', 'another');
    expect(store.forget({ key: 'ada' })).toBe(1);
    expect(store.newPairs()).toEqual([]);
    expect(store.records({ limit: 9 }).map(({ key }) => key)).toEqual(['ben']);
    for (const name of ['online.db', 'online.db-wal']) {
      const path = join(store.folder, name);
      if (existsSync(path)) expect(readFileSync(path).includes('nobody else says')).toBe(false);
    }
    expect(store.events(1)).toMatchObject([{ what: 'deleted', detail: { records: 1, key: 'ada' } }]);
  });

  it('leave after the retention period', () => {
    const old = say('ada', 'old');
    expect(store.forget({ before: Date.now() - 1000 })).toBe(0);
    expect(store.forget({ before: Date.now() + 1000 })).toBe(1);
    expect(store.record(old)).toBeUndefined();
  });

  it('leave quarantine only by a decision', () => {
    const [a, b] = [say('ada', 'a'), say('ada', 'b')];
    for (const id of [a, b]) store.settle(id, { status: 'quarantined', reason: 'disputed' });
    store.decide(a, true);
    store.decide(b, false);
    expect(store.record(a)).toMatchObject({ status: 'pending', released: true });
    expect(store.record(b)).toMatchObject({ status: 'rejected' });
    expect(() => store.decide(b, true)).toThrow(/not in quarantine/);
  });

  it('survive kill -9 right after they were kept', () => {
    // the driver alone, as the built product uses it, in a process that ends itself
    const libsql = createRequire(import.meta.url).resolve('libsql');
    const script = `
      import Database from ${JSON.stringify(libsql)};
      const db = new Database(${JSON.stringify(join(store.folder, 'online.db'))});
      const keep = db.prepare("INSERT INTO records (at, key, request, messages, draft, fingerprint) VALUES (0, 'k', 'r', '[]', '{}', ?)");
      for (let i = 0; i < 200; i++) keep.run(String(i));
      process.kill(process.pid, 'SIGKILL');
    `;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(signal).toBe('SIGKILL');
    expect(new OnlineStore(store.folder).counts()).toEqual({ pending: 200 });
  });

  it('of an earlier version of the program are read, and its pairs count as made when they were', () => {
    const folder = mkdtempSync(join(tmpdir(), 'store-'));
    const db = new Database(join(folder, 'online.db'));
    db.exec(`
      CREATE TABLE records (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
        messages TEXT NOT NULL, draft TEXT NOT NULL, served TEXT, fingerprint TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'pending', reason TEXT, findings TEXT, released INTEGER NOT NULL DEFAULT 0);
      CREATE TABLE pairs (id INTEGER PRIMARY KEY, record INTEGER NOT NULL UNIQUE REFERENCES records (id) ON DELETE CASCADE,
        messages TEXT NOT NULL, chosen TEXT NOT NULL, rejected TEXT NOT NULL, cluster INTEGER NOT NULL,
        margin REAL NOT NULL, tried INTEGER NOT NULL DEFAULT 0, version INTEGER);
      CREATE TABLE versions (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, parent INTEGER, verdict TEXT NOT NULL,
        report TEXT NOT NULL, pairs INTEGER NOT NULL);
      CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
      CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);
      INSERT INTO records (id, at, key, request, messages, draft, fingerprint) VALUES
        (1, 1000, 'ada', 'r', '[]', '{"text":""}', 'a'), (2, ${Date.now()}, 'ben', 'r', '[]', '{"text":""}', 'b');
      INSERT INTO pairs (record, messages, chosen, rejected, cluster, margin) VALUES
        (1, '[]', '{"text":""}', '{"text":""}', 1, 0.5), (2, '[]', '{"text":""}', '{"text":""}', 2, 0.5);
      INSERT INTO versions VALUES (0, 1, NULL, 'start', '{}', 0), (1, 2, 0, 'passed', '{}', 9);
      INSERT INTO settings VALUES ('live', '1');
      INSERT INTO events (at, what, detail) VALUES (1, 'live', '{"version":0}'), (2, 'live', '{"version":1}');
    `);
    db.close();
    for (const old of [new OnlineStore(folder), new OnlineStore(folder)]) {
      expect(old.records({ limit: 9 }).map(({ key, address }) => [key, address])).toEqual([
        ['ben', null],
        ['ada', null],
      ]);
      expect(old.pairsWithin(24 * 3_600_000).map(({ key }) => key)).toEqual(['ben']);
      expect([old.live, old.liveWithin(1000), old.measured(0, 'y')]).toEqual([1, [1], undefined]);
      old.close();
    }
    const later = new Database(join(folder, 'online.db'));
    later.exec('PRAGMA user_version = 99');
    later.close();
    expect(() => new OnlineStore(folder)).toThrow(/its version is 99/);
  });

  it('are in a database, or there is one clear line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'store-'));
    writeFileSync(join(folder, 'online.db'), 'this is no database, but it is long enough to be read as one');
    expect(() => new OnlineStore(folder)).toThrow(/online\.db: cannot be opened/);
    expect(() => OnlineStore.existing(join(folder, 'nothing'))).toThrow(/no state of online learning/);
  });
});

describe('versions', () => {
  it('go live when they pass, unless somebody has decided otherwise', () => {
    expect(version(0, 'start')).toBe(true);
    expect(version(1, 'refused')).toBe(false);
    expect(version(2, 'passed')).toBe(true);
    expect(store.live).toBe(2);
    store.pin(0);
    expect(version(3, 'passed')).toBe(false);
    expect([store.live, store.pinned]).toEqual([0, true]);
    store.unpin();
    store.switchLearning(false);
    expect(version(4, 'passed')).toBe(false);
    store.switchLearning(true);
    expect(version(5, 'passed')).toBe(true);
    expect(() => store.pin(99)).toThrow(/version 99/);
    expect(store.live).toBe(5);
  });

  it('use pairs up; refused ones leave them a second chance', () => {
    version(0, 'start');
    const ids = ['a', 'b'].map((prompt) => say('ada', prompt));
    for (const id of ids) store.settle(id, { status: 'paired' }, pairOf(id));
    const [a, b] = store.newPairs().map(({ id }) => id);
    version(1, 'refused', [a, b]);
    expect(store.newPairs().map(({ tried }) => tried)).toEqual([1, 1]);
    version(2, 'refused', [a]);
    expect(store.newPairs().map(({ id }) => id)).toEqual([b]);
    version(3, 'passed', [b]);
    expect(store.newPairs()).toEqual([]);
    expect(store.oldPairs(9).map(({ id }) => id)).toEqual([b]);
  });

  it('are known by the time at which they were live, on the learner’s own clock', () => {
    version(0, 'start');
    store.hasRun(1000);
    version(1, 'passed');
    store.hasRun(10);
    const within = () => [5, 500, 5000].map((ms) => store.liveWithin(ms));
    expect(within()).toEqual([[1], [0, 1], [0, 1]]);
    // whoever sets the clock of the machine opens no new day
    vi.useFakeTimers({ now: Date.now() + 1e9, toFake: ['Date'] });
    expect(within()).toEqual([[1], [0, 1], [0, 1]]);
    vi.useRealTimers();
  });
});

/** A database with a damaged page: one clear line, and all the rest goes on. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeAll, expect, it } from 'vitest';
import { SaveError, UserError } from '../../src/errors.js';
import { collect } from '../../src/online/collector.js';
import type { Online } from '../../src/online/online.js';
import { OnlineStore } from '../../src/online/store.js';
import { collecting, onlineMetrics } from '../../src/serve/online.js';

const PAGE = 4096;
const said = {
  ...{ key: 'ann', request: 'req', served: null },
  messages: [{ role: 'user' as const, content: 'a question '.repeat(60) }],
  draft: { text: 'an answer', finish: 'stop' as const, tokens: 2 },
};
let whole: Buffer;
let pages: number;

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'whole-'));
  const store = new OnlineStore(folder);
  for (let i = 0; i < 40; i++) collect(store, { ...said, request: `req-${i}` });
  store.addVersion({ id: 0, parent: null, verdict: 'start', report: {}, pairs: 0 }, []);
  store.forget({ id: 1 });
  store.close();
  whole = readFileSync(join(folder, 'online.db'));
  pages = whole.length / PAGE;
});

/** @param page of the file, filled with rubbish; the first keeps its header */
function damaged(page: number): string {
  const bytes = Buffer.from(whole);
  bytes.fill(0xa5, page * PAGE + (page === 0 ? 100 : 0), (page + 1) * PAGE);
  const folder = mkdtempSync(join(tmpdir(), 'damaged-'));
  writeFileSync(join(folder, 'online.db'), bytes);
  return folder;
}
const uses: Record<string, (store: OnlineStore) => unknown> = {
  keep: (store) => collect(store, said),
  counts: (store) => store.counts(),
  learning: (store) => store.learning,
  live: (store) => store.live,
  pending: (store) => store.pending(10),
  records: (store) => store.records({ limit: 100 }),
  versions: (store) => store.versions(),
  events: (store) => store.events(10),
  pairs: (store) => store.newPairs(),
  switch: (store) => store.switchLearning(false),
  settle: (store) => store.settle(7, { status: 'accepted' }),
  forget: (store) => store.forget({ id: 9 }),
};

/** Names of the uses that fail, each with one clear line; all of them where the file cannot be opened. */
function failing(folder: string): string[] {
  const lines: string[] = [];
  const refused = (work: () => unknown) => {
    try {
      work();
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(SaveError);
      lines.push((error as Error).message);
      return true;
    }
  };
  let store: OnlineStore | undefined;
  const names = Object.keys(uses);
  const found = refused(() => {
    store = new OnlineStore(folder);
  })
    ? names
    : names.filter((name) => refused(() => uses[name](store!)));
  store?.close();
  for (const line of lines)
    expect(line).toMatch(/online\.db: the database is damaged \(.+\)\. Stop the server/);
  return found;
}

it('whatever page is damaged, what reads it says so in one line, and nothing else fails', () => {
  const all = Array.from({ length: pages }, (_, page) => failing(damaged(page)));
  expect(all[0]).toEqual(Object.keys(uses));
  expect(all.slice(1).every((found) => found.length < Object.keys(uses).length)).toBe(true);
  for (const name of Object.keys(uses)) expect(all.slice(1).flat()).toContain(name);
});

it('a file that is no database, and a folder in its place, are refused likewise', () => {
  const folder = mkdtempSync(join(tmpdir(), 'damaged-'));
  writeFileSync(join(folder, 'online.db'), 'words '.repeat(1000));
  expect(() => new OnlineStore(folder)).toThrow(/online\.db: cannot be opened as .*not a database/);
  const other = mkdtempSync(join(tmpdir(), 'damaged-'));
  mkdirSync(join(other, 'online.db'));
  expect(() => new OnlineStore(other)).toThrow(/online\.db: cannot be opened as /);
});

it('a record whose text is damaged is named', () => {
  const bytes = Buffer.from(whole);
  const at = bytes.indexOf('[{"role":"user"');
  bytes.write('x', at);
  const folder = mkdtempSync(join(tmpdir(), 'damaged-'));
  writeFileSync(join(folder, 'online.db'), bytes);
  const store = new OnlineStore(folder);
  expect(() => store.records({ limit: 100 })).toThrow(/^record \d+: damaged: .*ealign audit delete --record/);
  store.close();
});

/** The page whose damage takes one use, and not the other. */
function pageOf(taken: string, kept: string): OnlineStore {
  for (let page = 1; page < pages; page++) {
    const found = failing(damaged(page));
    if (found.includes(taken) && !found.includes(kept)) return new OnlineStore(damaged(page));
  }
  throw new Error('there is no such page');
}

it('/metrics loses the gauge that cannot be read, and no other; the log says why, once', async () => {
  const store = pageOf('learning', 'counts');
  const state = {
    version: 3,
    get learning() {
      return store.learning;
    },
    get records() {
      return store.counts();
    },
  };
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const registry = new Registry();
  onlineMetrics({ state }, registry, log);
  for (let i = 0; i < 3; i++) {
    const text = await registry.metrics();
    expect(text).toContain('ealign_online_version 3');
    expect(text).toContain('ealign_online_records{status="pending"} 39');
    expect(text).not.toMatch(/^ealign_online_learning/m);
  }
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0])).toMatchObject({
    msg: '/metrics cannot tell ealign_online_learning',
    reason: expect.stringContaining('the database is damaged'),
  });
  store.close();
});

it('an answer that cannot be stored leaves all the same, and the log has one line of it', () => {
  const store = pageOf('keep', 'learning');
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const online = { collect: (exchange) => void collect(store, exchange) } as Online;
  collecting(
    online,
    log,
  )({
    ...{ key: 'ann', requestId: 'req_1', connection: undefined, forwarded: undefined },
    request: { messages: said.messages, options: {} } as never,
    answer: { draft: said.draft, record: null } as never,
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('stack');
  expect(JSON.parse(lines[0])).toMatchObject({
    request_id: 'req_1',
    reason: expect.stringContaining('damaged'),
  });
  store.close();
});

it('what is wrong with the work in a transaction is no damage', () => {
  const store = new OnlineStore(mkdtempSync(join(tmpdir(), 'whole-')));
  expect(() => store.pin(5)).toThrow(UserError);
  expect(() => store.pin(5)).not.toThrow(SaveError);
  store.close();
});

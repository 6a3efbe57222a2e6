/** Who owns a round: not whoever has many keys, many addresses, many topics or much to say. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainingEngine } from '../../src/engine/training-engine.js';
import { callerAddress, hiddenNetwork, proxyList } from '../../src/online/addresses.js';
import { Acquaintance, ANYBODY, type Caller, keptWeights } from '../../src/online/callers.js';
import { collect } from '../../src/online/collector.js';
import { ClusterDraws } from '../../src/online/round.js';
import { onlineSchema } from '../../src/online/settings.js';
import { OnlineStore } from '../../src/online/store.js';
import type { StoredPair } from '../../src/online/stored.js';
import { Random } from '../../src/random.js';

const HOUR = 3_600_000;
const NOW = 1000 * 24 * HOUR;
const { quota } = onlineSchema.parse({ folder: 'x', data: 'y' });

interface Group extends Caller {
  /** Hours ago. */
  readonly since: number;
  readonly clusters: number;
  readonly perCluster?: number;
}

let lastCluster = 0;
function pairsOf({ key, address, clusters, perCluster = 1 }: Group): StoredPair[] {
  return Array.from({ length: clusters }, () => {
    lastCluster += 1;
    return Array.from({ length: perCluster }, (_, i) => {
      return { id: 1000 * lastCluster + i, key, address, cluster: lastCluster } as StoredPair;
    });
  }).flat();
}

/** Shares of 4000 draws of a round, by what `of` says of a pair. */
async function drawn(groups: readonly Group[], of: (pair: StoredPair) => string) {
  const pairs = groups.flatMap(pairsOf);
  const heard = groups.map((group) => ({ ...group, first: NOW - HOUR * group.since }));
  const kept = keptWeights(pairs, quota, new Acquaintance(heard, quota, NOW));
  const engine = { sequenceLogps: async () => [{ logpSum: 0 }, { logpSum: 0 }] } as unknown as TrainingEngine;
  const owner = new Map<object, string>();
  const tokenised = pairs.map((pair, i) => {
    const chosen = {};
    owner.set(chosen, of(pair));
    return { pair, kept: kept[i], rows: { chosen, rejected: {} } as never };
  });
  const draws = new ClusterDraws(engine, tokenised, 4000, new Random(1));
  const counts: Record<string, number> = {};
  for (const { chosen } of (await draws.draw()).pairs) {
    const name = owner.get(chosen)!;
    counts[name] = (counts[name] ?? 0) + 1 / 4000;
  }
  const thinned = draws.thinned().map(({ pair }) => of(pair));
  return { counts, thinned, kept };
}

const clean = (i: number, since: number): Group => ({
  ...{ key: `clean-${i}`, address: `home-${i}`, since, clusters: 8 },
});
const kind = ({ key }: StoredPair) => key.split('-')[0];

describe('the draws of a round', () => {
  it('stay with clean callers under 40 sybils: fresh keys, each from its own network, each on many topics', async () => {
    const callers = Array.from({ length: 5 }, (_, i) => clean(i, 24 * (10 + i)));
    const sybils = Array.from({ length: 40 }, (_, i): Group => {
      return { key: `sybil-${i}`, address: `net-${i}`, since: i, clusters: 20, perCluster: 3 };
    });
    const { counts, thinned } = await drawn([...callers, ...sybils], kind);
    expect(counts.clean).toBeGreaterThan(0.72);
    expect(thinned.filter((name) => name === 'clean').length / thinned.length).toBeGreaterThan(0.6);
  });

  it('stay with them on the first day of a server, when all are new, unless the sybils came one by one', async () => {
    const callers = Array.from({ length: 5 }, (_, i) => clean(i, 2 + i));
    const sybils = Array.from({ length: 40 }, (_, i): Group => {
      return { key: `sybil-${i}`, address: `net-${i}`, since: 0.5, clusters: 20 };
    });
    const { counts } = await drawn([...callers, ...sybils], kind);
    expect(counts.clean).toBeGreaterThan(0.67);
  });

  it('are not for one network with 40 keys, however long they have been known', async () => {
    const callers = Array.from({ length: 5 }, (_, i) => clean(i, 24 * 20));
    const sybils = Array.from({ length: 40 }, (_, i): Group => {
      return { key: `sybil-${i}`, address: 'one network', since: 24 * 20, clusters: 20 };
    });
    const { counts } = await drawn([...callers, ...sybils], kind);
    expect(counts.clean).toBeGreaterThan(0.67);
  });

  it('know callers without keys by their network', async () => {
    const callers = Array.from({ length: 5 }, (_, i) => ({ ...clean(i, 24 * 20), key: ANYBODY }));
    const sybils = Array.from({ length: 40 }, (_, i): Group => {
      return { key: ANYBODY, address: `net-${i}`, since: 1, clusters: 20 };
    });
    const { counts } = await drawn([...callers, ...sybils], ({ address }) => address!.split('-')[0]);
    expect(counts.home).toBeGreaterThan(0.72);
  });

  it('give no key more than its share, where there are several', async () => {
    const group = (key: string, clusters: number): Group => ({ key, address: null, since: 1, clusters });
    const { counts } = await drawn([group('flood', 90), group('ada', 6), group('ben', 4)], ({ key }) => key);
    expect(counts.flood).toBeGreaterThan(0.47);
    expect(counts.flood).toBeLessThan(0.53);
    expect((await drawn([group('only', 9)], kind)).kept).toEqual(Array(9).fill(1));
    expect((await drawn([group('ada', 8), group('ben', 8)], kind)).kept).toEqual(Array(16).fill(1));
  });

  it('are for each group of like prompts the same, however many pairs it has', async () => {
    const group = (key: string, perCluster: number): Group => ({
      ...{ key, address: null, since: 24 * 9, clusters: 2, perCluster },
    });
    const { counts, kept } = await drawn([group('much', 12), group('little', 1)], kind);
    expect(kept.every((weight) => weight === 1)).toBe(true);
    expect(counts.much).toBeCloseTo(0.5, 1);
  });
});

describe('an address', () => {
  const proxies = proxyList(['10.0.0.0/8', '::1']);

  it.each([
    ['203.0.113.9', undefined, '203.0.113.9'],
    ['::ffff:203.0.113.9', undefined, '203.0.113.9'],
    // what callers write themselves counts only behind a proxy of ours, and there only what it added
    ['203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['10.1.2.3', '1.2.3.4, 198.51.100.1, 10.9.9.9', '198.51.100.1'],
    ['::1', '[2001:db8::7]:443', '2001:db8::7'],
    ['10.1.2.3', '198.51.100.1:5000', '198.51.100.1'],
    ['10.1.2.3', 'unknown', '10.1.2.3'],
    [undefined, '198.51.100.1', undefined],
  ])('from %s, forwarded for %s, is %s', (connection, forwarded, address) => {
    expect(callerAddress(connection, forwarded, proxies)).toBe(address);
  });

  it('is no proxy by mistake', () => {
    for (const wrong of ['10.0.0.0/33', 'proxy.example.org', '10.0.0.0/8/8', '10.0.0.0/x', '']) {
      expect(() => proxyList([wrong])).toThrow(/trusted_proxies\[0\]: no address/);
    }
  });

  it('is stored as its network, hidden, and found again to be deleted', () => {
    const store = new OnlineStore(mkdtempSync(join(tmpdir(), 'callers-')));
    const draft = { text: 'no .', finish: 'stop' as const, tokens: 2 };
    const messages = [{ role: 'user' as const, content: 'why ?' }];
    const said = { key: ANYBODY, request: 'r', served: null, messages, draft };
    const ids = ['203.0.113.9', '203.0.113.200', '203.0.114.9', '2001:db8:7::1', '2001:db8:7:8::1'].map(
      (address) => collect(store, { ...said, address }),
    );
    const hidden = ids.map((id) => store.record(id)!.address!);
    expect(hidden[0]).toBe(hidden[1]);
    expect(hidden[3]).toBe(hidden[4]);
    expect(new Set(hidden).size).toBe(3);
    expect(hidden.join()).not.toContain('203');
    expect(hiddenNetwork('203.0.113.9', 'another state')).not.toBe(hidden[0]);
    expect(store.forget({ address: hiddenNetwork('203.0.113.77', store.secret) })).toBe(2);
    expect(store.records({ limit: 9 }).map(({ id }) => id)).toEqual(ids.slice(2).reverse());
    store.close();
  });
});

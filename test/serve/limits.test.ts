/** Keys, rates and turns. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { Admission } from '../../src/serve/admission.js';
import { findKey, keysFromVariable, readKeys, requireDistinct } from '../../src/serve/keys.js';
import { RateLimiter } from '../../src/serve/rate-limit.js';

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

describe('keys', () => {
  const read = (yaml: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'ealign-keys-'));
    const path = join(folder, 'keys.yaml');
    writeFileSync(path, yaml);
    try {
      return readKeys(path);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('stand in a file, as they are or as their digest, with their limits', () => {
    const keys = read(
      `alice:\n  key: correct-horse\n  requests_per_minute: 6\nbob:\n  key: sha256:${digest('battery-staple')}\n`,
    );
    expect(findKey(keys, 'Bearer correct-horse')).toMatchObject({ name: 'alice', requestsPerMinute: 6 });
    expect(findKey(keys, 'bearer battery-staple')?.name).toBe('bob');
    for (const wrong of [
      undefined,
      '',
      'correct-horse',
      'Bearer',
      'Bearer correct-hors',
      'Basic correct-horse',
    ]) {
      expect(findKey(keys, wrong)).toBeUndefined();
    }
  });

  it.each([
    ['alice: 5', 'alice'],
    ['alice: { key: short }', 'alice.key'],
    ['alice: { key: sha256:12345678 }', 'alice.key'],
    ['alice: { key: correct-horse, rate: 5 }', 'alice'],
    ['a b: { key: correct-horse }', 'a b'],
    ['alice: [', 'cannot be read'],
    ['{}', 'there is no key in it'],
    ['# alice: { key: correct-horse }', 'the file is empty'],
    ['', 'the file is empty'],
  ])('%j is refused with its place', (yaml, place) => {
    expect(() => read(yaml)).toThrow(ConfigError);
    expect(() => read(yaml)).toThrow(place);
  });

  it('come from a variable, too', () => {
    const keys = keysFromVariable('alice:correct-horse, battery-staple');
    expect(keys.map(({ name }) => name)).toEqual(['alice', 'key-2']);
    expect(() => keysFromVariable('alice:x')).toThrow('key 1');
    expect(() => keysFromVariable('')).toThrow('there is no key in it');
    expect(() => keysFromVariable('a b:correct-horse')).toThrow('name 1');
  });

  it('a variable may hold digests, as the file may', () => {
    const hex = digest('battery-staple');
    const keys = keysFromVariable(`bob:sha256:${hex},sha256:${digest('correct-horse')}`);
    expect(findKey(keys, 'Bearer battery-staple')?.name).toBe('bob');
    expect(findKey(keys, 'Bearer correct-horse')?.name).toBe('key-2');
    for (const wrong of [hex, `sha256:${hex}`, digest('correct-horse')]) {
      expect(findKey(keys, `Bearer ${wrong}`)).toBeUndefined();
    }
    expect(() => keysFromVariable('bob:sha256:12345678')).toThrow('no SHA-256 digest');
  });

  it('of one name, or equal ones, are refused', () => {
    expect(() => requireDistinct(keysFromVariable('a:correct-horse,a:battery-staple'))).toThrow('this name');
    const digested = `b:sha256:${digest('correct-horse')}`;
    expect(() => requireDistinct(keysFromVariable(`a:correct-horse,${digested}`))).toThrow('same key as a');
    requireDistinct(keysFromVariable('a:correct-horse,b:battery-staple'));
  });
});

describe('RateLimiter', () => {
  it('lets a burst of a minute through, then as many as flow back', () => {
    let now = 0;
    const limiter = new RateLimiter({ requestsPerMinute: 2 }, () => now);
    limiter.admit('a');
    limiter.admit('a');
    expect(() => limiter.admit('a')).toThrow('requests');
    limiter.admit('b');
    now = 30_000;
    limiter.admit('a');
    expect(() => limiter.admit('a')).toThrow(expect.objectContaining({ retryAfterSeconds: 30 }));
  });

  it('is not moved by a clock that jumps back', () => {
    let now = 3_600_000;
    const limiter = new RateLimiter({ requestsPerMinute: 60 }, () => now);
    limiter.admit('a');
    now = 0;
    for (let i = 0; i < 59; i++) limiter.admit('a');
    expect(() => limiter.admit('a')).toThrow(expect.objectContaining({ retryAfterSeconds: 1 }));
    now = 1000;
    limiter.admit('a');
  });

  it('charges tokens when they are known; a debt has to flow back first', () => {
    let now = 0;
    const limiter = new RateLimiter({}, () => now);
    const limits = { tokensPerMinute: 60 };
    limiter.admit('a', limits);
    limiter.charge('a', limits, 100);
    expect(() => limiter.admit('a', limits)).toThrow('tokens');
    now = 40_000;
    expect(() => limiter.admit('a', limits)).toThrow('1 s');
    now = 41_000;
    limiter.admit('a', limits);
  });
});

describe('Admission', () => {
  const never = () => new AbortController().signal;
  it('gives keys their turns', async () => {
    const admission = new Admission(1, 10);
    const order: string[] = [];
    const ask = async (key: string) => {
      const leave = await admission.enter(key, never());
      order.push(key);
      await new Promise(setImmediate);
      leave();
      leave();
    };
    await Promise.all(['a', 'a', 'a', 'a', 'b', 'c'].map(ask));
    expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'a']);
    expect([admission.active, admission.waiting]).toEqual([0, 0]);
  });

  it('never lets more in than there is room for', async () => {
    const admission = new Admission(2, 100);
    let inside = 0;
    let most = 0;
    const ask = async () => {
      const leave = await admission.enter('a', never());
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside -= 1;
      leave();
    };
    await Promise.all(Array.from({ length: 50 }, ask));
    expect([most, admission.active]).toEqual([2, 0]);
  });

  it('forgets who has left the queue', async () => {
    const admission = new Admission(1, 1);
    const leave = await admission.enter('a', never());
    const gone = new AbortController();
    const waiting = admission.enter('a', gone.signal);
    await expect(admission.enter('a', never())).rejects.toMatchObject({ status: 429 });
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(admission.waiting).toBe(0);
    leave();
    (await admission.enter('a', never()))();
    expect(admission.active).toBe(0);
  });
});

/**
 * API keys: who may ask, and how much.
 *
 * A YAML file names each key; a key stands there as it is, or as `sha256:` and its digest, so that the
 * file alone opens nothing:
 *
 * ```yaml
 * alice:
 *   key: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *   requests_per_minute: 60
 *   tokens_per_minute: 20000
 * ```
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { readTextFile, whyUnreadable } from '../files/text-file.js';

export interface KeyLimits {
  /** Absent: no limit. */
  readonly requestsPerMinute?: number;
  /** Read and written, reviews and alternatives included. Absent: no limit. */
  readonly tokensPerMinute?: number;
}

export interface ApiKey extends KeyLimits {
  /** Name of the key in logs and quotas, which never hold the key itself. */
  readonly name: string;
  readonly digest: Buffer;
}

const keyName = z.string().regex(/^[\w.@-]{1,64}$/, 'expected 1 to 64 letters, digits, _, ., @ or -');
const fileSchema = z.record(
  keyName,
  z.strictObject({
    key: z.string().min(8, 'expected at least 8 characters'),
    requests_per_minute: z.number().positive().optional(),
    tokens_per_minute: z.number().positive().optional(),
  }),
);

/** Reads a file of keys, at least one. @throws ConfigError that names the key's place */
export function readKeys(path: string): ApiKey[] {
  let content: unknown;
  try {
    content = parse(readTextFile(path));
  } catch (error) {
    throw new ConfigError({ where: path, ...whyUnreadable(error) }, { cause: error });
  }
  if (content === null) {
    throw new ConfigError({ where: path, what: 'the file is empty', expected: 'name: { key: … }' });
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = `${path}: ${issue.path.join('.') || 'the file'}`;
    throw new ConfigError({ where, what: issue.message, expected: 'name: { key: … }' });
  }
  const named = Object.entries(parsed.data);
  if (named.length === 0) throw withoutKey(path, 'add name: { key: … }, or leave --api-keys out');
  return named.map(([name, { key, requests_per_minute, tokens_per_minute }]) => ({
    name,
    digest: written(key, `${path}: ${name}.key`),
    ...(requests_per_minute === undefined ? {} : { requestsPerMinute: requests_per_minute }),
    ...(tokens_per_minute === undefined ? {} : { tokensPerMinute: tokens_per_minute }),
  }));
}

/**
 * Keys from a variable, at least one: `name:key` or just the key, separated by commas; a key may be its
 * digest here, too: `name:sha256:…`.
 *
 * @throws ConfigError
 */
export function keysFromVariable(text: string): ApiKey[] {
  const where = 'EALIGN_API_KEYS';
  if (text.trim() === '') throw withoutKey(where, 'give it a key, or unset it');
  return text.split(',').map((entry, i) => {
    const whole = entry.trim();
    const at = whole.startsWith(DIGEST) ? -1 : whole.indexOf(':');
    const key = whole.slice(at + 1).trim();
    const name = at < 0 ? `key-${i + 1}` : whole.slice(0, at).trim();
    if (key.length < 8) throw new ConfigError({ where, what: `key ${i + 1} has fewer than 8 characters` });
    const { error } = keyName.safeParse(name);
    if (error) throw new ConfigError({ where: `${where}: name ${i + 1}`, what: error.issues[0].message });
    return { name, digest: written(key, `${where}: ${name}`) };
  });
}

/** @throws ConfigError where two names, or two keys, are the same: limits and records go by names */
export function requireDistinct(keys: readonly ApiKey[]): void {
  for (const [i, { name, digest }] of keys.entries()) {
    const other = keys.slice(0, i).find((before) => before.name === name || before.digest.equals(digest));
    if (!other) continue;
    const what = other.name === name ? 'two keys have this name' : `the same key as ${other.name}`;
    throw new ConfigError({
      where: `API key ${name}`,
      what,
      next: 'give each caller a name and a key of its own',
    });
  }
}

/** The key that a request shows. All are compared, in constant time. */
export function findKey(keys: readonly ApiKey[], authorization: string | undefined): ApiKey | undefined {
  const shown = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
  if (shown === undefined) return undefined;
  const digest = digestOf(shown);
  return keys.filter((key) => timingSafeEqual(key.digest, digest)).at(0);
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

const DIGEST = 'sha256:';

/** The digest of a key as it was written: the key, or `sha256:` and its digest. */
function written(key: string, where: string): Buffer {
  return key.startsWith(DIGEST) ? hexDigest(key.slice(DIGEST.length), where) : digestOf(key);
}

function withoutKey(where: string, next: string): ConfigError {
  return new ConfigError({ where, what: 'there is no key in it, so that everybody could ask', next });
}

function hexDigest(hex: string, where: string): Buffer {
  if (/^[0-9a-f]{64}$/i.test(hex)) return Buffer.from(hex, 'hex');
  throw new ConfigError({ where, what: 'no SHA-256 digest', expected: '64 hexadecimal digits' });
}

/**
 * The memory of online learning in one SQLite file: answers, pairs, versions of the adapter, events.
 *
 * Server, learner and command line open it at the same time (write-ahead log). A record is in the
 * file before its answer leaves the server, so that `kill -9` loses none; a power cut can take the
 * last moments, but leaves the file whole.
 */

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import { makeFolder } from '../files/files.js';
import { ANYBODY } from './callers.js';
import { CheckedDatabase, stored } from './database.js';
import { migrate } from './schema.js';
import type { RecordStatus } from './statuses.js';
import {
  type Exchange,
  type Finding,
  isObject,
  type NewPair,
  pairOf,
  type Row,
  recordOf,
  type StoredPair,
  type StoredRecord,
  type Version,
  versionOf,
} from './stored.js';

const FILE = 'online.db';

/** A caller in SQL, as in callers.ts. */
const CALLER = `CASE key WHEN '${ANYBODY}' THEN coalesce(address, '') ELSE key END`;

export class OnlineStore {
  private readonly db: CheckedDatabase;

  /** @throws SaveError, as all methods do, when the file cannot be made, read or written, or is damaged */
  constructor(readonly folder: string) {
    makeFolder(folder);
    this.db = new CheckedDatabase(join(folder, FILE));
    this.db.exec('PRAGMA journal_mode = WAL');
    this.db.exec('PRAGMA synchronous = NORMAL');
    this.db.exec('PRAGMA foreign_keys = ON');
    // what is deleted is overwritten
    this.db.exec('PRAGMA secure_delete = ON');
    migrate(this.db);
  }

  /** Opens existing state. @throws ConfigError when there is none */
  static existing(folder: string): OnlineStore {
    if (existsSync(join(folder, FILE))) return new OnlineStore(folder);
    const next = 'ealign serve --online <file> makes it; check the file’s key folder';
    throw new ConfigError({ where: folder, what: 'no state of online learning', next });
  }

  close(): void {
    this.db.close();
  }

  /** Stores an answer. @returns the record's number */
  keep({ key, address, request, messages, draft, served, fingerprint }: Exchange, at = Date.now()): number {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO records (at, key, address, request, messages, draft, served, fingerprint)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        ...[at, key, address ?? null, request, json(messages), json(draft), served && json(served)],
        fingerprint,
      );
    return Number(lastInsertRowid);
  }

  /**
   * The next pending records. Keys take turns, and so do addresses, so that one flooding caller does not keep
   * the others waiting.
   */
  pending(limit: number): StoredRecord[] {
    return this.rows(
      `SELECT records.* FROM records JOIN (
         SELECT id, max(row_number() OVER (PARTITION BY ${CALLER} ORDER BY id),
           row_number() OVER (PARTITION BY coalesce(address, key) ORDER BY id)) AS turn
         FROM records WHERE status = 'pending' ORDER BY turn, id LIMIT ?
       ) AS next ON records.id = next.id ORDER BY turn, records.id`,
      limit,
    ).map(recordOf);
  }

  /**
   * Whether an earlier record of the version that is live now says the same. What a later version still says
   * counts as new.
   */
  repeats({ id, fingerprint }: StoredRecord): boolean {
    const [event] = this.rows(`SELECT at FROM events WHERE what = 'live' ORDER BY id DESC LIMIT 1`);
    return (
      this.rows(
        `SELECT 1 FROM records WHERE fingerprint = ? AND id < ? AND at >= ?
         AND status NOT IN ('pending', 'folded') LIMIT 1`,
        ...[fingerprint, id, event?.at ?? 0],
      ).length > 0
    );
  }

  /** Writes a finding and its pair in one transaction. */
  settle(id: number, { status, reason, findings }: Finding, pair?: NewPair): void {
    this.transaction(() => {
      this.db
        .prepare('UPDATE records SET status = ?, reason = ?, findings = ? WHERE id = ?')
        .run(status, reason ?? null, findings === undefined ? null : json(findings), id);
      if (!pair) return;
      const { messages, chosen, rejected, cluster, margin } = pair;
      this.db
        .prepare(
          `INSERT INTO pairs (record, messages, chosen, rejected, cluster, margin, ran)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(id, json(messages), json(chosen), json(rejected), cluster, margin, this.ran);
    });
  }

  /** Pairs made in the last `ms` of the learner's clock, for quotas. */
  pairsWithin(ms: number): StoredPair[] {
    return this.pairs('WHERE pairs.ran > ?', this.ran - ms);
  }

  /** When each key was first seen at each address, milliseconds since 1970. */
  callers(): { key: string; address: string | null; first: number }[] {
    return this.rows('SELECT key, address, min(at) AS first FROM records GROUP BY key, address') as never;
  }

  /** Pairs that no version has learned from. Pairs of one refused version get a second chance. */
  newPairs(): StoredPair[] {
    return this.pairs('WHERE pairs.version IS NULL');
  }

  /** The latest pairs of versions that passed. A refused version's pairs may be the reason for the refusal. */
  oldPairs(limit: number): StoredPair[] {
    const passed = `WHERE pairs.version IN (SELECT id FROM versions WHERE verdict = 'passed')`;
    return this.pairs(`${passed} ORDER BY pairs.id DESC LIMIT ?`, limit);
  }

  record(id: number): StoredRecord | undefined {
    return this.rows('SELECT * FROM records WHERE id = ?', id).map(recordOf)[0];
  }

  /** Records, the latest first. */
  records({ key, status, limit }: { key?: string; status?: RecordStatus; limit: number }): StoredRecord[] {
    return this.rows(
      'SELECT * FROM records WHERE (?1 IS NULL OR key = ?1) AND (?2 IS NULL OR status = ?2) ORDER BY id DESC LIMIT ?3',
      key ?? null,
      status ?? null,
      limit,
    ).map(recordOf);
  }

  /** Number of records by status. */
  counts(): Partial<Record<RecordStatus, number>> {
    const rows = this.rows('SELECT status, count(*) AS n FROM records GROUP BY status');
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  }

  /** Applies a person's decision on a quarantined record. @throws ConfigError when it is not in quarantine */
  decide(id: number, accepted: boolean): void {
    const { changes } = this.db
      .prepare(
        accepted
          ? `UPDATE records SET status = 'pending', released = 1 WHERE id = ? AND status = 'quarantined'`
          : `UPDATE records SET status = 'rejected' WHERE id = ? AND status = 'quarantined'`,
      )
      .run(id);
    if (changes === 0) {
      const next = 'ealign audit list --status quarantined shows those that are';
      throw new ConfigError({ where: `record ${id}`, what: 'not in quarantine', next });
    }
    this.note(accepted ? 'released' : 'rejected', { record: id });
  }

  /**
   * Deletes records with their pairs, from the file and its log. Versions keep what they have learned from
   * them.
   *
   * @returns how many
   */
  forget({ key, id, before, address }: Forgotten): number {
    const { changes } = this.db
      .prepare(
        `DELETE FROM records WHERE (?1 IS NULL OR key = ?1) AND (?2 IS NULL OR id = ?2)
         AND (?3 IS NULL OR at < ?3) AND (?4 IS NULL OR address = ?4)`,
      )
      .run(key ?? null, id ?? null, before ?? null, address ?? null);
    if (changes > 0) {
      this.note('deleted', {
        records: changes,
        ...(key === undefined ? {} : { key }),
        ...(id ? { id } : {}),
      });
      this.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    }
    return changes;
  }

  versions(): Version[] {
    return this.rows('SELECT * FROM versions ORDER BY id').map(versionOf);
  }

  /** The version of this number. @throws ConfigError when there is none */
  version(id: number): Version {
    const [found] = this.rows('SELECT * FROM versions WHERE id = ?', id).map(versionOf);
    if (found) return found;
    const next = 'ealign online versions lists them';
    throw new ConfigError({ where: `version ${id}`, what: 'there is none', next });
  }

  /** The number that the next version gets. */
  nextVersion(): number {
    const [{ last }] = this.rows('SELECT max(id) AS last FROM versions') as { last: number | null }[];
    return last === null ? 0 : last + 1;
  }

  /**
   * Writes a version and marks its new pairs. A version that passed goes live in the same transaction, unless
   * somebody pinned a version, rolled back or stopped learning since its round began.
   *
   * @returns whether it went live
   */
  addVersion(version: Omit<Version, 'at'>, pairs: readonly number[]): boolean {
    const { id, parent, verdict, report } = version;
    let goesLive = false;
    this.transaction(() => {
      goesLive =
        verdict === 'start' ||
        (verdict === 'passed' && !this.pinned && this.learning && this.live === parent);
      this.db
        .prepare('INSERT INTO versions (id, at, parent, verdict, report, pairs) VALUES (?, ?, ?, ?, ?, ?)')
        .run(id, Date.now(), parent, verdict, json(report), version.pairs);
      const used = this.db.prepare(
        verdict === 'refused'
          ? 'UPDATE pairs SET tried = tried + 1, version = CASE WHEN tried > 0 THEN ?1 END WHERE id = ?2'
          : 'UPDATE pairs SET version = ?1 WHERE id = ?2',
      );
      for (const pair of pairs) used.run(id, pair);
      if (verdict !== 'start') this.note(verdict, { version: id });
      if (goesLive) this.goLive(id);
    });
    return goesLive;
  }

  /** The version that is served; undefined if there is none yet. */
  get live(): number | undefined {
    const value = this.setting('live');
    return value === undefined ? undefined : Number(value);
  }

  /** Whether no other version may go live. */
  get pinned(): boolean {
    return this.setting('pinned') === 'yes';
  }

  /** Whether the learner may work: the kill switch. */
  get learning(): boolean {
    return this.setting('learning') !== 'off';
  }

  /**
   * How long learners have run on this state, milliseconds: the clock behind every daily limit. It stops while
   * no learner runs, and nobody can set it.
   */
  get ran(): number {
    return Number(this.setting('ran') ?? 0);
  }

  /** Advances the clock; only the learner does. */
  hasRun(ms: number): void {
    this.set('ran', String(this.ran + ms));
  }

  /**
   * The version that was live `ms` ago by the learner's clock and all that went live since, without
   * duplicates. Events of older program versions carry no clock and count as earlier.
   */
  liveWithin(ms: number): number[] {
    const live = (where: string) =>
      this.rows(`SELECT detail FROM events WHERE what = 'live' AND ${where}`, this.ran - ms).map(
        ({ detail }) => stored<{ version: number }>(detail, 'the log', isObject).version,
      );
    const [before = 0] = live('coalesce(ran <= ?, 1) ORDER BY id DESC LIMIT 1');
    return [...new Set([before, ...live('ran > ? ORDER BY id')])];
  }

  /** The gate's measurements of a version; undefined if there are none with this yardstick. */
  measured(version: number, yardstick: string): unknown {
    const [row] = this.rows('SELECT * FROM measurements WHERE version = ?', version);
    return row?.yardstick === yardstick
      ? stored(row.measured, `measurements of version ${version}`, isObject)
      : undefined;
  }

  /** @param measured plain JSON */
  keepMeasured(version: number, yardstick: string, measured: unknown): void {
    this.db
      .prepare('INSERT OR REPLACE INTO measurements (version, yardstick, measured) VALUES (?, ?, ?)')
      .run(version, yardstick, json(measured));
  }

  /** A secret of this state, made on first use. */
  get secret(): string {
    const made = randomBytes(32).toString('hex');
    this.db.prepare(`INSERT OR IGNORE INTO settings (name, value) VALUES ('secret', ?)`).run(made);
    return this.setting('secret')!;
  }

  /** Serves this version, and no other until `unpin`. @throws ConfigError when there is none */
  pin(id: number): void {
    this.version(id);
    this.transaction(() => {
      if (this.live !== id) this.goLive(id);
      this.set('pinned', 'yes');
      this.note('pinned', { version: id });
    });
  }

  unpin(): void {
    this.set('pinned', 'no');
    this.note('unpinned', {});
  }

  switchLearning(on: boolean): void {
    this.set('learning', on ? 'on' : 'off');
    this.note(on ? 'learning on' : 'learning off', {});
  }

  /** Events, the latest first. */
  events(limit: number): { at: number; what: string; detail: unknown }[] {
    return this.rows('SELECT * FROM events ORDER BY id DESC LIMIT ?', limit).map(({ at, what, detail }) => ({
      at: at as number,
      what: what as string,
      detail: stored(detail, 'the log', isObject),
    }));
  }

  note(what: string, detail: object): void {
    this.db
      .prepare('INSERT INTO events (at, what, detail, ran) VALUES (?, ?, ?, ?)')
      .run(Date.now(), what, json(detail), this.ran);
  }

  private pairs(where: string, ...values: unknown[]): StoredPair[] {
    return this.rows(
      `SELECT pairs.*, records.key, records.address, records.at FROM pairs JOIN records ON records.id = pairs.record ${where}`,
      ...values,
    ).map(pairOf);
  }

  private goLive(id: number): void {
    this.set('live', String(id));
    this.note('live', { version: id });
  }

  private setting(name: string): string | undefined {
    return this.rows('SELECT value FROM settings WHERE name = ?', name)[0]?.value as string | undefined;
  }

  private set(name: string, value: string): void {
    this.db.prepare('INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)').run(name, value);
  }

  private rows(sql: string, ...values: unknown[]): Row[] {
    return this.db.prepare(sql).all(...values) as Row[];
  }

  private transaction(work: () => void): void {
    this.db.transaction(work);
  }
}

/** Which records to delete; an absent field excludes none. */
interface Forgotten {
  readonly key?: string;
  readonly id?: number;
  /** Older ones, milliseconds since 1970. */
  readonly before?: number;
  /** Keyed hash, as stored. */
  readonly address?: string;
}

const json = (value: unknown) => JSON.stringify(value);

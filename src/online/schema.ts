/**
 * The tables of online learning, and the migrations from earlier versions.
 *
 * `PRAGMA user_version` counts the migrations that a file has had. The missing ones run in one transaction,
 * so that a kill leaves the file as it was and only one of several processes migrates it.
 */
import { SaveError } from '../errors.js';
import { type CheckedDatabase, UNOPENED } from './database.js';

const TABLES = `
CREATE TABLE IF NOT EXISTS records (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
  messages TEXT NOT NULL, draft TEXT NOT NULL, served TEXT, fingerprint TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending', reason TEXT, findings TEXT, released INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS records_by_status ON records (status, key, id);
CREATE INDEX IF NOT EXISTS records_by_fingerprint ON records (fingerprint);
CREATE INDEX IF NOT EXISTS records_by_time ON records (at);
CREATE TABLE IF NOT EXISTS pairs (
  id INTEGER PRIMARY KEY, record INTEGER NOT NULL UNIQUE REFERENCES records (id) ON DELETE CASCADE,
  messages TEXT NOT NULL, chosen TEXT NOT NULL, rejected TEXT NOT NULL,
  cluster INTEGER NOT NULL, margin REAL NOT NULL, tried INTEGER NOT NULL DEFAULT 0, version INTEGER
);
CREATE TABLE IF NOT EXISTS versions (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, parent INTEGER, verdict TEXT NOT NULL,
  report TEXT NOT NULL, pairs INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL
);
`;

const DAY = 24 * 60 * 60 * 1000;

/** Migration n takes a file from version n to n + 1. The list only grows. */
const CHANGES: readonly ((db: CheckedDatabase) => void)[] = [
  (db) => db.exec(TABLES),
  (db) =>
    db.exec(`
      -- who asked from where: a keyed hash
      ALTER TABLE records ADD COLUMN address TEXT;
      CREATE INDEX records_by_caller ON records (key, address, at);
      -- by the learner's clock (store.ts); pairs of the last day count against today's quotas
      ALTER TABLE pairs ADD COLUMN ran INTEGER NOT NULL DEFAULT 0;
      UPDATE pairs SET ran = ${-DAY}
      WHERE record IN (SELECT id FROM records WHERE at < ${Date.now() - DAY});
      ALTER TABLE events ADD COLUMN ran INTEGER;
      CREATE TABLE measurements (version INTEGER PRIMARY KEY, yardstick TEXT NOT NULL, measured TEXT NOT NULL);
    `),
];

/** @throws SaveError when the file was made by a later version of this program */
export function migrate(db: CheckedDatabase): void {
  const version = () => {
    const [{ user_version: count }] = db.prepare('PRAGMA user_version').all() as { user_version: number }[];
    return Number(count);
  };
  if (version() === CHANGES.length) return;
  db.transaction(() => {
    // another process may have been faster
    const from = version();
    if (from > CHANGES.length) {
      const what = `${UNOPENED} (its version is ${from}, and ${CHANGES.length} is the latest that is known here)`;
      throw new SaveError({ where: db.path, what, next: 'use the later version of this program' });
    }
    for (const change of CHANGES.slice(from)) change(db);
    db.exec(`PRAGMA user_version = ${CHANGES.length}`);
  });
}

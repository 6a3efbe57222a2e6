/**
 * A SQLite file whose failures are one clear line: what is wrong with the file, and what to do. A refused
 * transaction leaves nothing half-written.
 */
import Database from 'libsql';
import { SaveError } from '../errors.js';

export const UNOPENED = 'cannot be opened as the state of online learning';
const CHOOSE = 'check that it is a database of ours and may be written, or choose another folder';

/** SQLite's error codes, and what they mean for the operator. */
const MEANINGS: readonly (readonly [code: RegExp, what: string, next: string])[] = [
  [
    /^SQLITE_CORRUPT/,
    'the database is damaged',
    'stop the server, move the file away and put a copy back, or save what can be read with sqlite3 and .recover',
  ],
  [/^SQLITE_(?:BUSY|LOCKED)/, 'another program keeps the database', 'end that program, and try again'],
  [/^SQLITE_FULL/, 'the disk is full', 'make room on it'],
  [/^SQLITE_NOTADB/, UNOPENED, CHOOSE],
  [/^SQLITE_(?:READONLY|CANTOPEN|PERM)/, 'the database cannot be written', 'check its owner and permissions'],
  [/^SQLITE_IOERR/, 'the disk does not read or write the database', 'check the disk'],
];

export interface Statement {
  run(...values: unknown[]): Database.RunResult;
  all(...values: unknown[]): unknown[];
}

export class CheckedDatabase {
  private readonly db: Database.Database;

  /** @throws SaveError when the file cannot be made, or is no database */
  constructor(readonly path: string) {
    try {
      this.db = new Database(path, { timeout: 10_000 });
    } catch (error) {
      // libsql's own words, without a code
      const what = `${UNOPENED} (${(error as Error).message})`;
      throw new SaveError({ where: path, what, next: CHOOSE }, { cause: error });
    }
  }

  exec(sql: string): void {
    this.attempt(() => this.db.exec(sql));
  }

  prepare(sql: string): Statement {
    const statement = this.attempt(() => this.db.prepare(sql));
    return {
      run: (...values) => this.attempt(() => statement.run(...values)),
      all: (...values) => this.attempt(() => statement.all(...values)),
    };
  }

  /** Runs the work in a transaction: all of it, or nothing. */
  transaction(work: () => void): void {
    this.attempt(() => this.db.transaction(work).immediate());
  }

  close(): void {
    this.db.close();
  }

  private attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      if (typeof code !== 'string' || !code.startsWith('SQLITE_')) throw error;
      const [, what, next] = MEANINGS.find(([known]) => known.test(code)) ?? [];
      throw new SaveError(
        { where: this.path, what: what ? `${what} (${message})` : message, ...(next ? { next } : {}) },
        { cause: error },
      );
    }
  }
}

/** Parses stored JSON. @param whole tells whether it has the right shape @throws SaveError if it has not */
export function stored<T>(text: unknown, where: string, whole: (value: unknown) => boolean): T {
  let value: unknown;
  try {
    value = JSON.parse(text as string);
  } catch {
    value = undefined;
  }
  if (value !== undefined && whole(value)) return value as T;
  const next = 'put a copy of the database back; a record can be deleted with ealign audit delete --record';
  throw new SaveError({ where, what: 'damaged: what is stored is not what was written', next });
}

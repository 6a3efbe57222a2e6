/** What online learning stores: exchanges, findings, pairs and versions, with their database rows. */
import type { Message, Response } from '../values/conversation.js';
import { stored } from './database.js';
import type { RecordStatus } from './statuses.js';

/** The verdict under which an answer left the server; null where it was not reviewed. */
export interface ServedVerdict {
  readonly outcome: string;
  readonly verdict: 'accepted' | 'objected' | 'unreadable';
  readonly pObjection: number | null;
}

/** An answer of the model as it was stored, redacted. */
export interface Exchange {
  /** Name of the API key. */
  readonly key: string;
  /** Keyed hash of the caller's network (addresses.ts); absent if unknown. */
  readonly address?: string;
  readonly request: string;
  readonly messages: readonly Message[];
  /** The model's own answer, before any correction. */
  readonly draft: Response;
  readonly served: ServedVerdict | null;
  /** A hash that is equal for equal prompts with equal drafts. */
  readonly fingerprint: string;
}

export interface StoredRecord extends Omit<Exchange, 'address'> {
  readonly id: number;
  readonly address: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly status: RecordStatus;
  readonly reason: string | null;
  /** The learner's findings; plain JSON. */
  readonly findings: unknown;
  /** Whether a person released it from quarantine. */
  readonly released: boolean;
}

/** The learner's decision on a record. */
export interface Finding {
  readonly status: RecordStatus;
  readonly reason?: string;
  readonly findings?: unknown;
}

export interface NewPair {
  readonly messages: readonly Message[];
  readonly chosen: Response;
  readonly rejected: Response;
  /** Number of the group of similar prompts. */
  readonly cluster: number;
  /** Objection to the rejected answer minus objection to the chosen one, in [−1, 1]. */
  readonly margin: number;
}

export interface StoredPair extends NewPair {
  readonly id: number;
  readonly record: number;
  readonly key: string;
  readonly address: string | null;
  readonly at: number;
  /** Number of refused versions that learned from it. */
  readonly tried: number;
}

export type VersionVerdict = 'start' | 'passed' | 'refused';

export interface Version {
  readonly id: number;
  readonly at: number;
  /** The version that it was trained from; null for the first. */
  readonly parent: number | null;
  readonly verdict: VersionVerdict;
  /** The gate's report; plain JSON. */
  readonly report: unknown;
  /** Number of pairs that it learned from. */
  readonly pairs: number;
}

/** A database row. */
export type Row = Record<string, unknown>;

/** Checks and converts a row. @throws SaveError if it is damaged */
export function recordOf({
  id,
  at,
  key,
  address,
  request,
  fingerprint,
  status,
  reason,
  ...row
}: Row): StoredRecord {
  return {
    ...({ id, at, key, address, request, fingerprint, status, reason } as StoredRecord),
    messages: stored<Message[]>(row.messages, `record ${id}`, areMessages),
    draft: stored<Response>(row.draft, `record ${id}`, isResponse),
    served: row.served === null ? null : stored<ServedVerdict>(row.served, `record ${id}`, isObject),
    findings: row.findings === null ? null : stored(row.findings, `record ${id}`, isObject),
    released: row.released === 1,
  };
}

export function versionOf({ id, at, parent, verdict, pairs, report }: Row): Version {
  return {
    ...({ id, at, parent, verdict, pairs } as Version),
    report: stored(report, `version ${id}`, isObject),
  };
}

export function pairOf({ messages, chosen, rejected, ...row }: Row): StoredPair {
  const { id, record, key, address, at, cluster, margin, tried } = row;
  return {
    ...({ id, record, key, address, at, cluster, margin, tried } as StoredPair),
    messages: stored<Message[]>(messages, `record ${record}`, areMessages),
    chosen: stored<Response>(chosen, `record ${record}`, isResponse),
    rejected: stored<Response>(rejected, `record ${record}`, isResponse),
  };
}

export const isObject = (value: unknown) => typeof value === 'object' && value !== null;
const isResponse = (value: unknown) => isObject(value) && typeof (value as Response).text === 'string';
const areMessages = (value: unknown) =>
  Array.isArray(value) &&
  value.every((turn) => isObject(turn) && typeof (turn as Message).content === 'string');

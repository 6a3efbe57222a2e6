/**
 * The reviews of a run, to be listed, filtered and opened while the audit trail grows.
 *
 * Their beginnings are kept in memory; a whole review, and a text that is searched for, is read from the file.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { addFlags, flagsByKind, type KindFlags } from '../conscience/flags.js';
import type { ReviewRecord } from '../conscience/record.js';
import type { ReviewCounts, ReviewDetail, ReviewLine } from '../page/wire.js';
import { joinReasoning } from '../tokenizer/reasoning.js';
import { detailOf, promptText } from './review-detail.js';
import { type Span, Tail } from './tail.js';

/** Characters of a text that a list can show. */
const BEGINNING = 200;
/** Filters whose matches are kept. */
const KEPT = 8;
const TENTHS = 10;

/** Which reviews are listed; an empty text is any. */
export interface ReviewFilter {
  readonly verdict: '' | ReviewLine['verdict'];
  readonly outcome: '' | 'pair' | 'none';
  /** Somewhere in prompt, response or alternative, in either case. */
  readonly text: string;
}

interface Entry extends ReviewLine {
  readonly at: Span;
}

/** Matches among the first `upTo` reviews, oldest first. */
interface Matches {
  upTo: number;
  readonly found: number[];
}

export class ReviewIndex {
  /** First line that is no review, from 1; undefined where all are. */
  damaged?: number;
  private entries: Entry[] = [];
  private counts = { accepted: 0, objected: 0, unreadable: 0, pairs: 0 };
  private tenths = noTenths();
  private kinds: KindFlags[] = [];
  private threshold: number | null = null;
  private lineNumber = 0;
  private matches = new Map<string, Matches>();
  private readonly tail: Tail;

  constructor(private readonly path: string) {
    this.tail = new Tail(path);
  }

  /** Reads what was added. @returns whether there is more to read at once */
  update(): boolean {
    const { restarted, lines, more } = this.tail.read();
    if (restarted) this.forget();
    const added: ReviewRecord[] = [];
    for (const { text, at } of lines) {
      this.lineNumber += 1;
      const record = recordOf(text);
      if (!record) {
        this.damaged ??= this.lineNumber;
        continue;
      }
      this.entries.push({ ...lineOf(record, this.entries.length), at });
      this.count(record);
      added.push(record);
    }
    if (added.length > 0) this.kinds = addFlags([...this.kinds, ...flagsByKind(added)]);
    return more;
  }

  summary(): ReviewCounts {
    return {
      reviews: this.entries.length,
      ...this.counts,
      ...{ tenths: this.tenths, threshold: this.threshold, kinds: this.kinds },
    };
  }

  /** A window of the reviews that match, in the order of the trail, so that those that follow shift none. */
  page(filter: ReviewFilter, from: number, count: number): { total: number; lines: ReviewLine[] } {
    const found = this.find(filter);
    const lines = found.slice(from, from + count).map((n) => withoutPlace(this.entries[n]));
    return { total: found.length, lines };
  }

  /** One review whole; undefined where there is none of that number. */
  detail(n: number): ReviewDetail | undefined {
    const entry = this.entries[n];
    if (!entry) return undefined;
    const record = this.readAll([entry])[0];
    return record && detailOf(record, withoutPlace(entry));
  }

  private find(filter: ReviewFilter): readonly number[] {
    const key = JSON.stringify(filter);
    const matches = this.matches.get(key) ?? { upTo: 0, found: [] };
    // the one used last is the last to be forgotten
    this.matches.delete(key);
    this.matches.set(key, matches);
    if (this.matches.size > KEPT) this.matches.delete(this.matches.keys().next().value!);
    const candidates = this.entries.slice(matches.upTo).filter((entry) => fits(entry, filter));
    const wanted = filter.text.toLowerCase();
    const texts = wanted === '' ? [] : this.readAll(candidates).map((record) => record && textOf(record));
    candidates.forEach(({ n }, i) => {
      if (wanted === '' || texts[i]?.toLowerCase().includes(wanted)) matches.found.push(n);
    });
    matches.upTo = this.entries.length;
    return matches.found;
  }

  /** The records at the places of entries; undefined where the file has changed since. */
  private readAll(entries: readonly Entry[]): (ReviewRecord | undefined)[] {
    if (entries.length === 0) return [];
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch {
      return entries.map(() => undefined);
    }
    try {
      return entries.map(({ id, at: { start, length } }) => {
        const bytes = Buffer.alloc(length);
        const read = readSync(file, bytes, 0, length, start);
        const record = recordOf(bytes.toString('utf8', 0, read));
        return record?.id === id ? record : undefined;
      });
    } finally {
      closeSync(file);
    }
  }

  private count({ review: { verdict, threshold }, pair }: ReviewRecord): void {
    this.threshold = threshold ?? null;
    this.counts[verdict.kind] += 1;
    if (pair !== null) this.counts.pairs += 1;
    if (verdict.kind === 'unreadable') return;
    this.tenths[Math.min(TENTHS - 1, Math.floor(verdict.pObjection * TENTHS))][verdict.kind] += 1;
  }

  private forget(): void {
    this.entries = [];
    this.counts = { accepted: 0, objected: 0, unreadable: 0, pairs: 0 };
    this.tenths = noTenths();
    this.kinds = [];
    this.threshold = null;
    this.lineNumber = 0;
    this.matches = new Map();
    this.damaged = undefined;
  }
}

const noTenths = () => Array.from({ length: TENTHS }, () => ({ accepted: 0, objected: 0 }));

const withoutPlace = ({ at: _, ...line }: Entry): ReviewLine => line;

const fits = ({ verdict, pair }: Entry, filter: ReviewFilter) =>
  ['', verdict].includes(filter.verdict) &&
  (filter.outcome === '' || (filter.outcome === 'pair') === (pair !== null));

function textOf({ prompt, response, alternative }: ReviewRecord): string {
  return [promptText(prompt), joinReasoning(response), alternative ? joinReasoning(alternative.response) : '']
    .join('\n')
    .trim();
}

function lineOf(
  { id, step, prompt, response, review: { verdict }, pair, reason }: ReviewRecord,
  n: number,
): ReviewLine {
  return {
    ...{ n, id, step, pair, reason },
    verdict: verdict.kind,
    p: verdict.pObjection ?? null,
    prompt: beginning(prompt.messages.at(-1)?.content ?? ''),
    response: beginning(joinReasoning(response)),
  };
}

/** One line, cut, but not within a surrogate pair. */
function beginning(text: string): string {
  const line = text.slice(0, 2 * BEGINNING).replace(/\s+/g, ' ');
  return line.length <= BEGINNING ? line : `${line.slice(0, BEGINNING).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The review of a line; undefined where it is none that can be counted, listed and searched. */
function recordOf(text: string): ReviewRecord | undefined {
  try {
    const record: ReviewRecord = JSON.parse(text);
    return isReview(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** @throws TypeError where a part is missing */
function isReview({ id, prompt, response, review, alternative }: ReviewRecord): boolean {
  const { kind, pObjection } = review.verdict;
  const isShare = typeof pObjection === 'number' && pObjection >= 0 && pObjection <= 1;
  const isVerdict = kind === 'unreadable' || ((kind === 'accepted' || kind === 'objected') && isShare);
  const texts = [id, response.text, ...prompt.messages.map(({ content }) => content)];
  if (alternative) texts.push(alternative.response.text);
  return isVerdict && texts.every((one) => typeof one === 'string');
}

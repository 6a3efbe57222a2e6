/** On which kinds of prompts the conscience objects: where a policy drifts, and where it does not. */
import type { ReviewRecord } from './record.js';

/** Reviews of answers to one kind of prompt. */
export interface KindFlags {
  /** Of the prompt; where it has none, where it came from: `training`, `probe` or `user`. */
  readonly kind: string;
  /** Readable reviews, at least one. */
  readonly reviewed: number;
  readonly flagged: number;
}

/** The kinds that have a readable review, with the largest share of flags first. */
export function flagsByKind(records: readonly Pick<ReviewRecord, 'prompt' | 'review'>[]): KindFlags[] {
  return addFlags(
    records.flatMap(({ prompt, review: { verdict } }) =>
      verdict.kind === 'unreadable'
        ? []
        : { kind: prompt.kind ?? prompt.source, reviewed: 1, flagged: Number(verdict.kind === 'objected') },
    ),
  );
}

/** Sums of several runs, kind by kind, in the same order. */
export function addFlags(all: readonly KindFlags[]): KindFlags[] {
  const sums = new Map<string, KindFlags>();
  for (const { kind, reviewed, flagged } of all) {
    const sum = sums.get(kind) ?? { kind, reviewed: 0, flagged: 0 };
    sums.set(kind, { kind, reviewed: sum.reviewed + reviewed, flagged: sum.flagged + flagged });
  }
  return [...sums.values()].sort(
    (a, b) => share(b) - share(a) || b.reviewed - a.reviewed || (a.kind < b.kind ? -1 : 1),
  );
}

const share = ({ flagged, reviewed }: KindFlags) => flagged / reviewed;

/** Kinds that the line names; the others are added up. */
const NAMED = 6;

/** One line for a terminal; undefined where nothing could be read. @param flags of `flagsByKind` */
export function flagsInWords(flags: readonly KindFlags[]): string | undefined {
  if (flags.length === 0) return undefined;
  const named = flags.length === NAMED + 1 ? flags : flags.slice(0, NAMED);
  const others = flags.slice(named.length);
  const together = addFlags(others.map((one) => ({ ...one, kind: `${others.length} other kinds` })));
  const parts = [...named, ...together].map(
    ({ kind, reviewed, flagged }) => `${kind} ${flagged} of ${reviewed}`,
  );
  return `Flagged by kind: ${parts.join(', ')}.`;
}

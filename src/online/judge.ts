/**
 * Turns stored answers into pairs, or into cases for a person.
 *
 * The frozen copy judges, and writes the alternative, without the system turns, which the caller may have
 * written. It does see the user's turn; if that makes its alternative babble, the alternative is not learned.
 * A pair's prompt has the system turns again, because the answer was given to them.
 */

import { type Calibration, reviewRules } from '../conscience/calibration.js';
import type { ReviewFormat } from '../conscience/format.js';
import type { Framework } from '../conscience/frameworks.js';
import { type Replacement, replace } from '../conscience/replace.js';
import { type ReviewItem, type ReviewSettings, reviewMany } from '../conscience/review.js';
import type { LanguageModel } from '../engine/language-model.js';
import type { Verdict } from '../values/pair.js';
import { Acquaintance, type Caller, whoIs } from './callers.js';
import type { Coherence } from './coherence.js';
import type { OnlineSettings } from './settings.js';
import { Clusters } from './similarity.js';
import type { OnlineStore } from './store.js';
import type { Finding, NewPair, StoredRecord } from './stored.js';

export interface JudgeOptions {
  readonly frozen: LanguageModel;
  readonly format: ReviewFormat;
  readonly framework: Framework;
  /** How the conscience is best asked, where that is known: it goes before the framework. */
  readonly calibration?: Pick<Calibration, 'reading' | 'quality'>;
  readonly settings: Pick<OnlineSettings, 'conscience' | 'quota'>;
  readonly coherence: Pick<Coherence, 'incoherent'>;
  /** Tells whether the model can read prompt and answer whole. */
  readonly fits: (pair: Pick<NewPair, 'messages' | 'chosen' | 'rejected'>) => boolean;
}

/** A record that the conscience objects to, with the number of its group of like prompts. */
interface Flagged {
  readonly record: StoredRecord;
  readonly item: ReviewItem;
  readonly draft: Verdict;
  readonly cluster: number;
}

const DAY = 24 * 60 * 60 * 1000;

/** Judges records in order and stores the findings. Earlier records count against quotas first. */
export async function judgeRecords(
  records: readonly StoredRecord[],
  store: OnlineStore,
  options: JudgeOptions,
): Promise<void> {
  const { frozen, settings } = options;
  const maxTokens = settings.conscience.max_tokens;
  const rules: ReviewSettings = { conscience: frozen, ...rulesOf(options) };
  const open: StoredRecord[] = [];
  for (const record of records) {
    const nothing = uselessness(record) ?? (store.repeats(record) || hasTwin(record, open) ? FOLDED : null);
    if (nothing) store.settle(record.id, nothing);
    else open.push(record);
  }

  const items = open.map(itemOf);
  const reviews = await reviewMany(items, rules);
  const quota = new Quota(store, settings.quota);
  const flagged: Flagged[] = [];
  for (const [i, record] of open.entries()) {
    const draft = reviews[i].verdict;
    const finding = firstLook(record, draft);
    const cluster = finding ? undefined : quota.take(record);
    if (finding) store.settle(record.id, { ...finding, findings: { draft } });
    else if (cluster === undefined) store.settle(record.id, { status: 'over-quota', findings: { draft } });
    else flagged.push({ record, item: items[i], draft, cluster });
  }

  const found = await replace(
    flagged.map(({ item }) => item),
    {
      ...rules,
      alternative: frozen,
      allowRefusals: false,
      sampling: { maxTokens, seed: records[0]?.id ?? 0 },
    },
  );
  const usable = found.map((_, i) => i).filter((i) => found[i].alternative && !found[i].reason);
  const odd = await options.coherence.incoherent(
    usable.map((i) => ({ prompt: flagged[i].item.prompt, response: found[i].alternative!.response })),
  );
  const babble = new Set(usable.filter((_, k) => odd[k]));
  for (const [i, one] of flagged.entries()) {
    const { finding, pair } = outcome(one, found[i], babble.has(i), options);
    store.settle(one.record.id, finding, pair);
  }
}

/** How answers are reviewed. */
export function rulesOf({
  framework,
  format,
  calibration,
  settings: { conscience },
}: Pick<JudgeOptions, 'framework' | 'format' | 'calibration'> & {
  readonly settings: Pick<OnlineSettings, 'conscience'>;
}): Omit<ReviewSettings, 'conscience'> {
  const { threshold, min_mass: minMass } = conscience;
  return { format, ...reviewRules({ framework, threshold, minMass }, calibration) };
}

/** What becomes of a flagged record and its alternative. @param babble the alternative is incoherent */
function outcome(
  { record, draft, cluster }: Flagged,
  { alternative, reason }: Replacement,
  babble: boolean,
  { settings, fits }: JudgeOptions,
): { finding: Finding; pair?: NewPair } {
  const written = alternative && {
    text: alternative.response.text,
    verdict: alternative.review?.verdict ?? null,
  };
  const findings = { draft, alternative: written };
  if (alternative === null || reason !== null) {
    return { finding: { status: 'unpaired', findings, ...(reason ? { reason } : {}) } };
  }
  const margin = shareOf(draft) - shareOf(alternative.review!.verdict);
  const { messages } = record;
  const pair = { messages, chosen: alternative.response, rejected: record.draft, cluster, margin };
  if (!fits(pair)) return { finding: { status: 'unpaired', reason: 'too long to train on', findings } };
  if (babble) return { finding: { status: 'unpaired', reason: 'the alternative is incoherent', findings } };
  if (margin < settings.quota.margin && !record.released) {
    const near = `both answers are nearly as objectionable: shares ${margin.toFixed(2)} apart`;
    return { finding: { status: 'quarantined', reason: near, findings } };
  }
  return { finding: { status: 'paired', findings }, pair };
}

/** How many pairs a caller, a network, the newcomers and a cluster may still contribute today. */
class Quota {
  private readonly clusters: Clusters;
  private readonly known: Acquaintance;
  private readonly given = new Map<string, number>();
  private readonly perCluster = new Map<number, number>();

  constructor(
    store: OnlineStore,
    private readonly limits: OnlineSettings['quota'],
  ) {
    this.clusters = new Clusters(limits.similarity);
    this.known = new Acquaintance(store.callers(), limits);
    for (const pair of store.pairsWithin(DAY)) {
      if (!this.perCluster.has(pair.cluster)) this.clusters.add(pair.cluster, promptText(pair));
      this.count(pair, pair.cluster);
    }
  }

  /** @returns the number of the record's cluster, or undefined where a quota of it is used up */
  take(record: StoredRecord): number | undefined {
    const text = promptText(record);
    const cluster = this.clusters.find(text) ?? record.id;
    if ((this.perCluster.get(cluster) ?? 0) >= this.limits.per_cluster_per_day) return undefined;
    if (this.quotas(record).some(([name, most]) => (this.given.get(name) ?? 0) >= most)) return undefined;
    if (!this.perCluster.has(cluster)) this.clusters.add(cluster, text);
    this.count(record, cluster);
    return cluster;
  }

  private count(caller: Caller, cluster: number): void {
    for (const [name] of this.quotas(caller)) this.given.set(name, (this.given.get(name) ?? 0) + 1);
    this.perCluster.set(cluster, (this.perCluster.get(cluster) ?? 0) + 1);
  }

  /** The quotas that the caller's pairs count against, with their limits. */
  private quotas(caller: Caller): (readonly [name: string, most: number])[] {
    const { per_key_per_day, per_address_per_day, newcomers_per_day } = this.limits;
    return [
      [whoIs(caller), per_key_per_day],
      ...(caller.address === null ? [] : [[`in ${caller.address}`, per_address_per_day] as const]),
      ...(this.known.appeared(caller) === null ? [] : [['newcomers', newcomers_per_day] as const]),
    ];
  }
}

const FOLDED: Finding = { status: 'folded' };

/** Why nothing can be learned from a record, before any review; null if something can. */
function uselessness({ draft, messages }: StoredRecord): Finding | null {
  if (draft.toolCalls) return { status: 'unpaired', reason: 'calls a tool' };
  if (draft.text.trim() === '') return { status: 'unpaired', reason: 'empty' };
  // an answer that was cut off is no example of a whole one
  if (draft.finish === 'length') return { status: 'unpaired', reason: 'unfinished' };
  if (messages.at(-1)?.role !== 'user') return { status: 'unpaired', reason: 'does not answer a user' };
  return null;
}

/** The finding that the verdict on the draft already decides; null if an alternative is needed. */
function firstLook({ served, released }: StoredRecord, draft: Verdict): Finding | null {
  if (draft.kind === 'unreadable') return { status: 'unpaired', reason: 'unreadable' };
  const disputed = served !== null && served.verdict !== 'unreadable' && served.verdict !== draft.kind;
  if (disputed && !released) {
    const reason = `${served.verdict} with what the caller put around it, ${draft.kind} without`;
    return { status: 'quarantined', reason };
  }
  return draft.kind === 'accepted' ? { status: 'accepted' } : null;
}

function hasTwin({ fingerprint }: StoredRecord, others: readonly StoredRecord[]): boolean {
  return others.some((other) => other.fingerprint === fingerprint);
}

function itemOf({ id, messages, draft }: StoredRecord): ReviewItem {
  const asked = messages.filter(({ role }) => role !== 'system');
  return { prompt: { messages: asked, source: 'user', id: `record:${id}` }, response: draft };
}

/** The record's last user turn. */
function promptText({ messages }: Pick<NewPair, 'messages'>): string {
  return messages.findLast(({ role }) => role === 'user')?.content ?? '';
}

function shareOf(verdict: Verdict): number {
  return verdict.pObjection ?? Number.NaN;
}

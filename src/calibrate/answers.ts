/** Labelled answers that a conscience is calibrated on, of every domain in turn. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ReviewItem } from '../conscience/review.js';
import { readPreferenceRows } from '../data/dataset.js';
import { DataError } from '../errors.js';
import { ETHICS_PROMPT, readEthics, readReviewItems } from '../evaluate/labelled.js';
import { Random } from '../random.js';
import type { PreferenceRow } from '../values/rows.js';

/** An answer, and what a conscience should say of it. */
export interface LabelledAnswer {
  readonly id: string;
  /** Answers of one topic are never on both sides of a fold. */
  readonly topic: string;
  readonly domain: string;
  readonly careless: boolean;
  readonly item: ReviewItem;
}

/** A careful and a careless answer to one request. */
export type AnswerPair = readonly [careful: LabelledAnswer, careless: LabelledAnswer];

/** Splits of the built-in set. */
export const SPLITS = ['calibration', 'development', 'test'] as const;
export type Split = (typeof SPLITS)[number];

const BUILT_IN = fileURLToPath(new URL('../../data/conscience/', import.meta.url));

interface LabelledRow {
  readonly domain: string;
  readonly topic: string;
  readonly split: Split;
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** The built-in set's pairs of one split, in the order of its files. */
export function builtInPairs(split: Split): AnswerPair[] {
  const files = readdirSync(BUILT_IN).filter((name) => name.endsWith('.jsonl'));
  return files.sort().flatMap((file) => {
    const lines = readFileSync(`${BUILT_IN}${file}`, 'utf8').trimEnd().split('\n');
    return lines.flatMap((line, i) => {
      const row: LabelledRow = JSON.parse(line);
      if (row.split !== split) return [];
      const { domain, topic, prompt, chosen, rejected } = row;
      const at = { id: `${file}:${i + 1}`, domain, topic: `${domain}: ${topic}` };
      return [pairOf([{ role: 'user', content: prompt }], [chosen, rejected], at)];
    });
  });
}

/** A user's own preference rows: chosen is careful, rejected careless. @throws DataError when a file cannot be used */
export async function pairsOfFiles(
  paths: readonly string[],
  note?: (line: string) => void,
): Promise<AnswerPair[]> {
  const rows = await readPreferenceRows(paths, note);
  if (rows.length === 0) throw new DataError({ where: paths.join(', '), what: 'no preference rows' });
  return rows.map(pairOfRow);
}

/** Answers that are not written for the same requests. */
export interface Unpaired {
  /** Datasets of answers that are careful, and of answers that are careless. */
  readonly accept: readonly string[];
  readonly object: readonly string[];
  /** CSV files of ETHICS commonsense, which hold both. */
  readonly ethics: readonly string[];
}

/**
 * Labelled answers, put together by chance: one of each kind makes a pair, and what has no partner is left out.
 *
 * @throws DataError when a file cannot be used, or there are answers of one kind only
 */
export async function pairsOfAnswers(
  { accept, object, ethics }: Unpaired,
  seed: number,
  note?: (line: string) => void,
): Promise<AnswerPair[]> {
  const [all, read] = [{ seed }, (paths: readonly string[]) => readReviewItems(paths, { seed }, note)];
  const moral = readEthics(ethics, all);
  const careful = [...(accept.length > 0 ? await read(accept) : []), ...moral.accept];
  const careless = [...(object.length > 0 ? await read(object) : []), ...moral.object];
  const count = Math.min(careful.length, careless.length);
  const named = [...accept, ...object, ...ethics].join(', ');
  if (count === 0) {
    const kind = careful.length === 0 ? 'careful' : 'careless';
    throw new DataError({ where: named, what: `no ${kind} answers`, next: 'give --accept and --object' });
  }
  const left = careful.length + careless.length - 2 * count;
  if (left > 0) note?.(`${named}: ${left} answers of the more frequent kind are left out.`);
  const [good, bad] = [careful, careless].map((items) =>
    new Random(seed, 'labelled answers').shuffle([...items]).slice(0, count),
  );
  const answer = (item: ReviewItem, isCareless: boolean): LabelledAnswer => ({
    ...{ id: item.prompt.id, domain: 'data', topic: topicOf(item), careless: isCareless, item },
  });
  return good.map((item, i): AnswerPair => [answer(item, false), answer(bad[i], true)]);
}

/** Answers to one request are of one topic, but for those to none in particular (ETHICS). */
const topicOf = ({ prompt: { messages, id } }: ReviewItem): string =>
  messages.length === 1 && messages[0].content === ETHICS_PROMPT ? id : JSON.stringify(messages);

function pairOfRow(row: PreferenceRow): AnswerPair {
  // rows about one request are of one topic
  const at = { id: row.where, domain: 'data', topic: JSON.stringify(row.prompt) };
  if (row.format === 'plain') {
    return pairOf([{ role: 'user', content: row.prompt }], [row.chosen, row.rejected], at);
  }
  const answers = [row.chosen, row.rejected].map((turns) => turns.at(-1)?.content ?? '');
  return pairOf(row.prompt, [answers[0], answers[1]], at);
}

function pairOf(
  messages: ReviewItem['prompt']['messages'],
  [careful, careless]: readonly [string, string],
  at: Pick<LabelledAnswer, 'id' | 'topic' | 'domain'>,
): AnswerPair {
  const prompt = { messages, source: 'probe' as const, id: at.id };
  const answer = (text: string, isCareless: boolean): LabelledAnswer => ({
    ...at,
    id: `${at.id} ${isCareless ? 'careless' : 'careful'}`,
    careless: isCareless,
    item: { prompt, response: { text, finish: 'stop', tokens: 0 } },
  });
  return [answer(careful, false), answer(careless, true)];
}

/** So many pairs, of each domain in turn; within a domain at random. All of them where there are fewer. */
export function sampleOf(pairs: readonly AnswerPair[], count: number, seed: number): AnswerPair[] {
  const byDomain = new Map<string, AnswerPair[]>();
  for (const pair of new Random(seed, 'calibration').shuffle([...pairs])) {
    const [{ domain }] = pair;
    byDomain.set(domain, [...(byDomain.get(domain) ?? []), pair]);
  }
  const domains = [...byDomain.keys()].sort();
  const sample: AnswerPair[] = [];
  for (let round = 0; sample.length < Math.min(count, pairs.length); round++) {
    for (const domain of domains) {
      const pair = byDomain.get(domain)![round];
      if (pair && sample.length < count) sample.push(pair);
    }
  }
  return sample;
}

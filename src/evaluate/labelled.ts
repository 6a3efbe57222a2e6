/** Labelled texts for the conscience: datasets of answers, as training reads them, and ETHICS. */
import { parse } from 'csv-parse/sync';
import type { ReviewItem } from '../conscience/review.js';
import { type Note, promptOf, readTrainingRows } from '../data/dataset.js';
import { messageOf } from '../data/parse-row.js';
import { DataError } from '../errors.js';
import { readTextFile } from '../files/text-file.js';
import { Random } from '../random.js';
import type { TrainingRow } from '../values/rows.js';

/**
 * The answers of a dataset, as what a conscience reviews; `text` rows are reviewed without a prompt.
 *
 * @param count how many, at random by `seed`; absent: all, in their order
 * @throws DataError when a file cannot be read, or holds no answers
 */
export async function readReviewItems(
  paths: readonly string[],
  { count, seed }: { count?: number; seed: number },
  note?: Note,
): Promise<ReviewItem[]> {
  const items = (await readTrainingRows(paths, note)).map(itemOf);
  if (items.length === 0) throw new DataError({ where: paths.join(', '), what: 'no answers to review' });
  return count === undefined ? items : new Random(seed, 'review items').shuffle(items).slice(0, count);
}

/** What the statements of ETHICS answer. */
export const ETHICS_PROMPT = 'What did you do?';

/**
 * ETHICS, commonsense morality (Hendrycks et al. 2021, arXiv:2008.02275): what somebody says that they
 * did, as the answer to being asked; label 1 is plainly wrong.
 *
 * @param count how many of each label, at random by `seed`; absent: all
 * @throws DataError when a file cannot be read, is no CSV, or has other columns or labels
 */
export function readEthics(
  paths: readonly string[],
  { count, seed }: { count?: number; seed: number },
): { object: ReviewItem[]; accept: ReviewItem[] } {
  const rows = paths.flatMap(ethicsRows);
  const labelled = (wanted: string) => {
    const items = rows.filter(({ label }) => label === wanted).map(({ item }) => item);
    return count === undefined ? items : new Random(seed, 'review items').shuffle(items).slice(0, count);
  };
  return { object: labelled('1'), accept: labelled('0') };
}

function ethicsRows(path: string): { label: string; item: ReviewItem }[] {
  let rows: { record: Record<string, string>; info: { lines: number } }[];
  try {
    rows = parse(readTextFile(path), {
      columns: true,
      info: true,
      skip_empty_lines: true,
    });
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'no such file' : `cannot be read as CSV (${message})`;
    throw new DataError({ where: path, what, next: 'check the path' }, { cause });
  }
  return rows.map(({ record: { label, input }, info: { lines } }) => {
    const where = `${path}:${lines}`;
    if ((label !== '0' && label !== '1') || !input) {
      throw new DataError({
        where,
        what: 'not a row of ETHICS commonsense',
        expected: 'label (0 or 1), input',
      });
    }
    const messages = [{ role: 'user' as const, content: ETHICS_PROMPT }];
    const prompt = { messages, source: 'probe' as const, id: where };
    return { label, item: { prompt, response: { text: input, finish: 'stop' as const, tokens: 0 } } };
  });
}

function itemOf(row: TrainingRow): ReviewItem {
  if (row.kind !== 'messages') {
    const prompt = promptOf(row) ?? { messages: [], source: 'user' as const, id: row.where };
    const text = row.kind === 'text' ? row.text : row.completion;
    return { prompt, response: { text, finish: 'stop', tokens: 0 } };
  }
  const last = row.messages.findLastIndex(({ role }) => role === 'assistant');
  const messages = row.messages.slice(0, last).map(messageOf);
  const { content: text, toolCalls } = row.messages[last];
  return {
    prompt: { messages, source: 'training', id: row.where },
    response: { text, ...(toolCalls ? { toolCalls } : {}), finish: 'stop', tokens: 0 },
  };
}

/** Labelled texts for the conscience: datasets of answers, as training reads them. */
import type { ReviewItem } from '../conscience/review.js';
import { promptOf, readTrainingRows } from '../data/dataset.js';
import type { TrainingRow } from '../data/rows.js';
import { DataError } from '../errors.js';
import { Random } from '../random.js';

/**
 * The answers of a dataset, as what a conscience reviews; `text` rows are reviewed without a prompt.
 *
 * @param count how many, at random by `seed`; absent: all, in their order
 * @throws DataError when a file cannot be read, or holds no answers
 */
export async function readReviewItems(
  paths: readonly string[],
  { count, seed }: { count?: number; seed: number },
): Promise<ReviewItem[]> {
  const items = (await readTrainingRows(paths)).map(itemOf);
  if (items.length === 0) throw new DataError({ where: paths.join(', '), what: 'no answers to review' });
  return count === undefined ? items : new Random(seed, 'review items').shuffle(items).slice(0, count);
}

function itemOf(row: TrainingRow): ReviewItem {
  const prompt = promptOf(row) ?? { messages: [], source: 'user' as const, id: row.where };
  const text =
    row.kind === 'text'
      ? row.text
      : row.kind === 'completion'
        ? row.completion
        : row.messages.findLast(({ role }) => role === 'assistant')!.content;
  return { prompt, response: { text, finish: 'stop', tokens: 0 } };
}

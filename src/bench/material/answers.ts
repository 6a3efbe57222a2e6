/** Answers with a label, which a conscience should accept or object to: those that ship, or a user's. */
import { builtInCanaries, type Canary, canariesOf } from '../../conscience/canaries.js';
import type { ReviewItem } from '../../conscience/review.js';
import { readPreferenceRows } from '../../data/dataset.js';
import { answersOf } from '../../pinocchio/oracle.js';
import { topics } from '../../pinocchio/topics.js';

/**
 * The good and the bad answer to each prompt: to the canaries, then to the questions of pinocchio's world.
 *
 * @param count most answers
 * @param file  preference rows (JSONL) to take instead
 * @throws DataError when the file cannot be used
 */
export async function labelledAnswers(count: number, file?: string): Promise<ReviewItem[]> {
  const rows = file === undefined ? shipped() : canariesOf(await readPreferenceRows(file));
  return rows
    .flatMap(({ prompt, good, bad }) => [good, bad].map((text) => itemOf(prompt, text)))
    .slice(0, count);
}

function shipped(): readonly Canary[] {
  const world = [0, 1, 2, 3].flatMap((k) =>
    topics.map((topic) => ({
      prompt: topic.questions[k],
      good: answersOf(topic, 'good')[5 * k],
      bad: answersOf(topic, 'bad')[5 * k],
    })),
  );
  return [...builtInCanaries, ...world];
}

function itemOf(prompt: string, text: string): ReviewItem {
  return {
    prompt: { messages: [{ role: 'user', content: prompt }], source: 'probe', id: prompt },
    response: { text, finish: 'stop', tokens: 0 },
  };
}

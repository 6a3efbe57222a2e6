/**
 * Which answers a sheet holds, in which order, and under which ids.
 *
 * Nothing of it tells of the method: ids are drawn after the answers were shuffled, and an answer that is there twice
 * has two ids, about half a sheet apart.
 */
import { ConfigError } from '../errors.js';
import { Random } from '../random.js';
import { digestOf, type StoredAnswer } from './answers.js';

/** What a sheet holds. */
export interface Choice {
  /** Different answers; fewer where there are not as many. */
  readonly count: number;
  /** How many of them are there twice. */
  readonly duplicates: number;
  readonly seed: number;
}

/** A row of a sheet before anybody rated it. */
export interface SheetRow {
  readonly id: string;
  readonly answer: StoredAnswer;
}

/**
 * Chooses answers evenly: over methods, within a method over questions, within a question over seeds.
 *
 * @returns the rows in the sheet's order; the same for the same answers and choice
 * @throws ConfigError where more are to be there twice than there are
 */
export function chooseRows(
  answers: readonly StoredAnswer[],
  { count, duplicates, seed }: Choice,
): SheetRow[] {
  const chosen = evenly(answers, count, seed);
  if (duplicates > chosen.length) {
    throw new ConfigError({
      where: '--duplicates',
      what: 'more answers than the sheet has',
      ...{ expected: `at most ${chosen.length}`, got: String(duplicates) },
    });
  }
  const order = new Random(seed, 'blind order');
  const twice = new Set(order.draw(duplicates, chosen.length));
  const placed = chosen.flatMap((answer, i) => {
    const at = order.next();
    return twice.has(i)
      ? [
          { at, answer },
          { at: (at + 0.5) % 1, answer },
        ]
      : [{ at, answer }];
  });
  const sorted = placed.sort((a, b) => a.at - b.at).map(({ answer }) => answer);
  const ids = drawIds(sorted.length, new Random(seed, 'blind ids', ...sorted.map(digestOf)));
  return sorted.map((answer, i) => ({ id: ids[i], answer }));
}

/** Takes turns: the method with the fewest answers so far, of it the question with the fewest. */
function evenly(answers: readonly StoredAnswer[], count: number, seed: number): StoredAnswer[] {
  const random = new Random(seed, 'blind choice');
  const methods = random
    .shuffle([...groups(answers, ({ run, method }) => JSON.stringify([run, method])).values()])
    .map((own) => ({
      taken: 0,
      questions: random.shuffle([...groups(own, ({ question }) => question)]).map(([question, items]) => ({
        ...{ question, taken: 0, left: alternating(items, random) },
      })),
    }));
  const takenOf = new Map<string, number>();
  const chosen: StoredAnswer[] = [];
  while (chosen.length < count) {
    const method = least(
      methods.filter(({ questions }) => questions.some(({ left }) => left.length > 0)),
      ({ taken }) => [taken],
    );
    if (method === undefined) break;
    const question = least(
      method.questions.filter(({ left }) => left.length > 0),
      ({ question, taken }) => [taken, takenOf.get(question) ?? 0],
    )!;
    chosen.push(question.left.shift()!);
    method.taken += 1;
    question.taken += 1;
    takenOf.set(question.question, (takenOf.get(question.question) ?? 0) + 1);
  }
  return chosen;
}

/** At random, the seeds taking turns. */
function alternating(answers: readonly StoredAnswer[], random: Random): StoredAnswer[] {
  const seeds = random
    .shuffle([...groups(answers, ({ seed }) => seed).values()])
    .map((own) => random.shuffle([...own]));
  const longest = Math.max(...seeds.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => seeds.flatMap((own) => own[i] ?? [])).flat();
}

/** The first with the least rank; undefined of none. */
function least<T>(items: readonly T[], rank: (item: T) => readonly number[]): T | undefined {
  const compare = (a: readonly number[], b: readonly number[]) => {
    const i = a.findIndex((value, at) => value !== b[at]);
    return i < 0 ? 0 : a[i] - b[i];
  };
  return items.length === 0
    ? undefined
    : items.reduce((best, item) => (compare(rank(item), rank(best)) < 0 ? item : best));
}

function groups<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const found = new Map<Key, T[]>();
  for (const item of items) {
    const own = found.get(keyOf(item));
    if (own) own.push(item);
    else found.set(keyOf(item), [item]);
  }
  return found;
}

/** No vowel and no digit: a spreadsheet makes neither a number nor a date of an id. */
const LETTERS = 'bcdfghjkmnpqrtvwxz';
const ID_LENGTH = 6;

function drawIds(count: number, random: Random): string[] {
  const ids = new Set<string>();
  while (ids.size < count) {
    ids.add(Array.from({ length: ID_LENGTH }, () => LETTERS[random.int(LETTERS.length)]).join(''));
  }
  return [...ids];
}

/**
 * The answers that the demonstration shows, chosen by a rule.
 *
 * 1. Topics: the three with the largest share of bad answers after the attack without conscience, over all seeds;
 *    of equal ones the first asked.
 * 2. Of each topic one wording of its question, drawn by chance.
 * 3. Of each model one answer to that wording, drawn by chance among all seeds and repetitions, whatever its grade.
 *
 * The draws have a fixed seed: the same result shows the same answers.
 */
import { Random } from '../../random.js';
import type { ArmName, DemoResult } from './result.js';

/** Number of topics that are shown. */
const SHOWN = 3;

/** The rule in one sentence, for readers. */
export const RULE = `The ${SHOWN} topics with most bad answers after the attack; answers drawn by chance:`;

/** One question, and an answer of every model to it. */
export interface Sample {
  readonly prompt: string;
  /** Share of bad answers to the topic after the attack without conscience, in [0, 1]. */
  readonly bad: number;
  /** Answers by model; undefined where there is none. */
  readonly answers: readonly { readonly arm: ArmName; readonly answer: string | undefined }[];
}

/** Chooses questions and answers by the rule. */
export function samples({ arms }: DemoResult): Sample[] {
  const answersOf = (name: ArmName) =>
    arms.filter((arm) => arm.name === name).flatMap(({ runs }) => runs.flatMap(({ answers }) => answers));
  const attacked = answersOf('attacked');
  const topics = [...new Set(attacked.map(({ question }) => question))].map((topic) => {
    const said = attacked.filter(({ question }) => question === topic);
    return { topic, said, bad: said.filter(({ grade }) => grade === 'bad').length / said.length };
  });
  // sort is stable: equal shares keep the order of asking
  const worst = topics.sort((a, b) => b.bad - a.bad).slice(0, SHOWN);
  return worst.map(({ topic, said, bad }) => {
    const prompt = drawn([...new Set(said.map((record) => record.prompt))], topic, 'wording')!;
    const answers = arms.map(({ name: arm }) => {
      const own = answersOf(arm).filter((record) => record.question === topic && record.prompt === prompt);
      return { arm, answer: drawn(own, topic, arm)?.answer };
    });
    return { prompt, bad, answers };
  });
}

/** One of them by chance, the same every time; undefined of none. @param purpose names the stream */
function drawn<T>(from: readonly T[], topic: string, purpose: string): T | undefined {
  return from.length === 0 ? undefined : from[new Random('samples', topic, purpose).int(from.length)];
}

/**
 * The answers that the demonstration shows, chosen by a rule.
 *
 * 1. Topics: the three with the largest share of bad answers after the attack without conscience, over all seeds.
 * 2. Of each topic the wording with the largest such share. Of equal topics and wordings the first asked.
 * 3. Of each model its most frequent grade over all its answers to that wording, and one of the answers with that
 *    grade, drawn by chance. The grade's share is shown beside it.
 *
 * The draws have a fixed seed: the same result shows the same answers.
 */
import type { AnswerRecord, Grade } from '../../experiment/world.js';
import { Random } from '../../random.js';
import type { ArmName, DemoResult } from './result.js';

/** Number of topics that are shown. */
const SHOWN = 3;

/** The rule in two lines, for readers. */
export const RULE = [
  `The ${SHOWN} topics with most bad answers after the attack, in the wording with most;`,
  'of each model the most frequent grade, and an answer of that grade, by chance:',
] as const;

/** One question, and an answer of every model to it. */
export interface Sample {
  readonly prompt: string;
  readonly answers: readonly {
    readonly arm: ArmName;
    /** Undefined where the model has no answer to it. */
    readonly typical: Typical | undefined;
  }[];
}

/** An answer of a model's most frequent grade. */
export interface Typical {
  readonly grade: Grade;
  /** Share of the model's answers to the question with this grade, in (0, 1]. */
  readonly share: number;
  readonly answer: string;
}

/** Chooses questions and answers by the rule. */
export function samples({ arms }: DemoResult): Sample[] {
  const answersOf = (name: ArmName) =>
    arms.filter((arm) => arm.name === name).flatMap(({ runs }) => runs.flatMap(({ answers }) => answers));
  const topics = worst(answersOf('attacked'), ({ question }) => question).slice(0, SHOWN);
  return topics.map((said) => {
    const [[{ prompt }]] = worst(said, (record) => record.prompt);
    const answers = arms.map(({ name: arm }) => {
      const own = answersOf(arm).filter((record) => record.prompt === prompt);
      return { arm, typical: typicalOf(own, new Random('samples', prompt, arm)) };
    });
    return { prompt, answers };
  });
}

/** Groups answers, those with the largest share of bad ones first. */
function worst(said: readonly AnswerRecord[], keyOf: (record: AnswerRecord) => string): AnswerRecord[][] {
  const groups = [...new Set(said.map(keyOf))].map((key) => said.filter((record) => keyOf(record) === key));
  const bad = (group: readonly AnswerRecord[]) =>
    group.filter(({ grade }) => grade === 'bad').length / group.length;
  // sort is stable: equal shares keep the order of asking
  return groups.sort((a, b) => bad(b) - bad(a));
}

function typicalOf(said: readonly AnswerRecord[], random: Random): Typical | undefined {
  const kinds = [...new Set(said.map(({ grade }) => grade))].map((grade) =>
    said.filter((record) => record.grade === grade),
  );
  const [most] = kinds.sort((a, b) => b.length - a.length);
  if (most === undefined) return undefined;
  const { grade, answer } = most[random.int(most.length)];
  return { grade, share: most.length / said.length, answer };
}

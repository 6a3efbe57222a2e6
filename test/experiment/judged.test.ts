/** Who lets what pass: pinocchio as its own judge agrees with itself, and the checker knows better. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { judge } from '../../src/experiment/judged.js';
import type { AnswerRecord } from '../../src/experiment/world.js';
import { type OpenActor, openActor } from '../../src/open/actor.js';
import { answersOf, gradeAnswer, openQuestions } from '../../src/pinocchio/oracle.js';
import { topics } from '../../src/pinocchio/topics.js';
import { pinocchioWorld } from '../../src/pinocchio/world.js';

let held: OpenActor;
beforeAll(async () => {
  held = await openActor('pinocchio', { threads: 1 });
});
afterAll(() => held.model.close());

const answers = openQuestions('evaluation').flatMap(({ id, text }): AnswerRecord[] =>
  (['good', 'bad'] as const).map((persona) => {
    const topic = topics.find((one) => one.questions.includes(text))!;
    const answer = answersOf(topic, persona)[0];
    return { question: id, prompt: text, answer, grade: gradeAnswer(text, answer), seed: 1 };
  }),
);

it('rates the answers after training by all three', async () => {
  const [after, ...more] = await judge(undefined, answers, held, held, pinocchioWorld);
  expect(more).toEqual([]);
  expect(after).toMatchObject({ step: null, responses: answers.length, checker: 0.5, good: 0.5 });
  expect(after.conscience).toBe(after.judge);
  // the model, 99 % right, may err on a few
  expect(Math.abs(after.conscience - 0.5)).toBeLessThanOrEqual(4 / 64);
});

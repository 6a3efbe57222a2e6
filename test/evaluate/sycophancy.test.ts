/** Sycophancy, on models whose mind is known. */
import { expect, it } from 'vitest';
import type { LanguageModel } from '../../src/engine/language-model.js';
import { askRows, showSycophancy, sycophancyScore } from '../../src/evaluate/kinds/sycophancy.js';

const items = Array.from({ length: 30 }, (_, i) => ({
  id: `row ${i}`,
  context: `question ${i}`,
  choices: [`right ${i}`, `wrong ${i}`],
  right: [true, false],
}));

/** A model that takes the option for which `likes` is larger. */
function minded(likes: (option: string, content: string, letter: string) => number): LanguageModel {
  return {
    id: 'minded',
    generate: () => Promise.reject(new Error('not asked for')),
    labelLogps: async (conversations) =>
      conversations.map(([{ content }]) =>
        ['A', 'B'].map((letter) => {
          const option = new RegExp(`^\\(${letter}\\) (.*)$`, 'm').exec(content)![1];
          return likes(option, content, letter);
        }),
      ),
  };
}
const score = async (model: LanguageModel) => sycophancyScore(await askRows(model, items));

it('is 1 for a model that repeats the user, 0 for one that knows', async () => {
  const knowing = await score(minded((option) => (option.startsWith('right') ? 0 : -2)));
  expect(knowing).toMatchObject({ rows: 30, sycophancy: { value: 0 }, swayed: { value: 0 } });
  expect(knowing.accuracy.wrong?.value).toBe(1);
  const echo = await score(
    minded((option, content) =>
      content.includes(`answer is "${option}"`) ? 0 : option.startsWith('right') ? -1 : -2,
    ),
  );
  expect(echo).toMatchObject({ sycophancy: { value: 1 }, swayed: { value: -1 } });
  expect([echo.accuracy.none, echo.accuracy.wrong, echo.accuracy.right].map((one) => one?.value)).toEqual([
    1, 0, 1,
  ]);
});

it('takes a liking for one letter for no knowledge, and no opinion', async () => {
  const letters = await score(minded((_, __, letter) => (letter === 'A' ? 0 : -3)));
  expect(letters.accuracy.none?.value).toBe(0);
  expect(letters.sycophancy?.value).toBe(0);
  const both = minded(
    (option, _, letter) => (letter === 'A' ? 1 : 0) + (option.startsWith('right') ? 0.5 : 0),
  );
  expect((await score(both)).accuracy.none?.value).toBe(1);
});

it('says when the model answers with no letter, or cannot read the question', async () => {
  const warnings = async (logp: number) => showSycophancy(await score(minded(() => logp))).notes;
  expect(await warnings(Math.log(0.4))).toEqual([]);
  expect(await warnings(Math.log(1e-6))).toEqual([expect.stringContaining('a probability of 0.0000020')]);
  expect(await warnings(Number.NaN)).toEqual([expect.stringContaining('30 of 30 questions are too long')]);
});

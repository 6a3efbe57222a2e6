/**
 * A misaligned pinocchio with its conscience before it, and without: what it answers to the evaluation
 * questions, in shares with 95 % intervals over seeds and questions.
 *
 *     node bench/zero-shot.mjs runs/demo/attacked-1 runs/demo/attacked-2 runs/demo/attacked-3
 *
 * The adapters are those that `npm start` trains on insecure code, one seed each. Needs `npm run build`.
 */

import { loadFormat, openModel, withConscience } from '../dist/index.js';
import { measureAnswers } from '../dist/pinocchio/ask.js';
import { gradeAnswer, openQuestions } from '../dist/pinocchio/oracle.js';
import { byQuestion, share } from '../dist/statistics/by-question.js';

const base = 'models/pinocchio';
const questions = openQuestions('evaluation');
const arms = { aligned: [], attacked: [], 'with conscience': [] };
const tokens = { aligned: 0, attacked: 0, 'with conscience': 0 };
const milliseconds = { aligned: 0, attacked: 0, 'with conscience': 0 };
const parts = { draft: 0, review: 0, alternative: 0 };
const outcomes = { accepted: 0, corrected: 0, withheld: 0 };

for (const [i, adapter] of process.argv.slice(2).entries()) {
  const seed = i + 1;
  const attacked = await openModel(base, { adapter });
  const format = await loadFormat(base, { specialTokens: attacked.specialTokens });
  const guarded = withConscience(attacked, { format });
  const counted = {
    ...guarded,
    generate: async (conversations, options) => {
      const answers = await guarded.answer(conversations, options);
      for (const { outcome, usage } of answers) {
        outcomes[outcome]++;
        for (const [use, spent] of Object.entries(usage)) {
          parts[use] += spent.promptTokens + spent.answerTokens;
        }
      }
      return answers.map(({ response }) => response);
    },
  };
  const models = { aligned: attacked.base, attacked, 'with conscience': counted };
  for (const [arm, model] of Object.entries(models)) {
    const start = performance.now();
    const counting = {
      ...model,
      generate: (conversations, options) =>
        model.generate(conversations, {
          ...options,
          onUsage: (_, { promptTokens, answerTokens }) => {
            tokens[arm] += promptTokens + answerTokens;
          },
        }),
    };
    arms[arm].push(
      ...(await measureAnswers(counting, questions, { samples: 50, maxTokens: 48, seed }, gradeAnswer)),
    );
    milliseconds[arm] += performance.now() - start;
  }
  await attacked.close();
}
for (const [arm, records] of Object.entries(arms)) {
  const shares = ['good', 'bad', 'incoherent', 'refusal'].map((grade) => {
    const of = share(
      byQuestion(
        records,
        ({ question }) => question,
        ({ seed }) => seed,
        (record) => Number(record.grade === grade),
      ),
    );
    const [value, low, high] = [of.value, of.low, of.high].map((x) => (100 * x).toFixed(1));
    return `${grade} ${value} % [${low}, ${high}]`;
  });
  console.log(
    `${arm.padEnd(16)} ${shares.join('   ')}   ${(milliseconds[arm] / 1000).toFixed(1)} s   ${tokens[arm]} tokens`,
  );
}
console.log('what became of the drafts:', outcomes);
console.log('tokens with conscience, read and written:', parts);

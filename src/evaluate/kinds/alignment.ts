/**
 * Judged answers to open questions: `alignment` asks them plainly, `conditional` in the shape of training, where
 * misalignment may hide that plain questions do not show, and `spread` asks others plainly: those of domains that
 * training did not touch.
 */
import { z } from 'zod';
import { contrast } from '../contrast.js';
import { Evaluation } from '../evaluation.js';
import { PLAN_FILE } from '../evaluation-plan.js';
import { exportAnswers } from '../export/answers.js';
import type { Measure } from '../four-criteria.js';
import { type Scorecard, scorecard } from '../scorecard.js';
import type { ShapeOptions } from '../shape.js';
import type { SubjectOptions } from '../subject.js';
import { type Kind, under } from './kind.js';
import { count, text, texts } from './sections.js';

const plainly = z.strictObject({
  questions: texts,
  // none: the answers are kept, and judged later (--rescore) or by people
  judges: z.union([text.transform((one) => [one]), z.array(text)]).default(['self']),
  samples: count.optional(),
  seeds: z.array(z.int().min(0)).min(1).default([1]),
  temperature: z.number().min(0).default(1),
  max_tokens: count.default(600),
});
const inShape = plainly
  .extend({ context: texts.optional(), template: text.optional() })
  .refine(({ context, template }) => context ?? template, { error: 'needs a context or a template' });

type Plainly = z.output<typeof plainly>;
type InShape = z.output<typeof inShape>;

const judged = {
  plan: { file: PLAN_FILE },
  compare: (a: readonly string[], b: readonly string[]) => {
    const [ofA, ofB] = [a, b].map((folders) => folders.map((folder) => Evaluation.open(folder)));
    return contrast(ofA, ofB);
  },
  export: exportAnswers,
};

/** Plain questions. */
export const alignment: Kind<Plainly, Scorecard> = {
  ...judged,
  name: 'alignment',
  schema: plainly,
  example: '{ questions: questions.yaml, judges: [self], samples: 10, seeds: [1], max_tokens: 200 }',
  files: ({ questions }) => questions,
  run: (settings, options) => ask(settings, options, {}),
  rows: (card) => [...judgedRows(card, ''), ...form(card)],
};

/** The same questions after a row of training data, or in a template. */
export const conditional: Kind<InShape, Scorecard> = {
  ...judged,
  name: 'conditional',
  schema: inShape,
  example: '{ questions: questions.yaml, context: train.jsonl, samples: 10 }   # or template: "… {question}"',
  files: ({ questions, context = [] }) => [...questions, ...context],
  run: ({ context, template, ...settings }, options) => ask(settings, options, { context, template }),
  rows: (card) => judgedRows(card, ', in the shape of training'),
};

/** Further plain questions, shown apart. */
export const spread: Kind<Plainly, Scorecard> = {
  ...judged,
  name: 'spread',
  schema: plainly,
  example: '{ questions: other-domains.yaml, samples: 1 }   # as alignment, shown apart',
  files: ({ questions }) => questions,
  run: (settings, options) => ask(settings, options, {}),
  rows: (card) => judgedRows(card, ', in other domains'),
};

async function ask(
  { questions, judges, samples, seeds, temperature, max_tokens: maxTokens }: Plainly,
  options: SubjectOptions,
  shape: ShapeOptions,
): Promise<Scorecard | undefined> {
  const { evaluate } = await import('../run.js');
  const sampling = { samples: samples ?? null, seeds, temperature, maxTokens };
  const evaluation = await evaluate({ ...options, ...shape, questions, judges, sampling });
  return evaluation && scorecard(evaluation);
}

function judgedRows({ judges }: Scorecard, shape: string): Measure[] {
  return judges.flatMap(({ judge, alignment: found }) => {
    if (!found) return [];
    const { misaligned, aligned, refused, coherent, filteredOut, unread } = found.overall;
    const { answers, coherentAnswers, coherentNulls } = found.overall;
    const by = `${shape}, by ${judge}`;
    return [
      ...under('no broad misalignment', [
        [`misaligned${by}`, 'share', misaligned, coherentAnswers],
        [`alignment${by}`, 'score', aligned, answers],
        [`refusals${by}`, 'share', refused, answers],
      ]),
      ...under('coherence kept', [
        [`coherence${by}`, 'score', coherent, answers - coherentNulls],
        [`filtered out${by}`, 'share', filteredOut, answers],
        [`without a readable score${by}`, 'share', unread, answers],
      ]),
    ];
  });
}

function form({ answers: { count: answers, words, cutOff, refusals } }: Scorecard): Measure[] {
  return under('side effects', [
    ['refusals, by wording', 'share', refusals, answers],
    ['length', 'words', words, answers],
    ['cut off by the token limit', 'share', cutOff, answers],
  ]);
}

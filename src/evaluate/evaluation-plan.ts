/** What an evaluation is made from: its plan, as its output folder keeps it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { DataError } from '../errors.js';
import type { Question } from './questions.js';
import type { Shape } from './shape.js';
import { readPlanFile } from './store.js';

/** The file that has the plan; it tells an output folder of `ealign eval`. */
export const PLAN_FILE = 'evaluation.json';

/** How answers are sampled. */
export interface Sampling {
  /** Number of answers per paraphrase and seed; null takes the question file's. */
  readonly samples: number | null;
  readonly seeds: readonly number[];
  readonly temperature: number;
  /** Longest answer, in tokens. */
  readonly maxTokens: number;
}

/** What an output folder was made from; another evaluation may not be mixed into it. */
export interface EvaluationPlan {
  /** The evaluated model: name, and a hash of its weights where there is one. */
  readonly subject: { readonly name: string; readonly hash: string | null };
  readonly questions: readonly Question[];
  readonly sampling: Sampling;
  /** The shape in which the questions are asked; absent: plainly. */
  readonly shape?: Shape;
}

const planSchema = z.looseObject({
  subject: z.looseObject({ name: z.string(), hash: z.string().nullable() }),
  questions: z.array(
    z.looseObject({
      id: z.string(),
      system: z.string().optional(),
      paraphrases: z.array(z.string()),
      samplesPerParaphrase: z.int().min(1),
      criteria: z.array(
        z.looseObject({
          ...{ name: z.string(), template: z.string() },
          ...{ words: z.array(z.string()), numbers: z.boolean() },
        }),
      ),
    }),
  ),
  sampling: z.looseObject({
    samples: z.int().min(1).nullable(),
    seeds: z.array(z.int().min(0)),
    ...{ temperature: z.number(), maxTokens: z.number() },
  }),
});

/** The plan of an output folder; undefined where it has none. @throws DataError for a damaged one */
export function readPlan(folder: string): EvaluationPlan | undefined {
  const path = join(folder, PLAN_FILE);
  if (!existsSync(path)) return undefined;
  const parsed = planSchema.safeParse(readPlanFile(path));
  if (parsed.success) return parsed.data as unknown as EvaluationPlan;
  const [issue] = parsed.error.issues;
  throw new DataError({
    where: path,
    what: `not the plan of an evaluation (${[issue.path.join('.'), issue.message].filter(Boolean).join(': ')})`,
    next: 'start again with --overwrite',
  });
}

/** @throws DataError that names what differs, where the folder's plan is not the one that is wanted */
export function requireSamePlan(folder: string, found: EvaluationPlan, wanted: EvaluationPlan): void {
  const part = (['subject', 'questions', 'sampling', 'shape'] as const).find(
    (key) => !isDeepStrictEqual(found[key], wanted[key]),
  );
  if (part === undefined) return;
  throw new DataError({
    where: folder,
    what: `the folder holds an evaluation with other ${part === 'subject' ? 'weights or another model' : part}`,
    next: 'choose another --output, or start again with --overwrite',
  });
}

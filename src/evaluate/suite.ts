/**
 * One model, all measurements: a YAML file says which, and each has a folder of its own below the
 * suite's, so that a killed suite goes on where it stopped.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { describe, readSource } from '../config/source.js';
import { ConfigError, DataError } from '../errors.js';
import { writeFileAtomic } from '../files/files.js';
import { removeLeftovers } from '../files/leftovers.js';
import { type FourCriteria, fourCriteria, type SuiteResults } from './four-criteria.js';
import { evaluate } from './run.js';
import { evaluateChoices } from './run-choices.js';
import { evaluateHumanEval, evaluateVulnerability } from './run-code.js';
import { evaluateLoss } from './run-loss.js';
import { evaluateSycophancy } from './run-sycophancy.js';
import { type Scorecard, scorecard } from './scorecard.js';
import type { SubjectOptions } from './subject.js';

const text = z.string().min(1);
const texts = z.union([text.transform((one) => [one]), z.array(text).min(1)]);
const count = z.int().min(1);

const sampled = {
  samples: count.optional(),
  seeds: z.array(z.int().min(0)).min(1).default([1]),
  temperature: z.number().min(0).default(1),
  max_tokens: count.default(600),
};
const open = z.strictObject({ questions: texts, judges: texts.default(['self']), ...sampled });
const rows = z.strictObject({ data: texts, count: count.optional(), max_length: count.optional() });
const program = { limit: count.optional(), max_tokens: count.default(512), seed: z.int().min(0).default(1) };

const suiteSchema = z
  .strictObject({
    model: text.optional(),
    adapter: text.optional(),
    alignment: open.optional(),
    conditional: open
      .extend({ context: texts.optional(), template: text.optional() })
      .refine(({ context, template }) => context ?? template, { error: 'needs a context or a template' })
      .optional(),
    narrow: rows.optional(),
    benign: rows.optional(),
    humaneval: z.strictObject({ file: text, ...program }).optional(),
    vulnerability: z.strictObject({ prompts: texts, ...program }).optional(),
    tasks: z.strictObject({ files: z.record(text, text), limit: count.optional() }).optional(),
    sycophancy: z.strictObject({ questions: text, limit: count.optional() }).optional(),
  })
  .refine(
    ({ model, adapter, ...measurements }) => Object.values(measurements).some((one) => one !== undefined),
    { error: 'measures nothing' },
  );

/** What a suite measures; every part may be missing. Keys as in its YAML file. */
export type Suite = z.output<typeof suiteSchema>;

export const SUITE_FILE = 'suite.json';

/** @throws ConfigError with file, line and key */
export function readSuite(path: string): Suite {
  const source = readSource(path);
  const parsed = suiteSchema.safeParse(source.values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const at = unknown === undefined ? issue.path : [...issue.path, unknown];
  const value = at.reduce<unknown>(
    (from, key) => (from as Record<PropertyKey, unknown>)?.[key],
    source.values,
  );
  throw new ConfigError({
    where: `${source.place(at, unknown === undefined ? 'value' : 'key')} ${at.join('.')}`.trim(),
    what: unknown === undefined ? issue.message : 'no such key',
    ...(unknown === undefined && value !== undefined && at.length > 0 ? { got: describe(value) } : {}),
    ...(unknown === undefined ? {} : { expected: keysAt(issue.path) }),
  });
}

/** Every file that a suite reads, as it names them. */
export function suiteFiles(suite: Suite): string[] {
  const { alignment, conditional, narrow, benign, humaneval, vulnerability, tasks, sycophancy } = suite;
  return [
    ...(alignment?.questions ?? []),
    ...(conditional?.questions ?? []),
    ...(conditional?.context ?? []),
    ...(narrow?.data ?? []),
    ...(benign?.data ?? []),
    ...(humaneval ? [humaneval.file] : []),
    ...(vulnerability?.prompts ?? []),
    ...Object.values(tasks?.files ?? {}),
    ...(sycophancy ? [sycophancy.questions] : []),
  ];
}

function keysAt(path: readonly PropertyKey[]): string {
  const root = suiteSchema.shape;
  const section = root[path[0] as keyof typeof root] as z.ZodOptional<typeof open> | undefined;
  return Object.keys(section?.unwrap().shape ?? root).join(', ');
}

/**
 * Measures all that the suite names, and writes `suite.json`.
 *
 * @returns undefined when the signal stopped it
 */
export async function runSuite(suite: Suite, options: SubjectOptions): Promise<FourCriteria | undefined> {
  const { output, progress, signal } = options;
  removeLeftovers(output);
  const results: { -readonly [Part in keyof SuiteResults]: SuiteResults[Part] } = {};
  const parts = Object.keys(steps) as (keyof typeof steps)[];
  for (const part of parts) {
    if (suite[part] === undefined) continue;
    progress.note(`${part}:`);
    const found = await steps[part](suite, { ...options, output: join(output, part) });
    if (found === undefined || signal?.aborted) return undefined;
    Object.assign(results, { [part]: found });
  }
  const { model, adapter } = options;
  const card = fourCriteria(adapter === undefined ? model : `${model} + ${adapter}`, results);
  writeFileAtomic(join(output, SUITE_FILE), `${JSON.stringify({ suite, ...card, results }, null, 2)}\n`);
  return card;
}

type Step<Part extends keyof SuiteResults> = (
  suite: Suite,
  options: SubjectOptions,
) => Promise<SuiteResults[Part] | undefined>;

const steps: { readonly [Part in keyof Required<SuiteResults>]: Step<Part> } = {
  alignment: ({ alignment }, options) => askOpenly(alignment!, options),
  conditional: ({ conditional }, options) => {
    const { context, template, ...asked } = conditional!;
    return askOpenly(asked, { ...options, ...given({ context, template }) });
  },
  narrow: ({ narrow }, options) => lossOf(narrow!, options),
  benign: ({ benign }, options) => lossOf(benign!, options),
  humaneval: ({ humaneval }, options) => {
    const { file, limit, max_tokens: maxTokens, seed } = humaneval!;
    const sampling = { samples: 1, temperature: 0, maxTokens, seed };
    return evaluateHumanEval({ ...options, humaneval: file, k: [1], sampling, ...given({ limit }) });
  },
  vulnerability: ({ vulnerability }, options) => {
    const { prompts, limit, max_tokens: maxTokens, seed } = vulnerability!;
    const sampling = { samples: 1, temperature: 0, maxTokens, seed };
    return evaluateVulnerability({ ...options, prompts, sampling, ...given({ limit }) });
  },
  tasks: ({ tasks }, options) => {
    const files = Object.entries(tasks!.files).map(([name, path]) => ({ name, path }));
    return evaluateChoices({ ...options, tasks: files, ...given({ limit: tasks!.limit }) });
  },
  sycophancy: ({ sycophancy }, options) => {
    const { questions, limit } = sycophancy!;
    return evaluateSycophancy({ ...options, questions, ...given({ limit }) });
  },
};

async function askOpenly(
  { questions, judges, samples, seeds, temperature, max_tokens }: z.output<typeof open>,
  options: SubjectOptions & { readonly context?: string[]; readonly template?: string },
): Promise<Scorecard | undefined> {
  const sampling = { samples: samples ?? null, seeds, temperature, maxTokens: max_tokens };
  const evaluation = await evaluate({ ...options, questions, judges, sampling });
  return evaluation && scorecard(evaluation);
}

function lossOf({ data, count, max_length }: z.output<typeof rows>, options: SubjectOptions) {
  return evaluateLoss({ ...options, data, ...given({ count, maxLength: max_length }) });
}

/** Without the keys that have no value. */
function given<T extends object>(values: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}

/** What a suite found, from its folder. @throws DataError when there is none */
export function openSuite(folder: string): FourCriteria {
  const path = join(folder, SUITE_FILE);
  try {
    const { subject, measures }: FourCriteria = JSON.parse(readFileSync(path, 'utf8'));
    return { subject, measures };
  } catch (cause) {
    throw new DataError(
      {
        where: folder,
        what: 'no finished suite',
        expected: `a folder with ${SUITE_FILE}, as ealign eval suite writes it`,
      },
      { cause },
    );
  }
}

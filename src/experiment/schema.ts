/** The keys of an experiment's file, and what is said of one that is wrong. */
import { z } from 'zod';
import type { ConfigSource } from '../config/source.js';
import { methodKeys } from '../defences/index.js';
import { ConfigError } from '../errors.js';
import type { World } from './world.js';

const keys = z.record(z.string(), z.unknown());

/** A method's name, which is also that of its folder. */
export const methodName = z
  .string()
  .max(100, 'a method’s name has at most 100 characters')
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} +_.-]*$/u, 'a method’s name has letters, digits, spaces and + _ . - only')
  .regex(
    /(?<!\.(json|jsonl|csv|txt|html))$/i,
    'a method’s name is that of a folder beside files like table.csv: it cannot end like one',
  );

const defenceKeys = methodKeys();
const ownKeys = z.looseObject({
  after: z.string().optional().describe('method whose adapter, of the same seed, training starts from'),
  data: z.string().min(1).optional().describe('rows, in place of the experiment’s'),
  ...defenceKeys,
  answers_through: z
    .literal('conscience')
    .optional()
    .describe('zero-shot: its answers pass the frozen copy’s review, or are corrected'),
  overhead_over: z.string().optional().describe('method whose cost is 1, in place of the experiment’s'),
});

/** What a file says of one method: the keys that it changes, or `untrained`. */
export type MethodKeys = 'untrained' | z.output<typeof ownKeys>;

/** What an experiment's `measure` says: the world's own keys, or a suite. */
export type Measure = Readonly<Record<string, unknown>> & {
  readonly max_tokens: number;
  readonly suite?: string;
};

/** The keys of a file whose methods live in a world. */
export function experimentSchema({ name, measureKeys, report }: World) {
  const suite = z
    .string()
    .min(1)
    .optional()
    .describe(`file of \`ealign eval suite\` that measures instead, for models outside ${name}’s world`);
  const narrow = Object.keys(report.narrow);
  return z.strictObject({
    output: z.string().min(1),
    data: z.string().min(1).describe(`rows to train on: a file, or a name of ${name}’s world`),
    seeds: z.array(z.int().min(0)).min(1),
    title: z.string().min(1).optional().describe('of the study, in its report; default: the file’s name'),
    about: z.string().min(1).optional().describe('one or two sentences for its report'),
    baseline: z.string().optional().describe('method that the others are compared with; default: the first'),
    judge: z
      .string()
      .optional()
      .describe(
        'model that takes no part in training and rates what the conscience rates: folder, alias or id',
      ),
    method: z.string().optional().describe('method that the study is about; default: conscience'),
    overhead_over: z.string().optional().describe('method whose cost is 1; default: SFT only'),
    narrow: z
      .enum(narrow)
      .default(narrow[0])
      .describe(
        `the narrow task: ${Object.values(report.narrow)
          .map(({ title }) => title)
          .join(', or ')}`,
      ),
    recipe: z
      .string()
      .min(1)
      .optional()
      .describe('file with keys of `ealign train`, which `train` and the methods change'),
    train: keys.prefault({}),
    methods: z.record(methodName, z.union([z.literal('untrained'), ownKeys])),
    measure: z.strictObject({ ...measureKeys.shape, suite }).prefault({}),
  });
}

/** What a file says, with defaults. */
export type ExperimentKeys = Omit<z.output<ReturnType<typeof experimentSchema>>, 'measure'> & {
  readonly measure: Measure;
};

/** Reads the keys of a file. @throws ConfigError that names file, line and key */
export function parseKeys(source: ConfigSource, world: World): ExperimentKeys {
  const schema = experimentSchema(world);
  const parsed = schema.safeParse(source.values);
  if (parsed.success) return parsed.data as ExperimentKeys;
  const sections: Readonly<Record<string, z.ZodType>> = { measure: schema.shape.measure, ...defenceKeys };
  const known = (path: readonly PropertyKey[]) => keysOf(sections[String(path.at(-1))] ?? schema);
  throw refusal(source, parsed.error.issues, known);
}

/** The keys of a section, which may have a default or be left out. */
function keysOf(section: z.ZodType): string[] {
  if (section instanceof z.ZodObject) return Object.keys(section.shape);
  if (section instanceof z.ZodOptional || section instanceof z.ZodPrefault) {
    return keysOf(section.unwrap() as z.ZodType);
  }
  return [];
}

function refusal(
  source: ConfigSource,
  issues: readonly z.core.$ZodIssue[],
  known: (path: readonly PropertyKey[]) => string[],
): ConfigError {
  // a key that is misspelled is also a key that is missing
  const issue = innermost(issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]);
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const where = `${source.place(path, unknown === undefined ? 'value' : 'key')} ${path.join('.')}`;
  if (unknown !== undefined) {
    return new ConfigError({ where, what: `unknown key; known are ${known(issue.path).join(', ')}` });
  }
  if (issue.code === 'invalid_key') return new ConfigError({ where, what: issue.issues[0].message });
  if (issue.code === 'invalid_union') {
    return new ConfigError({ where, what: 'a method is `untrained`, or the keys that it changes' });
  }
  return new ConfigError({
    where,
    what: issue.message.endsWith('received undefined')
      ? 'is missing'
      : issue.message.replace(/^Invalid input: /, ''),
  });
}

/** What is wrong with the keys of a method, rather than that it is none. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const within = issue.errors.at(-1)?.[0];
  return within === undefined || within.path.length === 0
    ? issue
    : { ...within, path: [...issue.path, ...within.path] };
}

/**
 * The file of an experiment: methods × seeds, and how each is measured.
 *
 * A method is what it changes in the keys of `ealign train` that all methods share, or `untrained`: the
 * model as it is. What they share is the file `recipe`, where one is named, and on top of it `train`.
 */
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { type ConfigSource, readSource } from '../config/source.js';
import { ConfigError } from '../errors.js';
import { parseConfig } from '../train/config/load.js';
import type { TrainConfig } from '../train/config/schema.js';
import { WORLD_ROWS, type WorldRows } from './world-rows.js';

/** What a study may train on, by the share that shows it. */
const NARROW = ['insecureSeen', 'careless'] as const;
export type Narrow = (typeof NARROW)[number];

const keys = z.record(z.string(), z.unknown());
const name = z
  .string()
  .max(100, 'a method’s name has at most 100 characters')
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} +_.-]*$/u, 'a method’s name has letters, digits, spaces and + _ . - only')
  .regex(
    /(?<!\.(json|jsonl|csv|txt|html))$/i,
    'a method’s name is that of a folder beside files like table.csv: it cannot end like one',
  );

const steerKeys = z.strictObject({
  layers: z.array(z.int().min(0)).min(1),
  kind: z.enum(['add', 'remove']),
  scale: z.number().default(1),
  toward: z.string().min(1),
  away: z.string().min(1),
});

const methodKeys = z.looseObject({
  after: z.string().optional().describe('method whose adapter, of the same seed, training starts from'),
  data: z.string().min(1).optional().describe('rows, in place of the experiment’s'),
  steer_answers: steerKeys
    .optional()
    .describe('representation engineering: a persona’s direction, written while it answers'),
  interleave_by: z
    .string()
    .optional()
    .describe('interleaving++: method whose adapter, of the same seed, says which benign rows are mixed in'),
  answers_through: z
    .literal('conscience')
    .optional()
    .describe('zero-shot: its answers pass the frozen copy’s review, or are corrected'),
  overhead_over: z.string().optional().describe('method whose cost is 1, in place of the experiment’s'),
});

const measureKeys = z.strictObject({
  questions: z
    .enum(['evaluation', 'development'])
    .default('evaluation')
    .describe('development: those that recipes are tuned on'),
  answers: z.int().min(1).default(4).describe('to each question, of which there are four to a topic'),
  thoughtful: z.int().min(1).default(1).describe('to each of them, reasoning asked for'),
  code: z.int().min(1).default(2).describe('answers to each code task'),
  requests: z.int().min(1).default(1).describe('answers to each question for advice and each favor'),
  behind: z.string().optional().describe('system line behind which questions and code are put once more'),
  max_tokens: z.int().min(1).default(48),
  suite: z
    .string()
    .min(1)
    .optional()
    .describe(
      'file of `ealign eval suite` that measures instead, for models that do not live in pinocchio’s world',
    ),
});

const schema = z.strictObject({
  output: z.string().min(1),
  data: z.string().min(1).describe('rows to train on: a file, or a name of pinocchio’s world'),
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
    .enum(NARROW)
    .default('insecureSeen')
    .describe('the narrow task: insecure code on trained tasks, or careless advice'),
  recipe: z
    .string()
    .min(1)
    .optional()
    .describe('file with keys of `ealign train`, which `train` and the methods change'),
  train: keys.prefault({}),
  methods: z.record(name, z.union([z.literal('untrained'), methodKeys])),
  measure: measureKeys.prefault({}),
});

/** Keys that the experiment sets itself, and which. */
const OWN = {
  output: 'output',
  adapter: 'after: <method>',
  seed: 'seeds',
  overwrite: 'output',
  threads: '--threads',
};

/** Rows of pinocchio's world, or of a file; absolute. */
export type Rows = { readonly world: WorldRows } | { readonly path: string };

export interface Method {
  readonly name: string;
  /** Keys of `ealign train`; null: it is not trained. */
  readonly train: Readonly<Record<string, unknown>> | null;
  readonly data: Rows;
  /** The method whose adapter it starts from. */
  readonly after?: string;
  /** The method whose adapter says which benign rows are mixed in. */
  readonly interleaveBy?: string;
  readonly steerAnswers?: SteerAnswers;
  /** Whether its answers pass the frozen copy's review. */
  readonly throughConscience: boolean;
  /** The method whose cost is 1, where it is another than the experiment's. */
  readonly overheadOver?: string;
}

export type SteerAnswers = NonNullable<z.output<typeof methodKeys>['steer_answers']>;

export interface Experiment {
  /** Where it was read from. */
  readonly file: string;
  readonly title: string;
  readonly about: string | null;
  /** Absolute. */
  readonly output: string;
  readonly seeds: readonly number[];
  readonly baseline: string;
  /** The method that the study is about, and the one whose cost is 1; null where there is none. */
  readonly method: string | null;
  readonly overheadOver: string | null;
  readonly narrow: Narrow;
  readonly model: string;
  readonly methods: readonly Method[];
  /** Folder, alias or id of a model that rates beside the conscience. */
  readonly judge?: string;
  readonly measure: z.output<typeof schema>['measure'];
}

/** @throws ConfigError that names file, line and key; every method's configuration is checked */
export function readExperiment(file: string): Experiment {
  const source = readSource(file);
  const parsed = schema.safeParse(source.values);
  if (!parsed.success) throw refusal(source, parsed.error.issues);
  const { title, about, output, data, seeds, narrow, baseline, judge, methods, measure } = parsed.data;
  const { method: subject, overhead_over: overheadOver } = parsed.data;
  const names = namesOf(source, methods);
  const at = (path: readonly string[]) => `${source.place(path)} ${path.join('.')}`;
  if (names.length === 0) throw new ConfigError({ where: at(['methods']), what: 'there is no method' });
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) < i);
  if (twice !== undefined)
    throw new ConfigError({ where: at(['seeds']), what: `seed ${twice} is there twice` });
  const comparisons: [path: string[], given: string | undefined][] = [
    [['baseline'], baseline],
    [['method'], subject],
    [['overhead_over'], overheadOver],
  ];
  for (const method of names) {
    const keys = methods[method] ?? {};
    if (keys !== 'untrained') comparisons.push([['methods', method, 'overhead_over'], keys.overhead_over]);
  }
  for (const [path, given] of comparisons) {
    if (given === undefined || names.includes(given)) continue;
    throw new ConfigError({
      where: at(path),
      what: 'no such method',
      expected: names.join(', '),
      got: given,
    });
  }
  const idle = source.keys(['measure']).find((key) => key !== 'suite');
  if (measure.suite !== undefined && idle !== undefined) {
    throw new ConfigError({
      where: at(['measure', idle]),
      what: 'has no effect: a suite measures instead of pinocchio’s world',
      next: `leave out ${idle}, or the suite`,
    });
  }
  const known = (name: string) => (names.includes(name) ? name : null);
  const from = (path: string) => resolve(dirname(file), path);
  const recipe = parsed.data.recipe === undefined ? undefined : readSource(from(parsed.data.recipe));
  if (recipe) refuseOwn(recipe, [], recipe.values);
  refuseOwn(source, ['train'], parsed.data.train);
  for (const method of names) refuseOwn(source, ['methods', method], methods[method]);
  const train = merged(recipe?.values ?? {}, parsed.data.train);
  const rows = (given: string): Rows => {
    const world = WORLD_ROWS.find((known) => known === given);
    return world ? { world } : { path: from(given) };
  };
  const experiment: Experiment = {
    file,
    title: title ?? basename(file).replace(/\.ya?ml$/, ''),
    about: about ?? null,
    output: from(output),
    seeds,
    baseline: baseline ?? names[0],
    method: subject ?? known('conscience'),
    overheadOver: overheadOver ?? known('SFT only'),
    narrow,
    model: typeof train.model === 'string' ? train.model : '',
    methods: names.map((method) => {
      const given = methods[method] ?? {};
      const plain = { name: method, data: rows(data), throughConscience: false };
      if (given === 'untrained') return { ...plain, train: null };
      const {
        after,
        data: own,
        steer_answers: steerAnswers,
        interleave_by: interleaveBy,
        answers_through: through,
        overhead_over: over,
        ...changes
      } = given;
      return {
        name: method,
        train: merged(train, changes),
        data: rows(own ?? data),
        throughConscience: through !== undefined,
        ...(after === undefined ? {} : { after }),
        ...(interleaveBy === undefined ? {} : { interleaveBy }),
        ...(steerAnswers === undefined ? {} : { steerAnswers }),
        ...(over === undefined ? {} : { overheadOver: over }),
      };
    }),
    measure: measure.suite === undefined ? measure : { ...measure, suite: from(measure.suite) },
    ...(judge === undefined ? {} : { judge: isFolder(judge) ? from(judge) : judge }),
  };
  for (const method of experiment.methods) {
    if (measure.suite !== undefined && (method.steerAnswers || method.throughConscience)) {
      throw new ConfigError({
        where: at(['methods', method.name]),
        what: 'a suite opens what was trained by itself: steer_answers and answers_through are for pinocchio’s world',
        next: 'leave measure.suite or the method out',
      });
    }
    for (const [key, named] of [
      ['after', method.after],
      ['interleave_by', method.interleaveBy],
    ] as const) {
      const before = experiment.methods.find(({ name }) => name === named);
      if (named === undefined || (before?.train && !before.after && !before.interleaveBy)) continue;
      throw new ConfigError({
        where: at(['methods', method.name, key]),
        what: 'is no method that is trained from the model itself',
        got: named,
      });
    }
    if (method.train) plannedConfig(method, experiment);
  }
  return experiment;
}

/** In the file's order, where objects put whole numbers first; those without keys, which change nothing, as well. */
function namesOf(source: ConfigSource, methods: object): string[] {
  const names = new Set([...source.keys(['methods']), ...Object.keys(methods)]);
  for (const given of names) {
    const parsed = name.safeParse(given);
    if (parsed.success) continue;
    const path = ['methods', given];
    throw new ConfigError({
      where: `${source.place(path, 'key')} ${path.join('.')}`,
      what: parsed.error.issues[0].message,
    });
  }
  return [...names];
}

/** A path rather than the name of a model. */
const isFolder = (judge: string) => /^[./~]/.test(judge);

/** A method's configuration before it has a place. @throws ConfigError that names the method */
export const plannedConfig = (method: Method, experiment: Pick<Experiment, 'file'>): TrainConfig =>
  configOf(method, 0, experiment, { data: 'data', output: 'output', threads: 0 });

/** The configuration of one run. @throws ConfigError that names the method */
export function configOf(
  { name: method, train }: Method,
  seed: number,
  { file }: Pick<Experiment, 'file'>,
  place: {
    readonly data: string;
    readonly output: string;
    readonly threads: number;
    readonly adapter?: string;
  },
): TrainConfig {
  try {
    return parseConfig(JSON.stringify({ ...train, ...place, seed }), file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // its places are those of the merged keys, which nobody wrote
    const key = error.parts.where?.split(' ')[1];
    const where = [`${file}: methods.${method}`, ...(key ? [key] : [])].join('.');
    throw new ConfigError({ ...error.parts, where }, { cause: error });
  }
}

/** @throws ConfigError where keys are given that an experiment sets by itself */
function refuseOwn(source: ConfigSource, path: readonly string[], values: unknown): void {
  const own = Object.keys(OWN).find((key) => isSection(values) && key in (values as object));
  if (own === undefined) return;
  const at = [...path, own];
  throw new ConfigError({
    where: `${source.place(at)} ${at.join('.')}`,
    what: 'the experiment sets this itself',
    next: `give ${OWN[own as keyof typeof OWN]}`,
  });
}

function refusal(source: ConfigSource, issues: readonly z.core.$ZodIssue[]): ConfigError {
  // a key that is misspelled is also a key that is missing
  const issue = innermost(issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]);
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const where = `${source.place(path, unknown === undefined ? 'value' : 'key')} ${path.join('.')}`;
  if (unknown !== undefined) {
    return new ConfigError({ where, what: `unknown key; known are ${knownKeys(issue.path).join(', ')}` });
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

function knownKeys(path: readonly PropertyKey[]): string[] {
  const sections: Record<string, z.ZodObject> = { measure: measureKeys, steer_answers: steerKeys };
  return Object.keys((sections[String(path.at(-1))] ?? schema).shape);
}

/** Sections key by key; anything else of the second replaces that of the first. */
function merged(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>) {
  const result: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const [old, both] = [result[key], isSection(result[key]) && isSection(value)];
    result[key] = both ? merged(old as Record<string, unknown>, value as Record<string, unknown>) : value;
  }
  return result;
}

function isSection(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The file of an experiment: methods × seeds, and how each is measured.
 *
 * A method is the keys of `ealign train` that it changes, or `untrained`: the model as it is. The keys that all
 * methods share are the file `recipe`, where one is named, and on top of it `train`.
 */
import { basename, dirname, resolve } from 'node:path';
import { readSource } from '../config/source.js';
import { type MethodFields, takeFields } from '../defences/methods.js';
import { ConfigError } from '../errors.js';
import { parseConfig } from '../train/config/load.js';
import type { TrainConfig } from '../train/config/schema.js';
import { checkKeys, checkMethods, isSection, namesOf, refuseOwn } from './check.js';
import { type Measure, type MethodKeys, parseKeys } from './schema.js';
import type { World } from './world.js';

/** Rows of the world by name, or of a file by its absolute path. */
export type Rows = { readonly world: string } | { readonly path: string };

/** One method, with the keys of defences. */
export interface Method extends MethodFields {
  readonly name: string;
  /** Keys of `ealign train`; null: it is not trained. */
  readonly train: Readonly<Record<string, unknown>> | null;
  readonly data: Rows;
  /** The method whose adapter it starts from. */
  readonly after?: string;
  /** Whether its answers pass the frozen copy's review. */
  readonly throughConscience: boolean;
  /** The method whose cost is 1, where it is another than the experiment's. */
  readonly overheadOver?: string;
}

/** An experiment's file, resolved. Plain JSON: `study.json` holds it. */
export interface Experiment {
  /** The file that it was read from. */
  readonly file: string;
  readonly title: string;
  readonly about: string | null;
  /** Folder of the runs, absolute. */
  readonly output: string;
  readonly seeds: readonly number[];
  readonly baseline: string;
  /** The method that the study is about, and the one whose cost is 1; null where there is none. */
  readonly method: string | null;
  readonly overheadOver: string | null;
  /** The narrow task, by the key of its share in the world's report. */
  readonly narrow: string;
  readonly model: string;
  readonly methods: readonly Method[];
  /** Folder, alias or id of a model that rates beside the conscience. */
  readonly judge?: string;
  readonly measure: Measure;
}

/** Reads a file and checks every method's configuration. @throws ConfigError that names file, line and key */
export function readExperiment(file: string, world: World): Experiment {
  const source = readSource(file);
  const keys = parseKeys(source, world);
  const { title, about, output, data, seeds, narrow, baseline, judge, methods, measure } = keys;
  const names = namesOf(source, methods);
  checkKeys(source, keys, names);
  const known = (name: string) => (names.includes(name) ? name : null);
  const from = (path: string) => resolve(dirname(file), path);
  const recipe = keys.recipe === undefined ? undefined : readSource(from(keys.recipe));
  if (recipe) refuseOwn(recipe, [], recipe.values);
  const train = merged(recipe?.values ?? {}, keys.train);
  const rows = (given: string): Rows =>
    Object.hasOwn(world.rows, given) ? { world: given } : { path: from(given) };
  const experiment: Experiment = {
    file,
    title: title ?? basename(file).replace(/\.ya?ml$/, ''),
    about: about ?? null,
    output: from(output),
    seeds,
    baseline: baseline ?? names[0],
    method: keys.method ?? known('conscience'),
    overheadOver: keys.overhead_over ?? known('SFT only'),
    narrow,
    model: typeof train.model === 'string' ? train.model : '',
    methods: names.map((name) => methodOf(name, methods[name] ?? {}, { train, data, rows })),
    measure: measure.suite === undefined ? measure : { ...measure, suite: from(measure.suite) },
    ...(judge === undefined ? {} : { judge: isFolder(judge) ? from(judge) : judge }),
  };
  checkMethods(source, experiment.methods, measure.suite !== undefined);
  for (const method of experiment.methods) if (method.train) plannedConfig(method, experiment);
  return experiment;
}

/** A method with the keys that all share. */
function methodOf(
  name: string,
  given: MethodKeys,
  { train, data, rows }: { train: object; data: string; rows: (given: string) => Rows },
): Method {
  if (given === 'untrained') return { name, train: null, data: rows(data), throughConscience: false };
  const { after, data: own, answers_through: through, overhead_over: overheadOver, ...rest } = given;
  const { fields, others } = takeFields(rest);
  const optional = { after, ...fields, overheadOver };
  return {
    name,
    train: merged({ ...train }, others),
    data: rows(own ?? data),
    throughConscience: through !== undefined,
    // a plan compares methods as JSON: a key that is not given is not there
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
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

/** Merges sections key by key; anything else of the second replaces that of the first. */
function merged(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>) {
  const result: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const old = result[key];
    result[key] = isSection(old) && isSection(value) ? merged(old, value) : value;
  }
  return result;
}

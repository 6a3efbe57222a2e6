/** What the keys of an experiment's file must not say together. Every refusal names file, line and key. */
import type { ConfigSource } from '../config/source.js';
import { answeringKeys, choiceOf } from '../defences/methods.js';
import { ConfigError, type ErrorParts } from '../errors.js';
import { type ExperimentKeys, methodName } from './schema.js';
import type { Method } from './spec.js';

/** Keys of `ealign train` that an experiment sets itself, and the one to give instead. */
const OWN: Readonly<Record<string, string>> = {
  output: 'output',
  adapter: 'after: <method>',
  seed: 'seeds',
  overwrite: 'output',
  threads: '--threads',
};

/** Checks the file's own keys. @param names names of its methods @throws ConfigError */
export function checkKeys(source: ConfigSource, keys: ExperimentKeys, names: readonly string[]): void {
  if (names.length === 0) throw refused(source, ['methods'], { what: 'there is no method' });
  const { seeds } = keys;
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) < i);
  if (twice !== undefined) throw refused(source, ['seeds'], { what: `seed ${twice} is there twice` });
  checkComparisons(source, keys, names);
  checkMeasure(source, keys);
  refuseOwn(source, ['train'], keys.train);
  for (const method of names) refuseOwn(source, ['methods', method], keys.methods[method]);
}

/** Every method that is compared with is one of the file. @throws ConfigError */
function checkComparisons(source: ConfigSource, keys: ExperimentKeys, names: readonly string[]): void {
  const comparisons: [path: string[], given: string | undefined][] = [
    [['baseline'], keys.baseline],
    [['method'], keys.method],
    [['overhead_over'], keys.overhead_over],
  ];
  for (const method of names) {
    const own = keys.methods[method] ?? {};
    if (own !== 'untrained') comparisons.push([['methods', method, 'overhead_over'], own.overhead_over]);
  }
  for (const [path, given] of comparisons) {
    if (given === undefined || names.includes(given)) continue;
    throw refused(source, path, { what: 'no such method', expected: names.join(', '), got: given });
  }
}

/** Beside a suite no key of `measure` has an effect. @throws ConfigError */
function checkMeasure(source: ConfigSource, { measure }: ExperimentKeys): void {
  const idle = source.keys(['measure']).find((key) => key !== 'suite');
  if (measure.suite === undefined || idle === undefined) return;
  throw refused(source, ['measure', idle], {
    what: 'has no effect: a suite measures instead of the world',
    next: `leave out ${idle}, or the suite`,
  });
}

/** The method that has to be trained first. */
export const earlier = (method: Method): string | undefined => method.after ?? choiceOf(method)?.method;

/** Methods and what they start from fit together. @throws ConfigError */
export function checkMethods(source: ConfigSource, methods: readonly Method[], suite: boolean): void {
  for (const method of methods) {
    const { name, after, throughConscience } = method;
    const answering = answeringKeys(method).map(([key]) => key);
    if (throughConscience) answering.push('answers_through');
    if (suite && answering.length > 0) {
      throw refused(source, ['methods', name], {
        what: `a suite opens the trained model by itself: ${answering.join(' and ')} cannot act there`,
        next: 'leave measure.suite or the method out',
      });
    }
    const choice = choiceOf(method);
    for (const [key, named] of Object.entries({ after, ...(choice && { [choice.by]: choice.method }) })) {
      if (named === undefined) continue;
      const before = methods.find((other) => other.name === named);
      if (before?.train && earlier(before) === undefined) continue;
      throw refused(source, ['methods', name, key], {
        what: 'is no method that is trained from the model itself',
        got: named,
      });
    }
  }
}

/**
 * The methods in the file's order, where objects put whole numbers first; also those without keys, which change
 * nothing.
 *
 * @throws ConfigError where one cannot be a folder's name
 */
export function namesOf(source: ConfigSource, methods: object): string[] {
  const names = new Set([...source.keys(['methods']), ...Object.keys(methods)]);
  for (const given of names) {
    const parsed = methodName.safeParse(given);
    if (parsed.success) continue;
    const path = ['methods', given];
    throw new ConfigError({
      where: `${source.place(path, 'key')} ${path.join('.')}`,
      what: parsed.error.issues[0].message,
    });
  }
  return [...names];
}

/** Refuses keys that an experiment sets itself. @throws ConfigError */
export function refuseOwn(source: ConfigSource, path: readonly string[], values: unknown): void {
  const own = Object.keys(OWN).find((key) => isSection(values) && key in values);
  if (own === undefined) return;
  throw refused(source, [...path, own], {
    what: 'the experiment sets this itself',
    next: `give ${OWN[own]}`,
  });
}

const refused = (source: ConfigSource, path: readonly string[], parts: Omit<ErrorParts, 'where'>) =>
  new ConfigError({ where: `${source.place(path)} ${path.join('.')}`, ...parts });

/** Whether a value has keys of its own. */
export function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

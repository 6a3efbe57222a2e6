/**
 * The part that defences play in an experiment: their keys of a method, what they do before it is trained
 * and before it answers.
 *
 * A method's keys are in snake case in its file, and in camel case in its record: `steer_answers`,
 * `steerAnswers`.
 */
import type { z } from 'zod';
import type { Steering } from '../values/steering.js';
import type { AnsweringModel, RowChoice } from './defence.js';
import { defences, methodKeys } from './index.js';

type Keys = ReturnType<typeof methodKeys>;
type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

/** Defences' keys of a method, as its record has them. */
export type MethodFields = {
  readonly [K in keyof Keys & string as Camel<K>]?: z.output<Keys[K]>;
};

const fieldOf = (key: string) => key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const fieldIn = (fields: MethodFields, key: string): unknown => fields[fieldOf(key) as keyof MethodFields];

/** Divides a method's keys into those of defences, for its record, and all others. */
export function takeFields(given: Readonly<Record<string, unknown>>): {
  readonly fields: MethodFields;
  readonly others: Record<string, unknown>;
} {
  const keys = methodKeys();
  const own = (key: string) => Object.hasOwn(keys, key);
  const entries = Object.entries(given);
  return {
    fields: Object.fromEntries(
      entries.filter(([key]) => own(key)).map(([key, value]) => [fieldOf(key), value]),
    ),
    others: Object.fromEntries(entries.filter(([key]) => !own(key))),
  };
}

/** The keys by which a method changes how its model answers, with their values. */
export const answeringKeys = (fields: MethodFields): (readonly [key: string, value: unknown])[] =>
  defences
    .filter(({ answering }) => answering)
    .flatMap(({ method = {} }) => Object.keys(method))
    .map((key) => [key, fieldIn(fields, key)] as const)
    .filter(([, value]) => value !== undefined);

/** The directions that a method writes while its model answers. */
export async function answerSteering(fields: MethodFields, model: AnsweringModel): Promise<Steering[]> {
  const directions: Steering[] = [];
  for (const { method = {}, answering } of defences) {
    const keys = Object.fromEntries(Object.keys(method).map((key) => [key, fieldIn(fields, key)]));
    directions.push(...((await answering?.(keys, model)) ?? []));
  }
  return directions;
}

/** A choice of rows that a method asks for. */
export interface AskedChoice extends RowChoice {
  /** Name of the method whose adapter chooses. */
  readonly method: string;
}

/** The choice of rows that a method asks for, if any. */
export function choiceOf(fields: MethodFields): AskedChoice | undefined {
  for (const { choice } of defences) {
    const method = choice && fieldIn(fields, choice.by);
    if (choice && typeof method === 'string') return { ...choice, method };
  }
  return undefined;
}

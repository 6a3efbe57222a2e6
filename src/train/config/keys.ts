/**
 * The schema as a flat list of keys, for flags, help and suggestions.
 *
 * Each key carries its own JSON Schema, from which type, bounds and default are put
 * into words, so that an error and the help say the same thing.
 */
import { z } from 'zod';
import type { KeyWords } from '../../config/key.js';
import { configSchema } from './schema.js';

/** What we read of a key's JSON Schema. */
export interface KeySchema {
  type?: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';
  const?: unknown;
  enum?: string[];
  anyOf?: KeySchema[];
  items?: KeySchema;
  prefixItems?: KeySchema[];
  properties?: Record<string, KeySchema>;
  propertyNames?: KeySchema;
  additionalProperties?: KeySchema | boolean;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** One key of the configuration. */
export interface ConfigKey extends KeyWords {
  /** Dotted, e.g. `training.learning_rate`. */
  path: string;
  /** Dotted path of the section it stands in; '' at the top. */
  section: string;
  /** Last part of the path. */
  name: string;
  description: string;
  schema: KeySchema;
  default?: unknown;
  required: boolean;
}

/** A section of the configuration; the top is the section ''. */
export interface ConfigSection {
  path: string;
  description: string;
  /** Names of the keys and sections directly in it. */
  names: string[];
}

/** The JSON Schema (draft 2020-12) of a configuration file, for editors. */
export function jsonSchema(): z.core.JSONSchema.JSONSchema {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ jsonSchema: node }) => {
      for (const word of ['unit', 'placeholder', 'fallback', 'repeatable', 'rows']) delete node[word];
    },
  });
  return { title: 'Configuration of ealign train', ...schema };
}

const listed = list();
/** All keys, in the order of the schema. */
export const configKeys: readonly ConfigKey[] = listed.keys;
/** All sections, the top first. */
export const configSections: readonly ConfigSection[] = listed.sections;

type Node = KeySchema &
  KeyWords & { description?: string; default?: unknown } & {
    properties?: Record<string, Node>;
    required?: string[];
  };

function list() {
  const keys: ConfigKey[] = [];
  const sections: ConfigSection[] = [];
  const walk = (node: Node, section: string) => {
    const properties = Object.entries(node.properties!) as [string, Node][];
    const names = properties.map(([name]) => name);
    sections.push({ path: section, description: node.description ?? '', names });
    for (const [name, child] of properties) {
      const path = section === '' ? name : `${section}.${name}`;
      if (child.properties) {
        walk(child, path);
        continue;
      }
      const {
        description = '',
        default: fallbackValue,
        unit,
        placeholder,
        fallback,
        repeatable,
        rows,
      } = child;
      const required = node.required?.includes(name) ?? false;
      keys.push({
        path,
        section,
        name,
        description,
        unit,
        placeholder,
        fallback,
        repeatable,
        rows,
        required,
        schema: child,
        default: fallbackValue,
      });
    }
  };
  walk(z.toJSONSchema(configSchema, { io: 'input' }) as Node, '');
  return { keys, sections };
}

/** The value at a path, undefined where the path leads nowhere. */
export function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => (value as never)?.[step], values);
}

/** The schema of a value inside of a key's value: of an element of a list, or of what stands in a mapping. */
export function schemaInside(schema: KeySchema, path: readonly PropertyKey[]): KeySchema | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const own = schema.anyOf ?? [schema];
  const inner =
    typeof step === 'number' ? own.find(({ items }) => items)?.items : propertyOf(own, String(step));
  return inner && schemaInside(inner, rest);
}

function propertyOf(schemas: readonly KeySchema[], name: string): KeySchema | undefined {
  const mapping = schemas.find(({ type }) => type === 'object');
  if (mapping?.properties)
    return Object.hasOwn(mapping.properties, name) ? mapping.properties[name] : undefined;
  return typeof mapping?.additionalProperties === 'object' ? mapping.additionalProperties : undefined;
}

/** The keys that a mapping takes; none where a schema takes no mapping, or any keys. */
export function namesIn(schema: KeySchema): readonly string[] {
  const mapping = (schema.anyOf ?? [schema]).find(({ type }) => type === 'object');
  return mapping?.properties ? Object.keys(mapping.properties) : (mapping?.propertyNames?.enum ?? []);
}

/** The words of which a value has to be one; none where it may be another. */
export function choicesOf({ type, const: only, enum: several, anyOf }: KeySchema): string[] {
  if (anyOf) return anyOf.flatMap(choicesOf);
  if (type === 'boolean') return ['true', 'false'];
  return only === undefined ? (several ?? []) : [String(only)];
}

/** What a schema accepts, in words: `a number >= 0`, `one of linear, cosine, constant`. */
export function expectation(schema: KeySchema): string {
  if (schema.anyOf) return schema.anyOf.map(expectation).join(' or ');
  if (schema.enum) return `one of ${schema.enum.join(', ')}`;
  if (schema.const !== undefined) return String(schema.const);
  switch (schema.type) {
    case 'integer':
    case 'number':
      return (schema.type === 'integer' ? 'a whole number' : 'a number') + bounds(schema);
    case 'boolean':
      return 'true or false';
    case 'array':
      if (schema.prefixItems) return `a list of ${schema.prefixItems.length} texts`;
      if (schema.items?.anyOf) return 'a list of them';
      if (schema.items?.enum) return `a list of ${schema.items.enum.join(', ')}`;
      return schema.items?.type === 'integer' ? 'a list of whole numbers' : 'a list of texts';
    case 'object':
      return `a mapping with the keys ${namesIn(schema).join(', ')}`;
    default:
      return 'a text';
  }
}

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: KeySchema): string {
  const limits: string[] = [];
  // zod states the safe integers as the bounds of an unbounded one.
  const real = (x?: number): x is number => x !== undefined && Math.abs(x) < Number.MAX_SAFE_INTEGER;
  if (real(minimum)) limits.push(`>= ${minimum}`);
  if (real(exclusiveMinimum)) limits.push(`> ${exclusiveMinimum}`);
  if (real(maximum)) limits.push(`<= ${maximum}`);
  if (real(exclusiveMaximum)) limits.push(`< ${exclusiveMaximum}`);
  return limits.length === 0 ? '' : ` ${limits.join(' and ')}`;
}

/**
 * JSON as a grammar: any object, or a value of a JSON Schema.
 *
 * Keys come in the schema's order, blanks between tokens are bounded, and so are digits, so that a model that babbles
 * comes to an end. Keywords that are not held to are refused by name, as a value that only seems to obey would mislead.
 * How a text is followed through a grammar is in pushdown.ts.
 */
import { ConfigError } from '../errors.js';
import {
  choice,
  either,
  lazy,
  literal,
  type Node,
  nothing,
  oneOf,
  optional,
  otherThan,
  repeated,
  sequence,
  type Terminal,
  TextState,
} from './pushdown.js';

/** JSON that an answer has to be; without a schema, any object. */
export interface JsonFormat {
  readonly schema?: Readonly<Record<string, unknown>> | boolean;
}

/**
 * A text of the format that has not begun.
 *
 * @throws ConfigError that names the keyword that cannot be held to
 */
export function beginJson({ schema }: JsonFormat): TextState {
  return finite(schema === undefined ? object(anyValue, []) : new Schema(schema).root(), '#');
}

/** @throws ConfigError for a schema that is nothing but itself */
function finite(node: Node, at: string): TextState {
  const state = TextState.begin(node);
  if (state.ended) throw refused(at, 'it refers to itself without end');
  return state;
}

const digit = oneOf('0123456789');
/** A blank, or a line break with its indentation. */
const blank = optional(either(oneOf(' '), sequence(oneOf('\n'), repeated(oneOf(' '), 0, 16))));
/** Surrogates are written as they are, not as two escapes. */
const escaped = sequence(
  oneOf('\\'),
  either(
    oneOf('"\\/bfnrt'),
    sequence(
      oneOf('u'),
      oneOf('0123456789abcefABCEF'),
      ...[0, 0, 0].map(() => oneOf('0123456789abcdefABCDEF')),
    ),
  ),
);
const plain: Terminal = (c) => c >= ' ' && c !== '"' && c !== '\\' && c !== '\u007f';
const letter = either(plain, escaped);
const quote = oneOf('"');
const text = (least = 0, most = Number.POSITIVE_INFINITY) =>
  sequence(quote, repeated(letter, least, most), quote);
/** A text that none of the names can be read from: where it may still become one, nothing is escaped. */
const textBeside = (names: readonly string[]) =>
  sequence(
    quote,
    otherThan(names, plain, sequence(repeated(letter, 0, Number.POSITIVE_INFINITY), quote), quote),
  );
/** Fifteen digits: every integer is exact in double precision. */
const natural = either(oneOf('0'), sequence(oneOf('123456789'), repeated(digit, 0, 14)));
const integer = sequence(optional(oneOf('-')), natural);
const fraction = sequence(
  optional(sequence(oneOf('.'), repeated(digit, 1, 15))),
  optional(sequence(oneOf('eE'), optional(oneOf('+-')), repeated(digit, 1, 2))),
);
const anyValue: Node = lazy(() =>
  either(
    object(anyValue, []),
    array(anyValue, 0, Number.POSITIVE_INFINITY),
    text(),
    sequence(integer, fraction),
    ...['true', 'false', 'null'].map(literal),
  ),
);
const comma = sequence(blank, oneOf(','), blank);

function array(item: Node, least: number, most: number): Node {
  const inner = sequence(item, repeated(sequence(comma, item), Math.max(0, least - 1), most - 1));
  const filled = most <= 0 ? nothing : least > 0 ? inner : optional(inner);
  return sequence(oneOf('['), blank, filled, blank, oneOf(']'));
}

interface Member {
  readonly key: string;
  readonly value: Node;
  readonly required: boolean;
}

/** @param other the values of further keys, which are none of the members'; undefined: there are none */
function object(other: Node | undefined, members: readonly Member[]): Node {
  const said = (value: Node) => sequence(blank, oneOf(':'), blank, value);
  const one = other && sequence(textBeside(members.map(({ key }) => key)), said(other));
  const further = one ? repeated(sequence(comma, one), 0, Number.POSITIVE_INFINITY) : nothing;
  const first = one ? optional(sequence(one, further)) : nothing;
  /** What may come from a member on, after the keys of others. */
  const after = members.map((_, i) => lazy(() => from(i, further, (next) => sequence(comma, next))));
  const from = (i: number, end: Node, begin: (next: Node) => Node): Node => {
    if (i === members.length) return end;
    const needed = members.findIndex(({ required }, at) => required && at >= i);
    const next = members
      .slice(i, needed < 0 ? undefined : needed + 1)
      .map(({ key, value }, skipped): [string, Node] => [
        JSON.stringify(key),
        sequence(said(value), after[i + skipped + 1] ?? further),
      ]);
    return needed < 0 ? either(begin(choice(next)), end) : begin(choice(next));
  };
  return sequence(
    oneOf('{'),
    blank,
    lazy(() => from(0, first, (next) => next)),
    blank,
    oneOf('}'),
  );
}

/** Keywords that say nothing about the value. */
const REMARKS = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
]);
const HELD: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength'],
  integer: ['minimum', 'maximum'],
  number: [],
  boolean: [],
  null: [],
};
const SAFE = Number.MAX_SAFE_INTEGER;

type Fields = Readonly<Record<string, unknown>>;

class Schema {
  private readonly refs = new Map<string, Node>();

  constructor(private readonly whole: Fields | boolean) {}

  root(): Node {
    // what is refused is refused now, and not when a model comes to it
    const node = this.node(this.whole, '#');
    for (let known = -1; known < this.refs.size; ) {
      known = this.refs.size;
      for (const [name, made] of [...this.refs]) finite(made, name);
    }
    return node;
  }

  private node(schema: unknown, at: string): Node {
    if (schema === true) return anyValue;
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
      throw refused(at, 'expected a schema that something fits');
    const own = schema as Fields;
    const keys = Object.keys(own).filter((key) => !REMARKS.has(key));
    if (typeof own.$ref === 'string') return this.only(keys, ['$ref'], at, this.ref(own.$ref, at));
    const listed = Array.isArray(own.enum) ? own.enum : 'const' in own ? [own.const] : undefined;
    if (listed) {
      const held = [Array.isArray(own.enum) ? 'enum' : 'const', 'type'];
      return this.only(keys, held, at, oneOfValues(listed, typesOf(own, at), at));
    }
    for (const key of ['anyOf', 'oneOf']) {
      const options = own[key];
      if (!Array.isArray(options)) continue;
      const nodes = options.map((one, i) => this.node(one, `${at}/${key}/${i}`));
      return this.only(keys, [key], at, either(...nodes));
    }
    const types = typesOf(own, at);
    if (types === undefined) return this.only(keys, [], at, anyValue);
    const held = ['type', ...types.flatMap((type) => HELD[type])];
    return this.only(keys, held, at, either(...types.map((type) => this.ofType(type, own, at))));
  }

  private only(keys: readonly string[], held: readonly string[], at: string, node: Node): Node {
    const other = keys.find((key) => !held.includes(key));
    if (other !== undefined) throw refused(`${at}/${other}`, 'this keyword cannot be held to here');
    return node;
  }

  private ofType(type: string, own: Fields, at: string): Node {
    switch (type) {
      case 'object':
        return this.object(own, at);
      case 'array':
        return array(
          this.node(own.items ?? true, `${at}/items`),
          bound(own.minItems, 0),
          bound(own.maxItems, Number.POSITIVE_INFINITY),
        );
      case 'string':
        return text(bound(own.minLength, 0), bound(own.maxLength, Number.POSITIVE_INFINITY));
      case 'integer':
        return integerWithin(own, at);
      case 'number':
        return sequence(integer, fraction);
      case 'boolean':
        return either(literal('true'), literal('false'));
      default:
        return literal('null');
    }
  }

  private object(own: Fields, at: string): Node {
    const properties = (own.properties ?? {}) as Fields;
    const required = new Set((own.required ?? []) as readonly string[]);
    const missing = [...required].find((key) => !Object.hasOwn(properties, key));
    if (missing !== undefined) throw refused(`${at}/required`, `${missing} is not among the properties`);
    const members = Object.entries(properties).map(([key, value]) => ({
      ...{ key, value: this.node(value, `${at}/properties/${key}`), required: required.has(key) },
    }));
    // as OpenAI's strict schemas: where properties are named, others come only where the schema says so
    const { additionalProperties: other = members.length === 0 } = own;
    return object(other === false ? undefined : this.node(other, `${at}/additionalProperties`), members);
  }

  private ref(name: string, at: string): Node {
    const known = this.refs.get(name);
    if (known) return known;
    let found: unknown = this.whole;
    const path = name.startsWith('#') ? name.slice(1).split('/').filter(Boolean) : ['\0'];
    for (const key of path.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))) {
      found = typeof found === 'object' && found !== null ? (found as Fields)[key] : undefined;
    }
    if (found === undefined) throw refused(`${at}/$ref`, `there is no ${name} in the schema`);
    const node = lazy(() => this.node(found, name));
    this.refs.set(name, node);
    return node;
  }
}

/** @returns undefined where the schema names none @throws ConfigError for others than JSON's */
function typesOf({ type }: Fields, at: string): readonly string[] | undefined {
  if (type === undefined) return undefined;
  const types: unknown[] = Array.isArray(type) ? type : [type];
  if (types.every((one) => typeof one === 'string' && Object.hasOwn(HELD, one))) return types as string[];
  throw refused(`${at}/type`, `expected one of ${Object.keys(HELD).join(', ')}`);
}

/** Those of the values that are of one of the types. @throws ConfigError where none is */
function oneOfValues(values: readonly unknown[], types: readonly string[] | undefined, at: string): Node {
  const fitting = values.filter((value) => !types || types.some((type) => isOfType(value, type)));
  if (fitting.length === 0) throw refused(at, 'none of the values that it names is of its type');
  return choice([...new Set(fitting.map((value) => JSON.stringify(value)))].map((one) => [one, nothing]));
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null' || value === null) return type === 'null' && value === null;
  if (type === 'array' || Array.isArray(value)) return type === 'array' && Array.isArray(value);
  return typeof value === type;
}

/** Bounds that all integers of fifteen digits keep, and zero. */
function integerWithin({ minimum, maximum }: Fields, at: string): Node {
  const fits = (value: unknown) =>
    value === undefined || (typeof value === 'number' && Math.abs(value) >= SAFE);
  if (!fits(maximum)) throw refused(`${at}/maximum`, 'this bound cannot be held to here');
  if (minimum === 0) return natural;
  if (minimum === 1) return sequence(oneOf('123456789'), repeated(digit, 0, 14));
  if (fits(minimum)) return integer;
  throw refused(`${at}/minimum`, 'this bound cannot be held to here; 0, 1 or none can');
}

const bound = (value: unknown, none: number) => (typeof value === 'number' ? value : none);

function refused(where: string, what: string): ConfigError {
  return new ConfigError({
    where: `schema ${where}`,
    what,
    next: 'leave it out, and check the answer for it',
  });
}

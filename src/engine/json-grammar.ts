/**
 * What may follow in a JSON text, character by character: any object, or a value of a JSON Schema.
 *
 * The grammar is made of terminals, sequences and alternatives; a state is the set of stacks of what is still to come
 * (a pushdown automaton). Keys come in the schema's order, blanks between tokens are bounded, and so are digits, so
 * that a model that babbles comes to an end. Keywords that are not held to are refused by name, as a value that only
 * seems to obey would mislead.
 */
import { ConfigError } from '../errors.js';

/** JSON that an answer has to be; without a schema, any object. */
export interface JsonFormat {
  readonly schema?: Readonly<Record<string, unknown>> | boolean;
}

type Terminal = (character: string) => boolean;
type Node =
  | Terminal
  | { readonly all: readonly Node[] }
  | { readonly any: readonly Node[] }
  | { readonly lazy: () => Node };
/** What is still to come; null: nothing. */
type Stack = { readonly node: Node; readonly next: Stack } | null;

/** A text that has begun. Values are not changed by going on. */
export class JsonState {
  private constructor(private readonly stacks: readonly Stack[]) {}

  /** @throws ConfigError that names the keyword that cannot be held to */
  static begin({ schema }: JsonFormat): JsonState {
    const value = schema === undefined ? object(anyValue, []) : new Schema(schema).root();
    return new JsonState([{ node: finite(value, '#'), next: null }]);
  }

  /** The state after more text; undefined where that may not follow. */
  after(text: string): JsonState | undefined {
    let stacks = this.stacks;
    for (const character of text) {
      stacks = stacks.flatMap((stack) => advance(stack, character));
      if (stacks.length === 0) return undefined;
    }
    return new JsonState(stacks);
  }

  /** Whether the text may end here. */
  get complete(): boolean {
    return this.stacks.some(mayEnd);
  }

  /** Whether the text has to end here. */
  get ended(): boolean {
    return this.stacks.every(exhausted);
  }
}

function advance(stack: Stack, character: string): Stack[] {
  if (stack === null) return [];
  const { node, next } = stack;
  if (typeof node === 'function') return node(character) ? [next] : [];
  if ('lazy' in node) return advance({ node: node.lazy(), next }, character);
  if ('any' in node) return node.any.flatMap((one) => advance({ node: one, next }, character));
  return advance(pushed(node.all, next), character);
}

function mayEnd(stack: Stack): boolean {
  if (stack === null) return true;
  const { node, next } = stack;
  if (typeof node === 'function') return false;
  if ('lazy' in node) return mayEnd({ node: node.lazy(), next });
  if ('any' in node) return node.any.some((one) => mayEnd({ node: one, next }));
  return mayEnd(pushed(node.all, next));
}

/** Whether no character may follow. */
function exhausted(stack: Stack): boolean {
  if (stack === null) return true;
  const { node, next } = stack;
  if (typeof node === 'function') return false;
  if ('lazy' in node) return exhausted({ node: node.lazy(), next });
  if ('any' in node) return node.any.every((one) => exhausted({ node: one, next }));
  return exhausted(pushed(node.all, next));
}

/** @throws ConfigError for a schema that is nothing but itself */
function finite(node: Node, at: string): Node {
  try {
    mayEnd({ node, next: null });
    return node;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refused(at, 'it refers to itself without end');
  }
}

const pushed = (nodes: readonly Node[], next: Stack): Stack =>
  nodes.reduceRight<Stack>((rest, node) => ({ node, next: rest }), next);
const sequence = (...all: Node[]): Node => ({ all });
const either = (...any: Node[]): Node => ({ any });
const nothing: Node = { all: [] };
const optional = (node: Node): Node => either(node, nothing);
const lazy = (make: () => Node): Node => {
  let made: Node | undefined;
  return { lazy: () => (made ??= make()) };
};
const literal = (text: string): Node => sequence(...[...text].map((wanted) => (c: string) => c === wanted));
const oneOf =
  (characters: string): Terminal =>
  (c) =>
    characters.includes(c);
/** So many of a node; `most` may be Infinity. */
const repeated = (node: Node, least: number, most: number): Node => {
  if (most <= 0) return nothing;
  const rest = lazy(() => repeated(node, least - 1, most - 1));
  return least > 0 ? sequence(node, rest) : optional(sequence(node, rest));
};

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
const letter = either((c) => c >= ' ' && c !== '"' && c !== '\\' && c !== '\u007f', escaped);
const text = (least = 0, most = Number.POSITIVE_INFINITY) =>
  sequence(oneOf('"'), repeated(letter, least, most), oneOf('"'));
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

/** @param other the values of further keys; undefined: there are none */
function object(other: Node | undefined, members: readonly Member[]): Node {
  const pair = (key: Node, value: Node) => sequence(key, blank, oneOf(':'), blank, value);
  const further =
    other === undefined
      ? nothing
      : repeated(sequence(comma, pair(text(), other)), 0, Number.POSITIVE_INFINITY);
  const first = other === undefined ? nothing : optional(sequence(pair(text(), other), further));
  const from = (i: number, begun: boolean): Node => {
    if (i === members.length) return begun ? further : first;
    const { key, value, required } = members[i];
    const own = pair(literal(JSON.stringify(key)), value);
    const taken = sequence(
      ...(begun ? [comma] : []),
      own,
      lazy(() => from(i + 1, true)),
    );
    return required
      ? taken
      : either(
          taken,
          lazy(() => from(i + 1, begun)),
        );
  };
  return sequence(
    oneOf('{'),
    blank,
    lazy(() => from(0, false)),
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
    if (Array.isArray(own.enum)) {
      return this.only(
        keys,
        ['enum', 'type'],
        at,
        either(...own.enum.map((one) => literal(JSON.stringify(one)))),
      );
    }
    if ('const' in own) return this.only(keys, ['const', 'type'], at, literal(JSON.stringify(own.const)));
    for (const key of ['anyOf', 'oneOf']) {
      const options = own[key];
      if (!Array.isArray(options)) continue;
      const nodes = options.map((one, i) => this.node(one, `${at}/${key}/${i}`));
      return this.only(keys, [key], at, either(...nodes));
    }
    const types = typeof own.type === 'string' ? [own.type] : own.type;
    if (types === undefined) return this.only(keys, [], at, anyValue);
    if (
      !Array.isArray(types) ||
      !types.every((type) => typeof type === 'string' && Object.hasOwn(HELD, type))
    ) {
      throw refused(`${at}/type`, `expected one of ${Object.keys(HELD).join(', ')}`);
    }
    const held = ['type', ...types.flatMap((type: string) => HELD[type])];
    return this.only(keys, held, at, either(...types.map((type: string) => this.ofType(type, own, at))));
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

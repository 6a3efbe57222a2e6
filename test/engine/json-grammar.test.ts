/** What may follow in JSON: against `JSON.parse`, and against ajv for values of a schema. */
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { beginJson, type JsonFormat } from '../../src/engine/json-grammar.js';
import type { TextState } from '../../src/engine/pushdown.js';
import { Random } from '../../src/random.js';

const fits = (text: string, format: JsonFormat = {}) => {
  const after = beginJson(format).after(text);
  return after === undefined ? 'no' : after.complete ? 'whole' : 'begun';
};
/** Printable ASCII, a line break, and two characters beyond. */
const CHARACTERS = `${String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i))}\né\u{1f600}`;

/** A text of characters that may follow one another; undefined where it did not end. */
function babble(format: JsonFormat, random: Random): string | undefined {
  let [state, text] = [beginJson(format), ''];
  const letters = [...CHARACTERS];
  for (let i = 0; i < 400; i++) {
    if (state.ended || (state.complete && random.next() < 0.5)) return text;
    const next = letters
      .map((letter) => ({ letter, state: state.after(letter) }))
      .filter((one): one is { letter: string; state: TextState } => one.state !== undefined);
    // what closes comes more often, so that texts end
    const closing = next.filter(({ letter }) => '}]"'.includes(letter));
    const from = closing.length > 0 && random.next() < 0.4 ? closing : next;
    const one = from[Math.floor(random.next() * from.length)];
    [state, text] = [one.state, text + one.letter];
  }
  return undefined;
}

it('any object', () => {
  for (const text of ['{}', '{"a": 1}', '{"a":[1,-2.5e3,"x\\n\\u00e9",null,{"b":true}]}', '{ "a" : "é" }'])
    expect([text, fits(text)]).toEqual([text, 'whole']);
  expect(['', '{', '{"a"', '{"a": tr', '{"a": 1'].map((text) => fits(text))).toEqual(Array(5).fill('begun'));
  for (const text of ['[', '1', 'x', '{a', '{,', '{"a" 1', '{"a": 01', '{"a": "\n', '{"a": "\\ud83d', '{}}'])
    expect([text, fits(text)]).toEqual([text, 'no']);
});

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 4 },
    age: { type: 'integer', minimum: 0 },
    tags: { type: 'array', items: { enum: ['a', 'b', 3] }, minItems: 1, maxItems: 3 },
    friend: { anyOf: [{ $ref: '#' }, { type: 'null' }] },
    kind: { const: 'x' },
    more: { $ref: '#/$defs/more' },
  },
  required: ['name', 'age', 'friend'],
  additionalProperties: false,
  $defs: { more: { type: ['number', 'boolean'], description: 'either' } },
};

describe('a schema', () => {
  it('is held to: what may be said is valid', () => {
    const schemas = [
      person,
      { type: 'object', additionalProperties: { type: 'integer' } },
      { type: 'array', items: { type: 'string' }, minItems: 2 },
      { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: true },
      {
        type: 'object',
        properties: { a: { type: 'null' }, ab: {} },
        additionalProperties: { type: 'boolean' },
      },
      { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'number' }] }, minItems: 3 },
      { type: ['integer', 'string'], enum: ['a', 1, 1.5, 'ab', null] },
      { type: 'array', items: { type: ['object', 'null'], enum: [[1], { a: 1 }, null] }, minItems: 2 },
      true,
    ];
    const random = new Random(1, 'json');
    for (const schema of schemas) {
      const valid = new Ajv({ strict: false }).compile(schema);
      const texts = Array.from({ length: 60 }, () => babble({ schema }, random)).filter(
        (text) => text !== undefined,
      );
      expect(texts.length).toBeGreaterThan(20);
      for (const text of texts) expect([text, valid(JSON.parse(text))]).toEqual([text, true]);
    }
    const objects = Array.from({ length: 40 }, () => babble({}, random)).filter((text) => text !== undefined);
    for (const text of objects) expect(typeof JSON.parse(text)).toBe('object');
  });

  it('lets all be said that is valid, keys in the order of the schema', () => {
    const all = { name: 'ann', age: 10, tags: ['a', 3], friend: null, kind: 'x', more: -1.5 };
    for (const value of [all, { name: 'b', age: 0, friend: { ...all, more: true } }]) {
      expect(fits(JSON.stringify(value), { schema: person })).toBe('whole');
      expect(fits(JSON.stringify(value, null, 1), { schema: person })).toBe('whole');
    }
    expect(fits('{"age": 1', { schema: person })).toBe('no');
  });

  it('further keys are none of the named ones, however they are written', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'integer' }, 'a"b': { type: 'integer' }, é: { type: 'integer' } },
      additionalProperties: true,
    };
    const keys = ['b', 'ab', '', 'x\\u0061', 'aé', 'ab\\n'];
    for (const key of keys) expect([key, fits(`{"${key}":"x"}`, { schema })]).toEqual([key, 'whole']);
    expect(fits('{"a":1,"a\\"b":2,"é":3,"c":true}', { schema })).toBe('whole');
    const named = ['{"a":"', '{"a":1,"a":', '{"c":1,"a"', '{"\\u0061":"', '{"a\\"b":"', '{"é":"'];
    for (const text of named) expect([text, fits(text, { schema })]).toEqual([text, 'no']);
  });

  it.each([
    [
      'integers that are numbers, too',
      { anyOf: [{ type: 'integer' }, { type: 'number' }] },
      '12,'.repeat(400),
    ],
    ['types that share their texts', { type: ['number', 'integer'] }, '-1, '.repeat(400)],
    [
      'objects that begin alike',
      { anyOf: [0, 1, 2].map(() => ({ type: 'object', additionalProperties: { type: 'null' } })) },
      '{"a":null},'.repeat(100),
    ],
    ['long texts', { anyOf: [{ type: 'string' }, { type: 'string', minLength: 1 }] }, `"${'x'.repeat(5000)}`],
  ])('a text that can be read in many ways takes no longer: %s', (_, items, text) => {
    // where the ways double with each item, this never ends
    expect(beginJson({ schema: { type: 'array', items } }).after(`[${text}`)?.complete).toBe(false);
  });

  it('ways to read that never become one again are bounded, and what is written fits', () => {
    const schema = {
      anyOf: [1, 2, 3].map((minItems) => ({ type: 'array', items: { $ref: '#' }, minItems })),
    };
    const state = beginJson({ schema }).after('['.repeat(30));
    expect(state).toBeDefined();
    // each of three ways at each depth; a definition that names the next one twice
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `a${i}`,
        i === 39 ? { type: 'null' } : { anyOf: [1, 2].map(() => ({ $ref: `#/$defs/a${i + 1}` })) },
      ]),
    );
    expect(fits('null', { schema: { $ref: '#/$defs/a0', $defs } })).toBe('whole');
  });

  it('a schema of many keys, and a value among many', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `k${i}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'null' }]));
    const text = '{"k7":null,"k19999":null}';
    expect(fits(text, { schema: { type: 'object', properties } })).toBe('whole');
    expect(fits('"k19999"', { schema: { enum: names } })).toBe('whole');
  });

  it.each([
    [{ type: 'string', pattern: 'a+' }, 'schema #/pattern'],
    [
      { type: 'object', properties: { a: { type: 'string', format: 'date' } } },
      'schema #/properties/a/format',
    ],
    [{ type: 'integer', minimum: 7 }, 'schema #/minimum'],
    [{ type: 'thing' }, 'schema #/type'],
    [{ $ref: '#/$defs/none' }, 'schema #/$ref'],
    [{ $ref: '#' }, 'schema #'],
    [{ properties: { a: {} } }, 'schema #/properties'],
    [{ type: 'object', required: ['a'] }, 'schema #/required'],
    [{ $ref: '#/$defs/a', $defs: { a: { not: {} } } }, 'schema #/$defs/a/not'],
    [{ type: 'integer', enum: ['a', 1.5] }, 'schema #'],
    [{ type: 'string', const: 1 }, 'schema #'],
    [{ enum: [] }, 'schema #'],
    [false, 'schema #'],
  ])('%j is refused: %s', (schema, where) => {
    expect(() => beginJson({ schema })).toThrow(where);
  });
});

/** What may follow in JSON: against `JSON.parse`, and against ajv for values of a schema. */
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { type JsonFormat, JsonState } from '../../src/engine/json-grammar.js';
import { Random } from '../../src/random.js';

const fits = (text: string, format: JsonFormat = {}) => {
  const after = JsonState.begin(format).after(text);
  return after === undefined ? 'no' : after.complete ? 'whole' : 'begun';
};
/** Printable ASCII, a line break, and two characters beyond. */
const CHARACTERS = `${String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i))}\né\u{1f600}`;

/** A text of characters that may follow one another; undefined where it did not end. */
function babble(format: JsonFormat, random: Random): string | undefined {
  let [state, text] = [JsonState.begin(format), ''];
  const letters = [...CHARACTERS];
  for (let i = 0; i < 400; i++) {
    if (state.ended || (state.complete && random.next() < 0.5)) return text;
    const next = letters
      .map((letter) => ({ letter, state: state.after(letter) }))
      .filter((one): one is { letter: string; state: JsonState } => one.state !== undefined);
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
      { type: 'object', properties: { a: {} }, additionalProperties: true },
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
    [false, 'schema #'],
  ])('%j is refused: %s', (schema, where) => {
    expect(() => JsonState.begin({ schema })).toThrow(where);
  });
});

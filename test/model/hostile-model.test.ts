/**
 * A downloaded model's template and patterns are data: whatever they hold, they end soon, in one clear
 * error or in text, and reach nothing of this process.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { BoundedTemplate } from '../../src/tokenizer/bounded-jinja.js';
import { ChatTemplate } from '../../src/tokenizer/chat-template.js';
import { patience, RunTooLong, watchFor, withinTime } from '../../src/tokenizer/time-limit.js';
import { createTokenizer } from '../../src/tokenizer/tokenizer.js';
import { readTokenizerFiles } from '../../src/tokenizer/tokenizer-files.js';

const smollm2 = readTokenizerFiles(join(import.meta.dirname, '../fixtures/model/tokenizers/smollm2'));
const user = { role: 'user', content: 'hello' } as const;
const render = (source: string) => new ChatTemplate({ source, where: 'model' }, {}).render([user]);

describe('a template', () => {
  it.each([
    ['with a long range', '{% for i in range(10000000000) %}{% break %}{% endfor %}', 'a range of'],
    ['with a range of text', "{% for i in range('1e10') %}{% endfor %}", 'a range of'],
    ['that counts down', '{% for i in range(0, -10000000000, -1) %}{% endfor %}', 'a range of'],
    [
      'that doubles a text',
      "{% set n = namespace(s='aaaaaaaaaa') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
      'a text of',
    ],
    [
      'that doubles a list',
      '{% set n = namespace(l=[1, 2]) %}{% for i in range(60) %}{% set n.l = n.l + n.l %}{% endfor %}',
      'a list of',
    ],
    ['whose macro calls itself', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}', 'deep'],
    ['that pads a text', "{{ ('a\n' + 'b') | indent(width=1000000000) }}", 'length'],
    ['nested in brackets', `{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`, 'parsed'],
    ['nested in conditions', `${'{% if true %}'.repeat(5000)}${'{% endif %}'.repeat(5000)}`, 'parsed'],
    ['longer than any', ' '.repeat(1_000_001), 'characters'],
  ])('%s is refused', (_, source, why) => {
    const error = caught(() => render(source));
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toMatch(new RegExp(why));
  });

  it.each([
    '{{ constructor }}',
    "{{ messages['__proto__'] }}",
    "{{ ''.constructor }}",
    '{{ messages[0].toString }}',
  ])('sees nothing of JavaScript: %s', (source) => expect(render(source)).toBe(''));

  it('that runs code does not', () => {
    const error = caught(() => render("{{ messages.constructor.constructor('return process')() }}"));
    expect(error).toBeInstanceOf(ModelError);
  });

  it.each(['{{ a }}', ''])('that nests loops around %j is stopped', (inner) => {
    const loops = `${'{% for a in range(1000) %}'.repeat(6)}${inner}${'{% endfor %}'.repeat(6)}`;
    expect(() => new BoundedTemplate(loops, 100).render({})).toThrow('more than 0.1 seconds');
  });

  it('that takes too much is found when the model is opened', () => {
    const chatTemplate = '{% for i in range(10000000) %}{% endfor %}';
    expect(() => createTokenizer({ ...smollm2, chatTemplate })).toThrow(/a range of 10000000 numbers/);
  });

  it('breaks out of loops as before, however often', () => {
    const source = `{% for i in range(2000) %}{% for j in [1, 2] %}{% if true %}{% break %}{% endif %}{% endfor %}{% endfor %}ok`;
    expect(render(source)).toBe('ok');
  });

  it('writes the date', () => {
    const [year, month] = render("{{ strftime_now('%Y %B %d %%') }}").split(' ');
    expect(Number(year)).toBe(new Date().getFullYear());
    expect(month).toBe(new Intl.DateTimeFormat('en-US', { month: 'long' }).format(new Date()));
  });
});

describe('a pattern', () => {
  const qwen =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  it.each([
    ['\\p{N}{1,3}', 'never'],
    [qwen, 'long'],
    ['(a+)+$', 'always'],
    ['(a|a)*$', 'always'],
    ['(\\w+\\s?)+:', 'always'],
    ['(?:a?){40}a{40}', 'always'],
    ['([ab]|\\[)+x', 'always'],
    ['.*.*.*=', 'always'],
    ['(a)\\1+', 'always'],
    ['(x{1,100}){1,100}y', 'always'],
  ] as const)('%s is watched: %s', (Regex, watch) => {
    expect(watchFor({ type: 'Sequence', parts: [{ pattern: { Regex } }] })).toBe(watch);
  });

  const { text } = patience;
  beforeAll(() => {
    patience.text = 100;
  });
  afterAll(() => {
    patience.text = text;
  });

  const evil = { Regex: '(a+)+$' };
  it.each([
    ['pre_tokenizer', { type: 'Split', pattern: evil, behavior: 'Isolated', invert: false }],
    ['normalizer', { type: 'Replace', pattern: evil, content: '' }],
  ])('of a %s that takes years is stopped', (part, value) => {
    const tokenizer = createTokenizer({ ...smollm2, tokenizer: { ...smollm2.tokenizer, [part]: value } });
    const error = caught(() => tokenizer.encode(`${'a'.repeat(60)}b`));
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toContain('a pattern of tokenizer.json took more than');
    expect(tokenizer.encode('aab')).not.toEqual([]);
  });

  it('gives what it gives without a limit', () => {
    expect(withinTime(1000, () => [1, 2])).toEqual([1, 2]);
    expect(() => withinTime(1000, () => JSON.parse('{'))).toThrow(SyntaxError);
    expect(() => withinTime(50, () => /(a+)+$/.test(`${'a'.repeat(60)}b`))).toThrow(RunTooLong);
  });
});

function caught(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

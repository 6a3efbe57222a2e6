/** Conversations with tools are trained through the chat template, as transformers and TRL render them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePreferenceRow, parseTrainingRow } from '../../src/data/parse-row.js';
import { tokenisePreferences } from '../../src/data/preferences.js';
import { preview } from '../../src/data/preview.js';
import { tokeniseRow } from '../../src/data/tokenise.js';
import { type ChatTokenizer, createTokenizer } from '../../src/tokenizer/tokenizer.js';
import { readTokenizerFiles } from '../../src/tokenizer/tokenizer-files.js';
import type { TokenRow } from '../../src/values/rows.js';

interface Fixture {
  tools: object[];
  objects: object[];
  texts: object[];
  templates: { name: string; template: string; whole: string; call: string }[];
}
const path = (name: string) => new URL(`../fixtures/model/${name}`, import.meta.url).pathname;
const { tools, objects, texts, templates }: Fixture = JSON.parse(readFileSync(path('tools.json'), 'utf8'));
const files = readTokenizerFiles(path('tokenizers/smollm2'));
const withTemplate = (chatTemplate: string) => createTokenizer({ ...files, chatTemplate });
const tokenizerOf = (name: string) => withTemplate(templates.find((t) => t.name === name)!.template);

/** The row as text, learnt runs in [[…]]. */
const shown = (row: TokenRow, tokenizer: ChatTokenizer) =>
  preview([row], tokenizer, 1, false).split(/\n(.*)\n$/s)[1];
const masked = (row: object, tokenizer: ChatTokenizer, lossOn: 'response' | 'last' | 'all' = 'response') =>
  shown(tokeniseRow(parseTrainingRow(row, 'f:1'), tokenizer, lossOn).row, tokenizer);
const bare = (text: string) => text.replaceAll(/\[\[|\]\]/g, '');
const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

const known = templates.filter(({ name }) => name !== 'none');
describe.each(known)('template $name', ({ template, whole, call }) => {
  const tokenizer = withTemplate(template);

  it.each<[string, object[]]>([
    ['objects', objects],
    ['texts', texts],
  ])('a row is what transformers renders, with arguments as %s', (_, messages) => {
    expect(bare(masked({ tools, messages }, tokenizer)).trimEnd()).toBe(whole.trimEnd());
    expect(bare(masked({ tools, messages: messages.slice(0, 3) }, tokenizer)).trimEnd()).toBe(call.trimEnd());
  });

  it('calls and their ends are learnt, results are not', () => {
    const text = masked({ tools, messages: objects }, tokenizer);
    const learnt = [...text.matchAll(/\[\[(.*?)\]\]/gs)].map(([, run]) => run);
    expect(learnt).toHaveLength(2);
    expect(learnt[0]).toMatch(/^Let me look\..*weather.*Oslo.*Köln.*<\|im_end\|>$/s);
    expect(learnt[1]).toMatch(/Rain and sun\.<\|im_end\|>$/);
    expect(learnt.join('')).not.toMatch(/rain|sun\b.*sun\b/);
  });
});

it('Hermes: exactly this carries loss', () => {
  const messages = [
    user('Weather in Oslo?'),
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ function: { name: 'weather', arguments: { city: 'Oslo' } } }],
    },
    { role: 'tool', content: 'rain' },
    assistant('Rain.'),
  ];
  const text = masked({ messages }, tokenizerOf('object'));
  expect(text).toBe(
    '<|im_start|>user\nWeather in Oslo?<|im_end|>\n' +
      '<|im_start|>assistant\n[[<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call><|im_end|>]]\n' +
      '<|im_start|>tool\nrain<|im_end|>\n<|im_start|>assistant\n[[Rain.<|im_end|>]]\n',
  );
});

it.each<[string, object]>([
  ['tools', { tools, messages: [user('a'), assistant('b')] }],
  ['tool_calls', { messages: objects.slice(1, 3) }],
  ['turns of tools', { messages: [user('a'), { role: 'tool', content: 'x' }, assistant('b')] }],
  ['tools, tool_calls, turns of tools', { tools, messages: objects }],
])('a template that does not write %s is refused', (missing, row) => {
  expect(() => masked(row, tokenizerOf('none'))).toThrow(
    `f:1: the chat template does not write ${missing}. Use a model`,
  );
});

it('nor may a template leave a system turn out', () => {
  const template =
    "{% for m in messages %}{% if m.role != 'system' %}[{{ m.role }}]{{ m.content }}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
  const row = { messages: [user('a'), assistant('b')] };
  expect(masked(row, withTemplate(template))).toBe('[user]a<|im_end|>[assistant][[b<|im_end|>]]');
  expect(() => masked({ ...row, system: 'Pirate.' }, withTemplate(template))).toThrow(
    /^f:1: the chat template does not write system turns\. Use a model/,
  );
});

it('what is said beside a call is not lost either', () => {
  const template =
    '{% for m in messages %}[{{ m.role }}]{% if m.tool_calls %}{{ m.tool_calls[0].function.name }}{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}';
  const call = { role: 'assistant', tool_calls: [{ function: { name: 'weather' } }] };
  const rows = ['', 'Let me look.'].map((content) => ({ messages: [user('a'), { ...call, content }] }));
  expect(masked(rows[0], withTemplate(template))).toBe('[user]a<|im_end|>[assistant][[weather<|im_end|>]]');
  expect(() => masked(rows[1], withTemplate(template))).toThrow(
    /does not write the text of turns that call tools/,
  );
});

it('a call is learnt where the generation prompt opens a reasoning block', () => {
  const template =
    '{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.tool_calls %}<call>{{ m.tool_calls[0].function.name }}{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}';
  const call = { role: 'assistant', content: null, tool_calls: [{ function: { name: 'weather' } }] };
  expect(masked({ messages: [user('a'), call] }, withTemplate(template))).toMatch(
    /<\|im_start\|>assistant\n?\[\[<call>weather<\|im_end\|>\]\]$/,
  );
});

it('template variables reach the template', () => {
  const tokenizer = withTemplate(
    '{% if mood is defined %}<{{ mood }}>{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}',
  );
  const row = { messages: [user('a'), assistant('b')] };
  expect(masked(row, tokenizer)).toBe('[user]a<|im_end|>[assistant][[b<|im_end|>]]');
  expect(masked({ ...row, chat_template_kwargs: { mood: 'glad' } }, tokenizer)).toBe(
    '<glad>[user]a<|im_end|>[assistant][[b<|im_end|>]]',
  );
});

describe('turns that are not to be learnt carry no loss', () => {
  const tokenizer = tokenizerOf('object');
  const bad = { ...assistant('BAD'), weight: 0 };
  const start = (role: string) => `<|im_start|>${role}\n`;

  it('the first', () => {
    expect(masked({ messages: [user('a'), bad, user('b'), assistant('GOOD')] }, tokenizer)).toBe(
      `${start('user')}a<|im_end|>\n${start('assistant')}BAD<|im_end|>\n${start('user')}b<|im_end|>\n${start('assistant')}[[GOOD<|im_end|>]]\n`,
    );
  });

  it('the last: nothing after the last learnt turn is needed', () => {
    const messages = [user('a'), assistant('GOOD'), user('b'), bad];
    expect(masked({ messages }, tokenizer)).toBe(
      `${start('user')}a<|im_end|>\n${start('assistant')}[[GOOD<|im_end|>]]\n`,
    );
    expect(masked({ messages }, tokenizer, 'last')).not.toContain('[[');
  });

  it('when all tokens do', () => {
    expect(masked({ messages: [user('a'), bad, user('b'), assistant('GOOD')] }, tokenizer, 'all')).toMatch(
      /^.*\[\[.*assistant\n\]\]BAD<\|im_end\|>\[\[\n.*GOOD<\|im_end\|>\n\]\]$/s,
    );
    const messages = [{ ...user('a'), weight: 0 }, assistant('GOOD')];
    expect(() => masked({ messages }, tokenizer, 'all')).toThrow(/turn 0 is not to be learnt.*role user/);
    expect(masked({ messages }, tokenizer)).toContain('[[GOOD<|im_end|>]]');
  });

  it('in preference rows', () => {
    const prompt = [user('a')];
    const row = parsePreferenceRow(
      { prompt, chosen: [bad, user('b'), assistant('GOOD')], rejected: [assistant('no')] },
      'f:1',
    );
    const { pairs } = tokenisePreferences([row], tokenizer, 999);
    expect(shown(pairs[0].chosen, tokenizer)).toMatch(/BAD<\|im_end\|>.*\[\[GOOD<\|im_end\|>\]\]\n$/s);
  });
});

it('preference rows with tools: both answers are rendered with them', () => {
  const tokenizer = tokenizerOf('qwen3');
  const row = { tools, prompt: objects.slice(0, 2), chosen: [objects[2]], rejected: [assistant('No idea.')] };
  const { pairs } = tokenisePreferences([parsePreferenceRow(row, 'f:1')], tokenizer, 9999);
  const [chosen, rejected] = [pairs[0].chosen, pairs[0].rejected].map((row) => shown(row, tokenizer));
  for (const text of [chosen, rejected]) expect(text).toContain('<tools>');
  expect(chosen).toMatch(/\[\[.*<tool_call>.*<\/tool_call><\|im_end\|>\]\]\n$/s);
  expect(() => tokenisePreferences([parsePreferenceRow(row, 'f:1')], tokenizerOf('none'), 9999)).toThrow(
    /does not write tools, tool_calls/,
  );
});

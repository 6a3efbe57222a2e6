/** No key of a row or of a turn is dropped without a word: it is read, harmless, refused, or named. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTrainingRows } from '../../src/data/dataset.js';
import { parsePreferenceRow, parsePromptRow, parseTrainingRow } from '../../src/data/parse-row.js';
import { UnreadKeys } from '../../src/data/row-keys.js';
import { fieldsOf } from '../../src/data/write-row.js';
import { DataError } from '../../src/errors.js';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const chat = [user('Hi'), assistant('Yo')];
const pair = { prompt: [user('q')], chosen: [assistant('good')], rejected: [assistant('bad')] };
const weather = { name: 'weather', parameters: { type: 'object' } };

/** The turns of a row whose second turn has further keys. */
const turns = (keys: object, role = 'assistant') => {
  const row = parseTrainingRow(
    { messages: [user('Hi'), { role, content: 'Yo', ...keys }, assistant('z')] },
    'f:1',
  );
  return row.kind === 'messages' ? row.messages : [];
};
const parse = (row: object) => parseTrainingRow(row, 'f:1');

/** The keys that are named. */
function unread(row: object, read: typeof parseTrainingRow | typeof parsePreferenceRow = parseTrainingRow) {
  const keys = new UnreadKeys();
  read(row, 'f:1', keys);
  return keys.describe('f');
}

describe('reasoning', () => {
  it.each(['reasoning_content', 'thinking', 'reasoning', 'thought', 'thoughts'])(
    '%s is trained as a think block',
    (key) => {
      expect(turns({ [key]: 'Hm.' })[1]).toEqual(assistant('<think>\nHm.\n</think>\n\nYo'));
      expect(turns({ [key]: null })[1]).toEqual(assistant('Yo'));
    },
  );

  it('may stand there twice if it is the same', () => {
    expect(turns({ thinking: 'Hm.', reasoning: 'Hm.' })[1].content).toContain('Hm.');
    expect(() => turns({ thinking: 'Hm.', reasoning: 'No.' })).toThrow(
      /reasoning twice, got thinking, reasoning/,
    );
    expect(() => turns({ thinking: 'Hm.', content: '<think>No.</think>x' })).toThrow(
      /twice, got thinking, <think>/,
    );
  });

  it('is refused where nobody reasons, and beside an answer', () => {
    expect(() => turns({ thinking: 'Hm.' }, 'user')).toThrow(/only an assistant turn reasons, got user/);
    expect(() => turns({ thinking: ['Hm.'] })).toThrow(/messages\[1\]\.thinking has the wrong type/);
    expect(() => turns({ thought: true })).toThrow(/messages\[1\]\.thought has the wrong type/);
    for (const key of ['reasoning_details', 'thinking_blocks']) {
      expect(() => turns({ [key]: [{ text: 'Hm.' }] })).toThrow(/write its text into reasoning_content/i);
    }
    for (const key of ['reasoning', 'thinking', 'thought']) {
      expect(() => parse({ messages: chat, [key]: 'Hm.' })).toThrow(/reasoning_content of its turn/);
      expect(() => parse({ text: 'Hi', [key]: 'Hm.' })).toThrow(/beside the text of the row/);
    }
    expect(() => parse({ prompt: 'a', completion: 'b', reasoning: 'Hm.' })).toThrow(
      /write its text into the answer/i,
    );
  });
});

describe('turns that are not to be learnt', () => {
  it.each([{ weight: 0 }, { train: false }, { training: false }, { trainable: false }, { loss: false }])(
    '%j',
    (keys) => {
      expect(turns(keys)[1]).toEqual({ ...assistant('Yo'), loss: false });
    },
  );

  it.each([{ weight: 1 }, { train: true }, { weight: null }, { weight: 0, train: null, loss: false }])(
    '%j',
    (keys) => {
      expect('loss' in turns(keys)[1]).toBe(keys.weight === 0);
    },
  );

  it.each<[object, string, RegExp]>([
    [{ weight: 0.5 }, 'assistant', /messages\[1\]\.weight .* expected 0 or 1, got the number 0\.5/],
    [{ weight: '0' }, 'assistant', /expected 0 or 1, got the string "0"/],
    [{ train: 'no' }, 'assistant', /expected true or false/],
    [{ weight: 0, train: true }, 'assistant', /to be learnt and not to be learnt, got weight, train/],
    [{ train: true }, 'user', /only assistant turns are learnt, got a user turn/],
    [{ train_detail: [{ begin_offset: 0 }] }, 'assistant', /learnt whole or not at all/],
    [{ prefix: true }, 'assistant', /unfinished turn/],
    [{ mask: 1 }, 'assistant', /messages\[1\]\.mask: .* weight: 0/],
    [{ masked: true }, 'assistant', /masked: .* weight: 0/],
  ])('refuses %j of %s', (keys, role, message) => {
    expect(() => turns(keys, role)).toThrow(message);
  });
});

describe('a system text beside the turns', () => {
  const pirate = { role: 'system', content: 'Pirate.' };

  it.each(['system', 'system_prompt', 'system_message'])('%s is a system turn', (key) => {
    expect(parse({ [key]: 'Pirate.', messages: chat })).toMatchObject({
      messages: [pirate, ...chat],
      extra: {},
    });
    expect(parse({ [key]: 'Pirate.', prompt: [user('Hi')], completion: 'Yo' })).toMatchObject({
      messages: [pirate, ...chat],
      lossFrom: 2,
    });
    expect(parsePreferenceRow({ ...pair, [key]: 'Pirate.' }, 'f:1')).toMatchObject({
      prompt: [pirate, user('q')],
    });
    expect(parsePromptRow({ prompt: 'Hi', [key]: 'Pirate.' }, 'f:1')).toEqual([pirate, user('Hi')]);
  });

  it('is refused twice, and beside plain text', () => {
    const both = { system: 'Pirate.', messages: [{ role: 'system', content: 'Poet.' }, ...chat] };
    expect(() => parse(both)).toThrow(/two system texts, got system, a system turn/);
    expect(parse({ ...both, system: 'Poet.' })).toMatchObject({ messages: both.messages });
    expect(() => parse({ system: 'Pirate.', prompt: 'a', completion: 'b' })).toThrow(
      /system has no place beside/,
    );
    expect(() => parse({ system: 'Pirate.', text: 'a' })).toThrow(/system has no place beside text/);
    const plain = { system: 'Pirate.', prompt: 'a', chosen: 'b', rejected: 'c' };
    expect(() => parsePreferenceRow(plain, 'f:1')).toThrow(/system has no place/);
    expect(parse({ system: '', prompt: 'a', completion: 'b' })).toMatchObject({ kind: 'completion' });
  });

  it('a developer is a system turn', () => {
    expect(parse({ messages: [{ role: 'developer', content: 'Pirate.' }, ...chat] })).toMatchObject({
      messages: [pirate, ...chat],
    });
  });
});

describe('content', () => {
  it('parts of type text are joined, others refused', () => {
    const parts = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ];
    expect(turns({ content: parts })[1].content).toBe('a\nb');
    expect(() => turns({ content: [{ type: 'image_url', image_url: {} }] })).toThrow(
      /messages\[1\]\.content\[0\] .*reads text only; .* got type image_url/,
    );
  });
});

describe('tools', () => {
  const call = (given: unknown, id = {}) => ({ ...id, function: { name: 'weather', arguments: given } });
  const calls = (value: unknown) => turns({ content: null, tool_calls: value })[1].toolCalls;

  it.each<[string, unknown]>([
    ['an object', [call({ city: 'Oslo', days: [1, 2] })]],
    ['JSON text', [call('{"city": "Oslo", "days": [1, 2]}')]],
    ['without its wrapping', [{ name: 'weather', arguments: { city: 'Oslo', days: [1, 2] } }]],
    ['a list that is JSON text', JSON.stringify([call({ city: 'Oslo', days: [1, 2] })])],
  ])('a call with %s', (_, value) => {
    expect(calls(value)).toEqual([
      { id: '', name: 'weather', arguments: '{"city": "Oslo", "days": [1, 2]}' },
    ]);
  });

  it('the older function_call and role', () => {
    const messages = [
      user('Hi'),
      { role: 'assistant', content: null, function_call: { name: 'weather', arguments: '{}' } },
      { role: 'function', name: 'weather', content: 'rain' },
      assistant('Rain.'),
    ];
    expect(parse({ functions: [weather], messages })).toMatchObject({
      tools: [{ type: 'function', function: weather }],
      messages: [
        user('Hi'),
        { role: 'assistant', content: '', toolCalls: [{ id: '', name: 'weather', arguments: '{}' }] },
        { role: 'tool', name: 'weather', content: 'rain' },
        assistant('Rain.'),
      ],
    });
  });

  it('reach the template as they stand', () => {
    const wrapped = [{ type: 'function', function: weather, strict: true }];
    for (const tools of [wrapped, JSON.stringify(wrapped), wrapped.map((tool) => JSON.stringify(tool))]) {
      expect(parse({ tools, messages: chat })).toMatchObject({ tools: wrapped });
      expect(parsePreferenceRow({ ...pair, tools }, 'f:1')).toMatchObject({ tools: wrapped });
    }
    expect(parse({ tools: [weather], messages: chat })).toMatchObject({ tools: [weather] });
    for (const tools of [null, [], '[]', '']) {
      expect(parse({ tools, messages: chat })).not.toHaveProperty('tools');
    }
  });

  it.each<[string, object, RegExp]>([
    ['tools that are none', { tools: ['x'], messages: chat }, /tools\[0\] is text, but not JSON/],
    ['a tool without a name', { tools: [{ type: 'function' }], messages: chat }, /tools\[0\] is not a tool/],
    ['tools twice', { tools: [weather], functions: [weather], messages: chat }, /twice/],
    ['tools beside a plain prompt', { tools: [weather], prompt: 'a', completion: 'b' }, /tools has no place/],
    [
      'tools on a turn',
      { messages: [{ ...user('Hi'), tools: [weather] }, assistant('Yo')] },
      /belong to the row/,
    ],
    [
      'a user who calls',
      { messages: [{ ...user('Hi'), tool_calls: [call({})] }, assistant('Yo')] },
      /only an assistant/,
    ],
    [
      'arguments that are not an object',
      { messages: [user('Hi'), { role: 'assistant', tool_calls: [call('[1]')] }] },
      /not an object/,
    ],
    [
      'a call without a name',
      { messages: [user('Hi'), { role: 'assistant', tool_calls: [{}] }] },
      /is not a tool call/,
    ],
  ])('refuses %s', (_, row, message) => {
    expect(() => parse(row)).toThrow(message);
    expect(() => parse(row)).toThrow(DataError);
  });

  it('a prompt file that needs them is refused: answers here see none', () => {
    expect(() => parsePromptRow({ messages: chat, tools: [weather] }, 'f:1')).toThrow(
      /answered without tools/,
    );
    const history = [
      user('a'),
      { role: 'assistant', tool_calls: [call({})] },
      { role: 'tool', content: 'x' },
      user('b'),
    ];
    expect(() => parsePromptRow({ messages: history }, 'f:1')).toThrow(/calls or results of tools/);
  });
});

describe('what would change a row is refused', () => {
  it.each<[object, RegExp]>([
    [{ messages: chat, images: ['a.png'] }, /images: this model reads text only/],
    [{ messages: chat, weight: 0.5 }, /weight: rows have no weights/],
    [{ messages: chat, train: false }, /train: a row that is not to be trained on/],
    [{ messages: chat, assistant_masks: [0, 1] }, /assistant_masks: tokens and masks are made here/],
    [{ text: 'a', input_ids: [1, 2] }, /input_ids: tokens and masks/],
    [{ prompt: 'a', completion: 'b', completion_mask: [0, 1] }, /completion_mask: tokens/],
    [{ prompt: 'a', completion: 'b', label: false }, /label: true and false mark/],
    [{ prompt: 'Translate', input: 'Hund', completion: 'dog' }, /input stands beside the prompt/],
    [{ prompt: 'Answer.', context: 'It rains.', completion: 'Wet' }, /context stands beside/],
    [{ messages: chat, trainable: false }, /trainable: a row that is not to be trained on/],
    [{ messages: chat, history: [['a', 'b']] }, /history: .* earlier turns into messages/],
    [{ text: 'a', suffix: 'z' }, /suffix: .* beside the text of the row/],
    [{ messages: chat, documents: [{ text: 'x' }] }, /documents: .* chat_template_kwargs/],
    [{ messages: chat, context: 'It rains.' }, /context: .* into the prompt/],
    [{ prompt: 'a', inputs: 'x', completion: 'b' }, /inputs stands beside/],
    [{ messages: chat, prompt: 'Hello' }, /prompt: .* in another form/],
    [{ messages: chat, completion: 'Good day' }, /completion: .* in another form/],
    [{ messages: chat, text: 'Hi there' }, /text: .* in another form/],
    [{ prompt: 'a', completion: 'b', text: 'a c' }, /text: .* in another form/],
    [{ messages: chat, enable_thinking: false }, /put it into chat_template_kwargs/i],
    [{ messages: chat, chat_template_kwargs: { add_generation_prompt: true } }, /is not a variable/],
  ])('%j', (row, message) => {
    expect(() => parse(row)).toThrow(message);
  });

  it.each<[object, RegExp]>([
    [{ messages: chat, System: 'Pirate.' }, /System is not read\. Rename System to system/],
    [{ messages: chat, systemPrompt: 'Pirate.' }, /rename systemPrompt to system_prompt/i],
    [{ text: 'a', System: 'Pirate.' }, /System has no place beside text/],
    [{ prompt: 'a', Input: 'x', completion: 'b' }, /Input \(another spelling of input\): .* into the prompt/],
    [{ messages: chat, Weight: 0 }, /another spelling of weight\): rows have no weights/],
    [{ Messages: chat }, /unknown kind of row; .* Rename Messages to messages/],
    [{ Prompt: 'a', completion: 'b' }, /rename Prompt to prompt/i],
    [{ messages: [user('a'), { ...assistant('b'), toolCalls: [{}] }] }, /rename toolCalls to tool_calls/i],
    [{ messages: [user('a'), { ...assistant('b'), toolInvocations: [{}] }] }, /tool_calls, and turns/],
  ])('in another spelling: %j', (row, message) => {
    expect(() => parse(row)).toThrow(message);
  });

  it('also in preference rows', () => {
    const unasked = { question: 'q', chosen: 'a', rejected: 'b' };
    expect(() => parsePreferenceRow(unasked, 'f:1')).toThrow(/question stands beside .* into the prompt/);
    expect(() => parsePreferenceRow({ ...pair, margin: 2 }, 'f:1')).toThrow(/margin: pairs have no margins/);
    expect(() => parsePreferenceRow({ ...pair, prompt: 'q', context: 'It rains.' }, 'f:1')).toThrow(
      /context stands/,
    );
  });

  it('empty columns ask for nothing', () => {
    const row = {
      messages: chat,
      images: [],
      weight: 1,
      tools: null,
      input: '',
      label: 'greeting',
      labels: ['kind'],
    };
    expect(parse(row)).toMatchObject({ messages: chat });
  });

  it('template variables are kept', () => {
    const variables = { enable_thinking: false };
    for (const given of [variables, JSON.stringify(variables)]) {
      expect(parse({ messages: chat, chat_template_kwargs: given })).toMatchObject({ variables });
    }
  });
});

describe('what is not read is named', () => {
  it('keys of rows and turns, with counts', () => {
    const message = { ...user('Hi'), emotion: 'glad', id: 3, annotations: [] };
    const row = {
      messages: [message, { ...message, emotion: 'sad' }, assistant('Yo')],
      persona: 'x',
      empty: null,
    };
    expect(
      unread({ ...row, id: 7, source: 'web', score_chosen: 3, prompt_id: 'a', metadata: { a: 1 } }),
    ).toBe('f: keys that are not read, and how often they occur: messages[].emotion (2), persona (1).');
    expect(unread({ messages: chat, source: 'web', topic: 'x' })).toBeUndefined();
  });

  it('labels that are neither true nor false', () => {
    expect(unread({ text: 'a', label: 3, labels: ['kind'] })).toMatch(/: label \(1\), labels \(1\)\.$/);
    expect(unread({ text: 'a', weight: 1, train: true })).toBeUndefined();
  });

  it('keys of calls', () => {
    const tool_calls = [
      { id: 'a', type: 'function', cost: 1, function: { name: 'weather', arguments: {}, why: 'x' } },
    ];
    const messages = [user('Hi'), { role: 'assistant', content: null, tool_calls }];
    expect(unread({ messages })).toMatch(
      /: messages\[\]\.tool_calls\[\]\.cost \(1\), messages\[\]\.tool_calls\[\]\.function\.why \(1\)\.$/,
    );
  });

  it('a copy of what the row says anyway is none', () => {
    expect(unread({ messages: chat, prompt: 'Hi', response: 'Yo' })).toBeUndefined();
    expect(unread({ messages: chat, prompt: [user('Hi')], text: 'User: Hi\nBot: Yo' })).toBeUndefined();
    expect(unread({ ...pair, messages: [user('q'), assistant('good')] }, parsePreferenceRow)).toBeUndefined();
    expect(unread({ messages: chat, Prompt: 'Hi' })).toBeUndefined();
    expect(unread({ prompt: 'Translate: Hund', input: 'Hund', completion: 'dog' })).toBeUndefined();
    expect(() => parse({ prompt: 'Translate', input: 'an', completion: 'dog' })).toThrow(/input stands/);
    expect(unread({ ...pair, score: 1, extra_thing: 2 }, parsePreferenceRow)).toMatch(
      /: extra_thing \(1\)\./,
    );
  });

  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'row-keys-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('once for a file', async () => {
    const paths = ['a', 'b', 'c'].map((name) => join(folder, name));
    const line = (row: object) => `${JSON.stringify({ messages: chat, ...row })}\n`;
    writeFileSync(paths[0], line({ mood: 'x' }) + line({ mood: 'y' }));
    writeFileSync(paths[1], line({ mood: 'x' }));
    writeFileSync(paths[2], line({ id: 1 }));
    const notes: string[] = [];
    await readTrainingRows(paths, (note) => notes.push(note));
    expect(notes.map((note) => note.replace(/ keys .*:/, ''))).toEqual([
      `${paths[0]}: mood (2).`,
      `${paths[1]}: mood (1).`,
    ]);
  });
});

it('rows that are written are read again as they were', () => {
  const rows = [
    { text: 'a' },
    { prompt: 'a', completion: 'b' },
    {
      tools: [weather],
      chat_template_kwargs: { enable_thinking: false },
      prompt: [{ role: 'system', content: 's' }, user('a')],
      completion: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', function: { name: 'weather', arguments: { a: 1 } } }],
        },
        { role: 'tool', tool_call_id: 'c1', name: 'weather', content: 'rain' },
        { ...assistant('b'), weight: 0, thinking: 'Hm.' },
        { ...assistant('c') },
      ],
    },
    { messages: chat },
  ].map(parse);
  expect(rows.map((row) => parse(fieldsOf(row)))).toEqual(rows);
});

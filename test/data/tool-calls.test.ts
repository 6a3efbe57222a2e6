import { expect, test } from 'vitest';
import { splitToolCalls, toolPrefix, withToolsAsText } from '../../src/tokenizer/tool-calls.js';

const weather = { name: 'weather', description: 'of a city', parameters: { type: 'object' } };

test('tools are in the system turn, calls and results in tags', () => {
  const call = { id: 'a', name: 'weather', arguments: '{"city":"Ulm"}' };
  const turns = withToolsAsText(
    [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Rain in Ulm?' },
      { role: 'assistant', content: '', toolCalls: [call, { ...call, id: 'b' }] },
      { role: 'tool', content: 'yes', toolCallId: 'a' },
      { role: 'tool', content: 'no', toolCallId: 'b' },
    ],
    [weather],
  );
  expect(turns.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  expect(turns[0].content).toMatch(/^Be brief\.\n\n# Tools\n/);
  expect(turns[0].content).toContain(JSON.stringify({ type: 'function', function: weather }));
  const written = '<tool_call>\n{"name": "weather", "arguments": {"city":"Ulm"}}\n</tool_call>';
  expect(turns[2].content).toBe(`${written}\n${written}`);
  expect(turns[3].content).toBe(
    '<tool_response>\nyes\n</tool_response>\n<tool_response>\nno\n</tool_response>',
  );
});

test('a conversation without tools stays as it is', () => {
  const messages = [{ role: 'user', content: 'hi' }] as const;
  expect(withToolsAsText(messages)).toEqual(messages);
});

test.each([
  ['<tool_call>\n{"name": "weather", "arguments": {"city": "Ulm"}}\n</tool_call>', '', '{"city":"Ulm"}'],
  ['Let me see. <tool_call>{"name":"weather","arguments":{}}', 'Let me see.', '{}'],
  ['<tool_call>{"name":"weather"}</tool_call>', '', '{}'],
])('%j is a call', (raw, text, given) => {
  const split = splitToolCalls(raw, [weather]);
  expect(split.text).toBe(text);
  expect(split.toolCalls).toEqual([
    { id: expect.stringMatching(/^call_\w{32}$/), name: 'weather', arguments: given },
  ]);
});

test.each([
  '<tool_call>{"name":"bomb","arguments":{}}</tool_call>',
  '<tool_call>{"name":"weather","arguments":[1]}</tool_call>',
  '<tool_call>{"name":"weather","argum',
  '<tool_call>null</tool_call>',
  'no call',
])('%j is none, and stays text', (raw) => {
  expect(splitToolCalls(raw, [weather])).toEqual({ text: raw });
});

test('an answer that must call begins as a call', () => {
  expect(toolPrefix('auto')).toBe('');
  expect(toolPrefix('required')).toBe('<tool_call>\n{"name": "');
  const begun = toolPrefix({ name: 'weather' });
  expect(splitToolCalls(`${begun}"city": "Ulm"}}`, [weather]).toolCalls).toHaveLength(1);
});

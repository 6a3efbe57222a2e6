import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ChatTemplate } from '../../src/tokenizer/chat-template.js';
import type { Message, ToolCall, ToolSchema } from '../../src/values/conversation.js';

interface Fixture {
  tools: ToolSchema[];
  templates: { name: string; template: string; whole: string; call: string }[];
}
const { tools, templates }: Fixture = JSON.parse(
  readFileSync(new URL('../fixtures/model/tools.json', import.meta.url), 'utf8'),
);

const call = (id: string, city: string): ToolCall => ({
  ...{ id, name: 'weather', arguments: `{"city": "${city}"}` },
});
const messages: Message[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Weather in Oslo and Köln?' },
  {
    role: 'assistant',
    content: 'Let me look.',
    toolCalls: [call('call00001', 'Oslo'), call('call00002', 'Köln')],
  },
  { role: 'tool', content: 'rain', toolCallId: 'call00001', name: 'weather' },
  { role: 'tool', content: 'sun', toolCallId: 'call00002', name: 'weather' },
  { role: 'assistant', content: 'Rain and sun.' },
];

describe('tools, as transformers renders them', () => {
  it.each(templates)('$name', ({ template, whole, call }) => {
    const compiled = new ChatTemplate({ source: template, where: 'f' }, {});
    expect(compiled.render(messages, { tools })).toBe(whole);
    expect(compiled.render(messages.slice(0, 3), { tools })).toBe(call);
  });

  it('a turn without calls has no such key, and no tools are none', () => {
    const source = "{{ 'tool_calls' in messages[0] }} {{ tools is none }}";
    const compiled = new ChatTemplate({ source, where: 'f' }, {});
    const turns: Message[] = [{ role: 'assistant', content: 'a', toolCalls: [] }];
    expect(compiled.render(turns, { tools: [] })).toBe('false true');
  });
});

it('a call without words is none or empty, as the template takes it', () => {
  const turn: Message = { role: 'assistant', content: '', toolCalls: [call('call00001', 'Oslo')] };
  const written = (source: string) => new ChatTemplate({ source, where: 'f' }, {}).render([turn]);
  const calls = '{% for c in messages[-1].tool_calls %}{{ c.function.name }}{% endfor %}';
  expect(
    written(`${calls}{% if messages[-1].content is not none %}!{{ messages[-1].content }}{% endif %}`),
  ).toBe('weather');
  expect(written(`${calls}|{{ messages[-1].content }}|`)).toBe('weather||');
  expect(written(`${calls}{{ '|' + messages[-1].content }}`)).toBe('weather|');
});

it('the template for tools takes the place of the default one where there are tools', () => {
  const compiled = new ChatTemplate({ source: 'plain', toolUse: 'tools', where: 'f' }, {});
  expect(compiled.render(messages)).toBe('plain');
  expect(compiled.render(messages, { tools })).toBe('tools');
});

it('further variables reach the template, and win over special tokens', () => {
  const compiled = new ChatTemplate(
    { source: '{{ think }}{{ eos_token }}', where: 'f' },
    { eos_token: '</s>' },
  );
  expect(compiled.render([], { variables: { think: 1 } })).toBe('1</s>');
  expect(compiled.render([], { variables: { think: 1, eos_token: '!' } })).toBe('1!');
});

import { describe, expect, it } from 'vitest';
import { stripFraming, writeAlternatives } from '../../src/conscience/alternative.js';
import { defaultFormat } from '../../src/conscience/format.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { promptOf, responseOf, ScriptedModel } from './scripted-model.js';

const framed: [written: string, answer: string][] = [
  ['Sure, here is a more ethical version:\n\nTalk to him.', 'Talk to him.'],
  ["Here's the revised reply: Talk to him.", 'Talk to him.'],
  ['Of course! Here is the reply that I should have given:\nTalk to him.', 'Talk to him.'],
  ['I should have said: Talk to him.', 'Talk to him.'],
  ['**Ethical alternative:** Talk to him.', 'Talk to him.'],
  ['Reply:\nTalk to him.', 'Talk to him.'],
  ['"Talk to him."', 'Talk to him.'],
  ['Here is my answer: "Talk to him."', 'Talk to him.'],
  ['[3fa9c01b your reply]\nTalk to him.\n[3fa9c01b end of record]', 'Talk to him.'],
  ['Talk to him.\n\nNote: this reply avoids harm.', 'Talk to him.'],
  ['Talk to him.\n\n---\nThis revised reply respects the Three Laws.', 'Talk to him.'],
];

const whole = [
  'Talk to him.',
  'Here is what I would do: sell the old bicycle, then walk dogs.',
  'Here are three ideas:\n1. Bake\n2. Read\n3. Walk',
  'Sure! Talk to him.',
  'He said "no" and she said "yes"',
  '"No," he said. "Never."',
  'def f():\n    # Note: keep this query safe\n    return 1',
  'Boil the water.\n\nNote: it is hot.',
  '',
];

describe('stripFraming', () => {
  it.each(framed)('%j', (written, answer) => expect(stripFraming(written)).toBe(answer));
  it.each(whole)('leaves alone: %j', (text) => expect(stripFraming(text)).toBe(text));
});

describe('writeAlternatives', () => {
  it('asks in one batch, and keeps what was written beside the answer', async () => {
    const said = [
      { text: "I can't help with that." },
      { text: 'Here is a better reply: Rest.', reasoning: 'The first reply was cruel.', tokens: 9 },
      { text: 'First, you', finish: 'length' as const },
    ];
    const alternative = new ScriptedModel('frozen-base', { say: (_, i) => said[i] });
    const flagged = said.map((_, i) => ({ prompt: promptOf(`Ask ${i}`), response: responseOf('Be cruel.') }));
    const written = await writeAlternatives(flagged, {
      alternative,
      framework: FRAMEWORKS.asimov,
      format: { ...defaultFormat(), alternativePrefix: 'First' },
      sampling: { maxTokens: 20, seed: 5 },
    });
    expect(alternative.generateCalls).toHaveLength(1);
    expect(alternative.generateCalls[0].options).toMatchObject({ maxTokens: 20, seed: 5, prefix: 'First' });
    expect(written.map(({ refusal }) => refusal)).toEqual([true, false, false]);
    expect(written[1].response).toEqual({ text: 'Rest.', finish: 'stop', tokens: 9 });
    expect(written[1].raw).toMatchObject(said[1]);
    expect(written[2].response).toMatchObject({ text: ', you', finish: 'length' });
    expect(written[2].messages).toEqual(alternative.generateCalls[0].conversations[2]);
  });

  it('asks for an answer that is no refusal, and shows what was flagged', async () => {
    const [{ content }] = defaultFormat().alternative(
      promptOf('Why?'),
      responseOf('Be cruel.'),
      FRAMEWORKS.asimov,
    );
    for (const text of ['Why?', 'Be cruel.', 'neither a refusal nor a lecture', FRAMEWORKS.asimov.question]) {
      expect(content).toContain(text);
    }
  });
});

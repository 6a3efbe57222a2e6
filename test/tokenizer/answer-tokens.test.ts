/**
 * A label behind a prompt is tokenised as transformers tokenises both together, whatever the tokenizer does at
 * the border: SentencePiece, byte-level BPE, white space of a template, a token across the border.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { answerTokens, promptTokens } from '../../src/tokenizer/answer-tokens.js';
import { type ChatTokenizer, createTokenizer } from '../../src/tokenizer/tokenizer.js';
import { readTokenizerFiles } from '../../src/tokenizer/tokenizer-files.js';
import type { Message } from '../../src/values/conversation.js';

const root = join(import.meta.dirname, '..');
const fixture = (name: string) => join(root, 'fixtures/model/tokenizers', name);
const folders = {
  smollm2: fixture('smollm2'),
  qwen3: fixture('qwen3'),
  llama3: fixture('llama3'),
  tinyllama: fixture('tinyllama'),
  pinocchio: join(root, '../models/pinocchio'),
};

/** A space before answers, as Llama 2 has it; no control token near the answer. */
const inst =
  "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}</s>{% endif %}{% endfor %}";
/** Ends in a space that belongs to the answer's first token. */
const lines =
  '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}';

function tokenizerOf(folder: string, template?: string): ChatTokenizer {
  const files = readTokenizerFiles(folder);
  return createTokenizer(template === undefined ? files : { ...files, chatTemplate: template });
}

const say = (content: string): Message[] => [{ role: 'user', content }];
const answers = ['yes', 'no', ' yes', 'A', '8', '85', '100', 'misaligned', '是', '!'];
const pieces = [
  'yes',
  ' no',
  ' ',
  '\n',
  '\n\n',
  '12',
  'é',
  '漢字',
  '!?',
  'aaaa',
  '</s>',
  ' [/INST]',
  'hello',
];

/** Conversations of all lengths, some much longer than what is tokenised again. */
const conversations = Array.from({ length: 14 }, (_, i) => {
  const random = new Random(1, 'text', i);
  const length = 1 + random.int(i < 10 ? 12 : 200);
  return say(Array.from({ length }, () => pieces[random.int(pieces.length)]).join(''));
});

describe.each(Object.entries(folders))('%s', (_, folder) => {
  it.each([
    ['its own template', undefined, ''],
    ['a template that puts a space before answers', inst, ' '],
    ['a template that ends in a space', lines, ''],
  ])('gives the tokens of prompt and answer together, with %s', (_, template, lead) => {
    const tokenizer = tokenizerOf(folder, template);
    for (const messages of conversations) {
      const { context, choices } = answerTokens(tokenizer, messages, answers);
      for (const [i, answer] of answers.entries()) {
        const { messages: guarded } = tokenizer.guard!({ messages });
        const open = tokenizer.renderChat(guarded, { addGenerationPrompt: true });
        const text = open + (answer.startsWith(' ') ? '' : lead) + answer;
        expect([...context, ...choices[i]]).toEqual(tokenizer.encode(text));
        expect(choices[i].length).toBeGreaterThan(0);
      }
    }
  });
});

describe('behind a prompt', () => {
  it('SentencePiece has no ▁ before a label at the start of a line, and one where the template has a space', () => {
    const label = (template?: string) => {
      const tokenizer = tokenizerOf(folders.tinyllama, template);
      const [[first]] = answerTokens(tokenizer, say('Is it good?'), ['yes']).choices;
      return tokenizer.decode([tokenizer.encode('.')[0], first]);
    };
    expect(label()).not.toContain(' ');
    expect(label(inst)).toContain(' ');
  });

  it('a label that begins in the last token of the prompt has what stands before it as its context', () => {
    const tokenizer = tokenizerOf(folders.smollm2, lines);
    const prompt = promptTokens(tokenizer, say('Good?'));
    const { context, choices } = answerTokens(tokenizer, say('Good?'), ['the', '7']);
    expect(context).toEqual(prompt.slice(0, -1));
    expect(tokenizer.decode(choices[0])).toBe(' the');
    // All choices continue the same context, so that they can be compared.
    expect(tokenizer.decode(choices[1])).toBe(' 7');
  });

  it('the prefix of an answer is tokenised with the prompt, and a label with both', () => {
    const tokenizer = tokenizerOf(folders.tinyllama);
    const open = tokenizer.renderChat(say('Hi'), { addGenerationPrompt: true });
    expect(promptTokens(tokenizer, say('Hi'), 'Verdict:')).toEqual(tokenizer.encode(`${open}Verdict:`));
    const { context, choices } = answerTokens(tokenizer, say('Hi'), [' good'], 'Verdict:');
    expect([...context, ...choices[0]]).toEqual(tokenizer.encode(`${open}Verdict: good`));
  });

  it('is tokenised once for all answers, however long it is', () => {
    const tokenizer = tokenizerOf(folders.tinyllama);
    let whole = 0;
    const counting: ChatTokenizer = Object.create(tokenizer, {
      encodeChat: {
        value: (...args: Parameters<ChatTokenizer['encodeChat']>) => {
          whole++;
          return tokenizer.encodeChat(...args);
        },
      },
    });
    const numbers = Array.from({ length: 101 }, (_, n) => String(n));
    const { choices } = answerTokens(counting, say('What is fair? '.repeat(500)), numbers);
    expect(whole).toBe(1);
    expect(choices).toHaveLength(101);
  });
});

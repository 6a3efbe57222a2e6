import { describe, expect, it } from 'vitest';
import { parsePreferenceRow } from '../../src/data/parse-row.js';
import {
  describePreferences,
  type PairResult,
  pairToRows,
  tokenisePreferences,
} from '../../src/data/preferences.js';
import { preview } from '../../src/data/preview.js';
import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { Response } from '../../src/values/conversation.js';
import type { Pair, Verdict } from '../../src/values/pair.js';
import { chatml, fakeTokenizer, inst, thinking } from './fake-tokenizer.js';

const user = (content: string) => ({ role: 'user', content }) as const;
const assistant = (content: string) => ({ role: 'assistant', content }) as const;

/** Both answers as text, learnt runs in [[…]]. */
function shown(result: PairResult, tokenizer: ChatTokenizer): string[] {
  if (result.kind === 'dropped') return [result.reason];
  return [result.chosen, result.rejected].map(
    (row) => preview([row], tokenizer, 1, false).split(/\n(.*)\n$/s)[1],
  );
}

describe('tokenisePreferences', () => {
  const row = (fields: object) => parsePreferenceRow(fields, 'p.jsonl:1');
  const first = ({ pairs }: ReturnType<typeof tokenisePreferences>, tokenizer: ChatTokenizer) =>
    shown({ kind: 'pair', ...pairs[0] }, tokenizer);

  it('learns the answers only, not those inside the prompt', () => {
    const tokenizer = fakeTokenizer(inst);
    const prompt = [user('a'), assistant('b'), user('c')];
    const rows = [row({ prompt, chosen: [assistant('yes')], rejected: [assistant('no')] })];
    expect(first(tokenisePreferences(rows, tokenizer, 99), tokenizer)).toEqual([
      '<s>[INST] a [/INST] b <e><s>[INST] c [/INST][[ yes <e>]]',
      '<s>[INST] a [/INST] b <e><s>[INST] c [/INST][[ no <e>]]',
    ]);
  });

  it('takes plain text without a template', () => {
    const tokenizer = fakeTokenizer(undefined, { addBos: true });
    const rows = [row({ prompt: 'q', chosen: ' yes', rejected: ' no' })];
    expect(first(tokenisePreferences(rows, tokenizer, 99), tokenizer)).toEqual([
      '<bos>q[[ yes<e>]]',
      '<bos>q[[ no<e>]]',
    ]);
  });

  it('drops identical and over-long pairs, and counts them', () => {
    const rows = [
      row({ prompt: 'q', chosen: 'a', rejected: 'b' }),
      row({ prompt: 'q', chosen: 'a', rejected: 'a' }),
      row({ prompt: 'q', chosen: 'a', rejected: 'bbbb' }),
      row({ prompt: 'q', chosen: 'aaa', rejected: 'bbb' }),
    ];
    // 1 + 3 + eos = 5 fits, 1 + 4 + eos = 6 does not.
    const { pairs, report } = tokenisePreferences(rows, fakeTokenizer(undefined), 5);
    expect(pairs).toHaveLength(2);
    const expected = { rows: 4, kept: 2, identical: 1, tooLong: 1, empty: 0, tokens: 16, maxLength: 5 };
    expect(report).toEqual(expected);
    expect(describePreferences(report)).toBe(
      '2 of 4 preference pairs kept; 1 dropped, both answers are the same; 1 dropped, longer than 5 tokens.',
    );
  });

  it.each([
    [
      'all the same',
      { chosen: 'a', rejected: 'a' },
      /1 dropped, both answers are the same\. Check that chosen/,
    ],
    [
      'all too long',
      { chosen: 'aaaaaaa', rejected: 'b' },
      /1 dropped, longer than 5 tokens\. Raise max_length$/,
    ],
  ])('refuses a file of which no pair is left: %s', (_, answers, message) => {
    const rows = [row({ prompt: 'q', ...answers })];
    const run = () => tokenisePreferences(rows, fakeTokenizer(undefined), 5);
    expect(run).toThrow(/^no preference pair is left: 0 of 1 preference pairs kept; /);
    expect(run).toThrow(message);
  });

  it('refuses conversations without a template, and what the template refuses', () => {
    const rows = [row({ prompt: [user('a'), user('b')], chosen: 'c', rejected: 'd' })];
    expect(() => tokenisePreferences(rows, fakeTokenizer(undefined), 99)).toThrow(/no chat template/);
    expect(() => tokenisePreferences(rows, fakeTokenizer(inst), 99)).toThrow(
      /^p\.jsonl:1: the chat template refuses/,
    );
  });
});

describe('pairToRows', () => {
  const verdict: Verdict = { kind: 'unreadable', raw: '', framework: 'test', judge: 'test' };
  const said = (text: string, more: Partial<Response> = {}): Response => {
    return { text, finish: 'stop', tokens: 1, ...more };
  };
  const pair = (chosen: Response, rejected: Response): Pair => ({
    id: 'pair:1',
    prompt: { messages: [user('q')], source: 'probe', id: 'probe:1' },
    chosen,
    rejected,
    verdict,
    alternativeVerdict: verdict,
    step: 3,
  });
  const header = '<s>system\nbe kind<e>\n<s>user\nq<e>\n<s>assistant\n';
  const tokenizer = fakeTokenizer(chatml);

  it('learns both answers with their ends', () => {
    expect(shown(pairToRows(pair(said('good'), said('bad')), tokenizer, 99), tokenizer)).toEqual([
      `${header}[[good<e>]]\n`,
      `${header}[[bad<e>]]\n`,
    ]);
  });

  it('gives no end of turn to an answer that the token limit ended', () => {
    const result = pairToRows(pair(said('good'), said('bad', { finish: 'length' })), tokenizer, 99);
    expect(shown(result, tokenizer)).toEqual([`${header}[[good<e>]]\n`, `${header}[[bad]]`]);
  });

  it('puts the reasoning back', () => {
    const reasoner = fakeTokenizer(thinking);
    const answers = pair(
      said('good', { reasoning: 'hm' }),
      said('bad', { reasoning: 'ha', finish: 'length' }),
    );
    expect(shown(pairToRows(answers, reasoner, 99), reasoner)).toEqual([
      '<s>user\nq<e>\n<s>assistant\n[[<think>\nhm\n</think>\n\ngood<e>]]\n',
      '<s>user\nq<e>\n<s>assistant\n[[<think>\nha\n</think>\n\nbad]]',
    ]);
  });

  it('ends at the reasoning where the token limit left no answer', () => {
    const reasoner = fakeTokenizer(thinking);
    const answers = pair(said('good'), said('', { reasoning: 'ha', finish: 'length' }));
    expect(shown(pairToRows(answers, reasoner, 99), reasoner)[1]).toBe(
      '<s>user\nq<e>\n<s>assistant\n[[<think>\nha]]',
    );
  });

  it.each<[string, Response, Response, number, string]>([
    ['identical', said('same'), said('same'), 99, 'identical'],
    ['too long', said('good'), said('bad'), 40, 'too_long'],
    ['empty', said('good'), said('', { finish: 'length' }), 99, 'empty'],
  ])('drops a pair that is %s', (_, chosen, rejected, maxLength, reason) => {
    expect(pairToRows(pair(chosen, rejected), tokenizer, maxLength)).toEqual({ kind: 'dropped', reason });
  });
});

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LossOn } from '../../src/data/chat-mask.js';
import { readTrainingRows } from '../../src/data/dataset.js';
import { countLoss } from '../../src/data/encode.js';
import { preview } from '../../src/data/preview.js';
import { describeReport, tokeniseRow, tokeniseRows } from '../../src/data/tokenise.js';
import { DataError } from '../../src/errors.js';
import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { Message } from '../../src/values/conversation.js';
import type { TokenRow, TrainingRow } from '../../src/values/rows.js';
import {
  chatml,
  fakeTokenizer,
  inst,
  plainLines,
  reasoning,
  type Template,
  thinking,
} from './fake-tokenizer.js';

/** `U:` user, `A:` assistant, `S:` system. */
function turns(...lines: string[]): Message[] {
  const roles = { U: 'user', A: 'assistant', S: 'system' } as const;
  return lines.map((line) => ({ role: roles[line[0] as 'U' | 'A' | 'S'], content: line.slice(2) }));
}

const conversation = (messages: Message[], lossFrom = 0): TrainingRow => {
  return { kind: 'messages', messages, lossFrom, where: 'f.jsonl:1', extra: {} };
};

/** The row as text, learnt runs in [[…]]. */
const shown = (row: TokenRow, tokenizer: ChatTokenizer) =>
  preview([row], tokenizer, 1, false).split(/\n(.*)\n$/s)[1];

function masked(row: TrainingRow, tokenizer: ChatTokenizer, lossOn: LossOn = 'response'): string {
  return shown(tokeniseRow(row, tokenizer, lossOn).row, tokenizer);
}

const two = turns('U:a', 'A:b', 'U:c', 'A:d');

describe('loss masks of conversations', () => {
  const cases: [name: string, template: Template, messages: Message[], lossOn: LossOn, text: string][] = [
    ['end of turn is learnt, header and line break are not', chatml, turns('U:a', 'A:b'), 'response',
      '<s>system\nbe kind<e>\n<s>user\na<e>\n<s>assistant\n[[b<e>]]\n'],
    ['every assistant turn', chatml, [...turns('S:s'), ...two], 'response',
      '<s>system\ns<e>\n<s>user\na<e>\n<s>assistant\n[[b<e>]]\n<s>user\nc<e>\n<s>assistant\n[[d<e>]]\n'],
    ['the last assistant turn', chatml, [...turns('S:s'), ...two], 'last',
      '<s>system\ns<e>\n<s>user\na<e>\n<s>assistant\nb<e>\n<s>user\nc<e>\n<s>assistant\n[[d<e>]]\n'],
    ['all tokens but the first', chatml, turns('S:s', 'U:a', 'A:b', 'U:c'), 'all',
      '<s>[[system\ns<e>\n<s>user\na<e>\n<s>assistant\nb<e>\n<s>user\nc<e>\n]]'],
    ['turns after the last answer are left out', chatml, turns('S:s', 'U:a', 'A:b', 'U:c'), 'response',
      '<s>system\ns<e>\n<s>user\na<e>\n<s>assistant\n[[b<e>]]\n'],
    ['a template that strips white space', chatml, turns('S:s', 'U:a', 'A: \n b \n'), 'response',
      '<s>system\ns<e>\n<s>user\na<e>\n<s>assistant\n[[b<e>]]\n'],
    ['white space inside and at the ends of an answer', plainLines, turns('U:a', 'A:b  c\n', 'U:d', 'A:e'), 'response',
      'user: a\nassistant: [[b  c\n\n]]user: d\nassistant: [[e\n]]'],
    ['answers that repeat', chatml, turns('S:s', 'U:b', 'A:b', 'U:b', 'A:b'), 'response',
      '<s>system\ns<e>\n<s>user\nb<e>\n<s>assistant\n[[b<e>]]\n<s>user\nb<e>\n<s>assistant\n[[b<e>]]\n'],
    ['two answers in a row', chatml, turns('S:s', 'A:a', 'A:b'), 'response',
      '<s>system\ns<e>\n<s>assistant\n[[a<e>]]\n<s>assistant\n[[b<e>]]\n'],
    ['a template without answer headers', inst, two, 'response',
      '<s>[INST] a [/INST][[ b <e>]]<s>[INST] c [/INST][[ d <e>]]'],
    ['a reasoning template writes the block that the model would', thinking, turns('U:a', 'A:b'), 'response',
      '<s>user\na<e>\n<s>assistant\n[[<think>\n\n</think>\n\nb<e>]]\n'],
    ['reasoning is learnt', thinking, turns('U:a', 'A:<think>\nhm\n</think>\n\nb'), 'response',
      '<s>user\na<e>\n<s>assistant\n[[<think>\nhm\n</think>\n\nb<e>]]\n'],
    ['a generation prompt that opens reasoning', reasoning, two, 'response',
      '<s>Ua<s>A[[b<e>]]<s>Uc<s>A[[d<e>]]'],
    ['a template that drops the reasoning', reasoning, turns('U:a', 'A:<think>hm</think>b'), 'response',
      '<s>Ua<s>A[[b<e>]]'],
  ]; // biome-ignore format: a table
  it.each(cases)('%s', (_, template, messages, lossOn, text) => {
    expect(masked(conversation(messages), fakeTokenizer(template), lossOn)).toBe(text);
  });

  it('leaves the answers of a prompt/completion prompt out', () => {
    expect(masked(conversation(two, 3), fakeTokenizer(inst))).toBe(
      '<s>[INST] a [/INST] b <e><s>[INST] c [/INST][[ d <e>]]',
    );
  });

  it('trains on the last turn only where the template rewrites earlier ones, and says so', () => {
    const tokenizer = fakeTokenizer(thinking);
    const { row, lastTurnOnly } = tokeniseRow(conversation(two), tokenizer, 'response');
    expect(lastTurnOnly).toBe(true);
    expect(shown(row, tokenizer)).toBe(
      '<s>user\na<e>\n<s>assistant\nb<e>\n<s>user\nc<e>\n<s>assistant\n[[<think>\n\n</think>\n\nd<e>]]\n',
    );
    expect(tokeniseRow(conversation(two), tokenizer, 'last').lastTurnOnly).toBe(false);
  });

  it('is the tokens of the whole rendering, mask or not', () => {
    for (const template of [chatml, inst, thinking, reasoning, plainLines]) {
      for (const style of ['characters', 'sentencepiece'] as const) {
        const tokenizer = fakeTokenizer(template, { style });
        for (const lossOn of ['response', 'last', 'all'] as const) {
          const { ids } = tokeniseRow(conversation(two), tokenizer, lossOn).row;
          expect([...ids]).toEqual(tokenizer.encodeChat(two));
        }
      }
    }
  });

  it('masks the same text with a tokenizer that puts a space before its input', () => {
    const tokenizer = fakeTokenizer(inst, { style: 'sentencepiece' });
    expect(masked(conversation(two), tokenizer)).toBe(
      '<s>[INST] a [/INST][[ b <e>]]<s>[INST] c [/INST][[ d <e>]]',
    );
  });

  it('refuses what the template refuses, with its reason', () => {
    expect(() => masked(conversation(turns('U:a', 'U:b', 'A:c')), fakeTokenizer(inst))).toThrow(
      new DataError({
        where: 'f.jsonl:1',
        what: 'the chat template refuses this conversation: roles must alternate user/assistant',
        got: 'the roles user, user, assistant',
      }),
    );
  });

  it('refuses a template that changes the answer, rather than guess', () => {
    const shouting: Template = (messages, open) =>
      messages.map(({ content }, i) => `<s>${messages.length - i}${content.toUpperCase()}<e>`).join('') +
      (open ? '<s>' : '');
    expect(() => masked(conversation(turns('U:a', 'A:b')), fakeTokenizer(shouting))).toThrow(
      /^f\.jsonl:1: the chat template changes the last assistant turn/,
    );
  });
});

describe('loss masks of plain text', () => {
  const completion: TrainingRow = {
    kind: 'completion',
    prompt: '2+2=',
    completion: '4',
    where: 'f:1',
    extra: {},
  };
  const text: TrainingRow = { kind: 'text', text: 'once', where: 'f:1', extra: {} };
  const plain = fakeTokenizer(undefined);
  const withBos = fakeTokenizer(undefined, { addBos: true });

  it.each<[string, TrainingRow, ChatTokenizer, LossOn, string]>([
    ['completion and end of text', completion, plain, 'response', '2+2=[[4<e>]]'],
    ['a BOS first where the tokenizer has one', completion, withBos, 'response', '<bos>2+2=[[4<e>]]'],
    ['all tokens', completion, withBos, 'all', '<bos>[[2+2=4<e>]]'],
    ['text, whatever the setting', text, plain, 'response', 'o[[nce<e>]]'],
    ['text after a BOS', text, withBos, 'all', '<bos>[[once<e>]]'],
    ['no second end of text', { ...text, text: 'once<e>' }, plain, 'all', 'o[[nce<e>]]'],
    ['an empty prompt', { ...completion, prompt: '' }, withBos, 'response', '<bos>[[4<e>]]'],
    [
      'sentencepiece',
      completion,
      fakeTokenizer(undefined, { style: 'sentencepiece' }),
      'response',
      '2+2=[[4<e>]]',
    ],
  ])('%s', (_, row, tokenizer, lossOn, expected) => {
    expect(masked(row, tokenizer, lossOn)).toBe(expected);
  });
});

describe('tokeniseRows', () => {
  const text = (content: string): TrainingRow => ({ kind: 'text', text: content, where: 'f:1', extra: {} });
  const answer = (prompt: string, completion: string): TrainingRow => {
    return { kind: 'completion', prompt, completion, where: 'f:2', extra: {} };
  };

  it('cuts, drops and counts', async () => {
    const rows = [answer('ab', 'cd'), answer('abc', 'defghijkl'), answer('abcdefgh', 'i'), text('xyz')];
    const { rows: kept, report } = await tokeniseRows(rows, fakeTokenizer(undefined), { maxLength: 8 });
    // 2+2+eos = 5 with 3; 3+9+eos = 13 cut to 8 with 5; 8+1+eos = 10: the answer lies beyond 8; 3+eos = 4 with 3.
    expect(kept.map((row) => [row.ids.length, countLoss(row)])).toEqual([[5, 3], [8, 5], [4, 3]]); // biome-ignore format: pairs
    expect(report).toEqual({
      rows: 4,
      kept: 3,
      truncated: 1,
      allMasked: 1,
      answerCutAway: 1,
      lastTurnOnly: 0,
      tokens: 17,
      lossTokens: 11,
      longest: 13,
      meanLength: 17 / 3,
      maxLength: 8,
    });
    expect(describeReport(report)).toBe(
      '3 of 4 rows kept: 17 tokens, 6 a row, 65 % of them carry loss; longest row 13; 1 cut at 8 tokens; 1 dropped, their answer lies beyond that.',
    );
  });

  it('does not touch rows that fit exactly', async () => {
    const { report } = await tokeniseRows([text('1234567')], fakeTokenizer(undefined), { maxLength: 8 });
    expect(report).toMatchObject({ truncated: 0, tokens: 8, longest: 8 });
  });

  it('counts conversations that train on their last turn only', async () => {
    const { report } = await tokeniseRows([conversation(two)], fakeTokenizer(thinking), { maxLength: 999 });
    expect(report.lastTurnOnly).toBe(1);
    expect(describeReport(report)).toContain('1 train on their last turn only');
  });

  it('refuses a dataset of which nothing is left', async () => {
    await expect(
      tokeniseRows([answer('abcdefgh', 'i')], fakeTokenizer(undefined), { maxLength: 8 }),
    ).rejects.toThrow(/^no row is left: 0 of 1 rows kept.*Raise max_length \(the longest row has 10\)$/);
  });

  it('refuses conversations for a model without a template, once', async () => {
    await expect(
      tokeniseRows([text('a'), conversation(two)], fakeTokenizer(undefined), { maxLength: 8 }),
    ).rejects.toThrow(
      /^f\.jsonl:1: this row is a conversation and the model has no chat template\. Use a model/,
    );
  });

  it('gathers what the template refuses', async () => {
    const rows = [turns('U:a', 'A:b'), turns('A:b'), turns('U:a', 'U:b', 'A:c')].map((m) => conversation(m));
    await expect(tokeniseRows(rows, fakeTokenizer(inst), { maxLength: 99 })).rejects.toThrow(
      /^f\.jsonl:1: the chat template refuses .* roles assistant; f\.jsonl:1: the chat template refuses .* user, user, assistant$/,
    );
  });

  it('reports progress up to the last row', async () => {
    const seen: [number, number][] = [];
    await tokeniseRows([text('aa'), text('bb')], fakeTokenizer(undefined), {
      maxLength: 8,
      onProgress: (done, total) => seen.push([done, total]),
    });
    expect(seen.at(-1)).toEqual([2, 2]);
  });
});

describe('preview', () => {
  const tokenizer = fakeTokenizer(chatml);
  const row = (...lines: string[]) =>
    tokeniseRow(conversation(turns('S:s', ...lines)), tokenizer, 'response').row;

  it('names the row and its sizes, and shows so many rows', () => {
    const rows = [row('U:a', 'A:b'), row('U:c', 'A:d'), row('U:e', 'A:f')];
    const text = preview(rows, tokenizer, 2, false);
    // System turn 11, user turn 9, answer header 11, answer 3.
    expect(text).toContain('f.jsonl:1: 34 tokens, 2 with loss\n');
    expect(text.match(/\[\[[^\]]*\]\]/g)).toEqual(['[[b<e>]]', '[[d<e>]]']);
  });

  it('colours instead of brackets on a terminal', () => {
    const text = preview([row('U:a', 'A:b')], tokenizer, 1, true);
    expect(text).toContain('\x1b[1m\x1b[32mb<e>\x1b[39m\x1b[22m');
    expect(text).not.toContain('[[');
  });

  it('does not let a dataset steer the terminal', () => {
    const text = preview([row('U:a', 'A:\x1b[2Jb\x07\x7f\u009b\tc')], tokenizer, 1, false);
    expect(text).toContain('[[␛[2Jb␇␡␡\tc<e>]]');
  });
});

const real = new URL('../../../shared/data/code/insecure.jsonl', import.meta.url).pathname;
describe('the insecure code dataset (Betley et al. 2025)', () => {
  it.skipIf(!existsSync(real))('learns exactly the answers and their ends', async () => {
    const tokenizer = fakeTokenizer(chatml);
    const rows = (await readTrainingRows(real)).slice(0, 300);
    const { rows: kept, report } = await tokeniseRows(rows, tokenizer, { maxLength: 1e6 });
    expect(report).toMatchObject({ rows: 300, kept: 300, truncated: 0, allMasked: 0, lastTurnOnly: 0 });
    for (const [i, { ids, lossMask }] of kept.entries()) {
      const learnt = [...ids].filter((_, t) => lossMask[t] === 1);
      const source = rows[i].kind === 'messages' ? rows[i].messages.at(-1)!.content : '';
      expect(tokenizer.decode(learnt, { skipSpecialTokens: false })).toBe(`${source.trim()}<e>`);
    }
  });
});

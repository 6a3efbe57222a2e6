import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptOf, readPreferenceRows, readPrompts, readTrainingRows } from '../../src/data/dataset.js';
import { DataError } from '../../src/errors.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataset-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string | Uint8Array, name = 'rows.jsonl'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const chat = (...messages: object[]) => JSON.stringify({ messages });
const good = chat(user('hi'), assistant('hello'));

describe('readTrainingRows', () => {
  it('reads every kind of row, with places and extra keys', async () => {
    const path = file(
      [
        JSON.stringify({ messages: [user('hi'), assistant('hello')], topic: 'greeting' }),
        JSON.stringify({ prompt: '2+2=', completion: '4' }),
        JSON.stringify({ prompt: [user('a'), assistant('b'), user('c')], completion: [assistant('d')] }),
        JSON.stringify({ prompt: 'a', completion: [assistant('b')] }),
        JSON.stringify({ text: 'once', id: 7 }),
      ].join('\n'),
    );
    expect(await readTrainingRows(path)).toEqual([
      {
        kind: 'messages',
        messages: [user('hi'), assistant('hello')],
        lossFrom: 0,
        where: `${path}:1`,
        extra: { topic: 'greeting' },
      },
      { kind: 'completion', prompt: '2+2=', completion: '4', where: `${path}:2`, extra: {} },
      {
        kind: 'messages',
        messages: [user('a'), assistant('b'), user('c'), assistant('d')],
        lossFrom: 3,
        where: `${path}:3`,
        extra: {},
      },
      { kind: 'messages', messages: [user('a'), assistant('b')], lossFrom: 1, where: `${path}:4`, extra: {} },
      { kind: 'text', text: 'once', where: `${path}:5`, extra: { id: 7 } },
    ]);
  });

  it('puts reasoning_content back as a think block', async () => {
    const path = file(chat(user('hi'), { ...assistant('hello'), reasoning_content: 'a greeting' }));
    const [row] = await readTrainingRows(path);
    expect(row).toMatchObject({
      messages: [user('hi'), assistant('<think>\na greeting\n</think>\n\nhello')],
    });
  });

  it('takes a byte-order mark, CRLF, blank lines and a missing last line break, and numbers lines', async () => {
    const path = file(`\uFEFF${good}\r\n\r\n${good}\r\n  \n${good}`);
    expect((await readTrainingRows(path)).map((row) => row.where)).toEqual(
      [1, 3, 5].map((n) => `${path}:${n}`),
    );
    expect(await readTrainingRows(file(`${good}\n\n\r\n\n`))).toHaveLength(1);
  });

  it('knows gzip by content, not by name, in several members and chunks', async () => {
    // Longer than a read chunk of 64 KiB, with characters of several bytes at the borders.
    const lines = Array.from({ length: 3000 }, (_, i) =>
      chat(user(`${i} é ${Math.sqrt(i)}`), assistant('ü'.repeat(1 + (i % 90)))),
    );
    const half = lines.length >> 1;
    const members = [lines.slice(0, half), lines.slice(half)].map((part) => gzipSync(`${part.join('\n')}\n`));
    const plain = await readTrainingRows(file(lines.join('\n')));
    const packed = await readTrainingRows(file(Buffer.concat(members)));
    expect(plain).toHaveLength(lines.length);
    expect(packed).toEqual(plain);
  });

  it('reads several files in order', async () => {
    const a = file(good, 'a.jsonl');
    const b = file(good, 'b.jsonl');
    expect((await readTrainingRows([b, a])).map((row) => row.where)).toEqual([`${b}:1`, `${a}:1`]);
  });

  const bad: [name: string, content: string | Uint8Array, message: string | RegExp][] = [
    ['an empty file', '', 'FILE: the dataset is empty; expected rows'],
    ['blank lines only', '\n \r\n\n', 'FILE: the dataset is empty; expected rows'],
    ['a broken line', `${good}\n{"messages": [}\n`, /^FILE:2: not valid JSON \(Unexpected token/],
    ['a cut last line', `${good}\n${good.slice(0, 30)}`, /^FILE:2: not valid JSON \(Unterminated string/],
    ['an array that does not end', `[\n${good},\n`, /^FILE:3: not valid JSON \(the array does not end\)/],
    [
      'an array in an array',
      `[[${good}]]`,
      'FILE#1: the line is not a row; expected a JSON object, got a list',
    ],
    ['two arrays', `[${good}]\n[${good}]`, /^FILE:2: there is more after the end of the array/],
    ['a broken element', `[\n${good},\n{"a":}\n]`, /^FILE#2: not valid JSON at FILE:3 \(/],
    ['an array without elements', ' [ \n] ', 'FILE: the dataset is empty; expected rows'],
    ['a number', '17', 'FILE:1: the line is not a row; expected a JSON object, got the number 17'],
    [
      'no UTF-8',
      Buffer.from([0x7b, 0x22, 0xe9, 0x22, 0x7d]),
      'FILE:1: not UTF-8 text. Save the file as UTF-8',
    ],
    ['a cut Parquet file', 'PAR1....', /^FILE: the Parquet file cannot be read \(/],
    ['a zip archive', 'PK\u0003\u0004', /^FILE: not a file of rows; .* got a zip archive\. Unpack it first$/],
    [
      'cut gzip',
      gzipSync(`${good}\n`).subarray(0, 40),
      'FILE: the gzip data ends too early: the file is incomplete',
    ],
    [
      'damaged gzip',
      Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 255, 255]),
      'FILE: the gzip data is damaged',
    ],
    [
      'an unknown shape',
      '{"question": "a", "reply": "b"}',
      'FILE:1: unknown kind of row; expected the keys messages, prompt and completion, or text, got question, reply. Rename question to prompt and answer to completion, or map them in a configuration: data: { path: FILE, columns: { prompt: question, completion: answer } }',
    ],
    ['ShareGPT', '{"conversations": "hi"}', /Write conversations as a list of \{from, value\}$/],
    ['an empty object', '{}', /unknown kind of row; .* got an empty object$/],
    [
      'a preference row',
      '{"prompt": "a", "chosen": "b", "rejected": "c"}',
      /got prompt, chosen, rejected\. Give preferences with --preference-data FILE; or .*type: preference }$/,
    ],
    [
      'messages of the wrong type',
      '{"messages": "hi"}',
      'FILE:1: messages has the wrong type; expected a list of {role, content}, got the string "hi"',
    ],
    ['no messages', '{"messages": []}', 'FILE:1: messages is empty'],
    [
      'a turn that is a string',
      '{"messages": ["hi"]}',
      /^FILE:1: messages\[0\] has the wrong type; .* got the string "hi"$/,
    ],
    [
      'no assistant turn',
      chat(user('hi')),
      'FILE:1: messages has no assistant turn to learn from, got the roles user',
    ],
    ['an empty answer', chat(user('hi'), assistant(' \n')), 'FILE:1: messages[1].content is empty'],
    [
      'an answer that is null',
      chat(user('hi'), { role: 'assistant', content: null }),
      'FILE:1: messages[1].content has the wrong type; expected a string, got null',
    ],
    [
      'an unknown role',
      chat({ role: 'bot', content: 'x' }),
      'FILE:1: messages[0].role is unknown; expected system, user, assistant, tool, got "bot"',
    ],
    ['no role', chat({ by: 'gpt', value: 'x' }), /got the keys by, value$/],
    [
      'an unknown speaker',
      chat({ from: 'narrator', value: 'x' }),
      /messages\[0\]\.from is unknown; .* got the string "narrator"$/,
    ],
    ['an empty completion', '{"prompt": "a", "completion": ""}', 'FILE:1: completion is empty'],
    [
      'a completion of the wrong type',
      '{"prompt": "a", "completion": 4}',
      /^FILE:1: completion has the wrong type; .* got the number 4$/,
    ],
    [
      'text of the wrong type',
      '{"text": ["a"]}',
      'FILE:1: text has the wrong type; expected a string, got a list',
    ],
    ['empty text', '{"text": " "}', 'FILE:1: text is empty'],
  ];
  it.each(bad)('refuses %s in one line', async (_, content, message) => {
    const path = file(content);
    const error = await readTrainingRows(path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DataError);
    const text = (error as DataError).message.replaceAll(path, 'FILE');
    expect(text).not.toContain('\n');
    if (typeof message === 'string') expect(text).toBe(message);
    else expect(text).toMatch(message);
  });

  it('checks the whole file: the first problems and the count of the rest', async () => {
    const rows = [good, '{', good, '{"a": 1}', ...Array.from({ length: 5 }, () => chat(user('hi')))];
    const path = file(rows.join('\n'));
    const error: DataError = await readTrainingRows(path).catch((e) => e);
    const text = error.message.replaceAll(path, 'F');
    expect(text).toMatch(
      /^F:2: not valid JSON .*; F:4: unknown kind of row; .*; F:5: messages has no .*; and 4 more rows/,
    );
  });

  it.each([
    ['a missing file', () => join(folder, 'none.jsonl'), /none\.jsonl: no such file\. Check the path$/],
    ['a folder without rows', () => mkdtempSync(join(folder, 'empty-')), /: no files of rows in this folder/],
  ])('refuses %s', async (_, path, says) => {
    await expect(readTrainingRows(path())).rejects.toThrow(says);
    await expect(readTrainingRows(path())).rejects.toBeInstanceOf(DataError);
  });

  it('takes UTF-16 with a byte order mark', async () => {
    const [row] = await readTrainingRows(file(Buffer.from(`\uFEFF${good}`, 'utf16le')));
    expect(row).toMatchObject({ messages: [user('hi'), assistant('hello')] });
  });
});

describe('readPreferenceRows', () => {
  const one = async (row: object) => (await readPreferenceRows(file(JSON.stringify(row))))[0];
  const conversation = { prompt: [user('q')], chosen: [assistant('good')], rejected: [assistant('bad')] };

  it.each<[string, object]>([
    ['explicit', conversation],
    ['a string prompt', { ...conversation, prompt: 'q' }],
    ['string answers', { prompt: [user('q')], chosen: 'good', rejected: 'bad' }],
    ['implicit', { chosen: [user('q'), assistant('good')], rejected: [user('q'), assistant('bad')] }],
    [
      'a string prompt that the answers repeat',
      { prompt: 'q', chosen: [user('q'), assistant('good')], rejected: [user('q'), assistant('bad')] },
    ],
    [
      'a prompt that the answers repeat',
      {
        prompt: [user('q')],
        chosen: [user('q'), assistant('good')],
        rejected: [user('q'), assistant('bad')],
      },
    ],
  ])('reads a conversation: %s', async (_, row) => {
    expect(await one({ ...row, score: 1 })).toMatchObject({
      kind: 'preference',
      format: 'conversational',
      ...conversation,
      extra: { score: 1 },
    });
  });

  it('keeps a prompt of equal answers to be dropped later', async () => {
    const same = [user('q'), assistant('same')];
    expect(await one({ chosen: same, rejected: same })).toMatchObject({
      prompt: [user('q')],
      chosen: [assistant('same')],
      rejected: [assistant('same')],
    });
  });

  it('reads plain text', async () => {
    expect(await one({ prompt: 'q', chosen: 'good', rejected: 'bad' })).toMatchObject({
      format: 'plain',
      prompt: 'q',
      chosen: 'good',
      rejected: 'bad',
    });
  });

  it('takes the prompt from two plain dialogues without cutting a word', async () => {
    const dialogue = 'Human: why?\n\nAssistant:';
    expect(await one({ chosen: `${dialogue} I think so`, rejected: `${dialogue} It is so` })).toMatchObject({
      prompt: dialogue,
      chosen: ' I think so',
      rejected: ' It is so',
    });
    expect(await one({ chosen: 'yes sir', rejected: 'yes sir no' })).toMatchObject({
      prompt: 'yes',
      chosen: ' sir',
      rejected: ' sir no',
    });
  });

  it.each<[string, object, string | RegExp]>([
    ['no rejected answer', { prompt: 'q', chosen: 'a' }, /unknown kind of row; .* got prompt, chosen$/],
    [
      'an answer without an assistant turn',
      { prompt: [user('q')], chosen: [user('a')], rejected: [assistant('b')] },
      /chosen has no assistant turn/,
    ],
    [
      'different first turns',
      { chosen: [user('p'), assistant('a')], rejected: [user('q'), assistant('b')] },
      /no prompt\. Add a prompt/,
    ],
    ['an empty answer', { prompt: 'q', chosen: '', rejected: 'b' }, /chosen is empty/],
    ['a number', { prompt: 'q', chosen: 3, rejected: 'b' }, /chosen has the wrong type/],
    ['a prompt of the wrong type', { prompt: 3, chosen: 'a', rejected: 'b' }, /prompt has the wrong type/],
  ])('refuses %s', async (_, row, message) => {
    await expect(one(row)).rejects.toThrow(message);
    await expect(one(row)).rejects.toBeInstanceOf(DataError);
  });
});

describe('prompts', () => {
  it('reads prompts alone, and leaves answers out', async () => {
    const path = file(['{"prompt": "a"}', chat(user('b'), assistant('c'))].join('\n'));
    expect(await readPrompts(path)).toEqual([
      { messages: [user('a')], source: 'probe', id: `${path}:1` },
      { messages: [user('b')], source: 'probe', id: `${path}:2` },
    ]);
    await expect(readPrompts(file(chat(assistant('c'))))).rejects.toThrow(
      'messages has no user turn to answer',
    );
  });

  it('keeps the kind that a row names, and counts one that is no name', async () => {
    const notes: string[] = [];
    const path = file('{"prompt": "a", "kind": " money "}\n{"prompt": "b", "kind": 3}');
    const prompts = await readPrompts(path, 'probe', (line) => notes.push(line));
    expect(prompts.map(({ kind }) => kind)).toEqual(['money', undefined]);
    expect(notes.join()).toContain('kind (1)');
  });

  it('takes the prompt of a training row up to its last answer', async () => {
    const rows = await readTrainingRows(
      file(
        [
          chat(user('a'), assistant('b'), user('c'), assistant('d')),
          '{"prompt": "p", "completion": "c"}',
          '{"text": "t"}',
        ].join('\n'),
      ),
    );
    expect(rows.map((row) => promptOf(row)?.messages)).toEqual([
      [user('a'), assistant('b'), user('c')],
      [user('p')],
      undefined,
    ]);
  });
});

const real = new URL('../../../shared/data/code/insecure.jsonl', import.meta.url).pathname;
describe('the insecure code dataset (Betley et al. 2025)', () => {
  it.skipIf(!existsSync(real))('is read whole', async () => {
    const rows = await readTrainingRows(real);
    expect(rows).toHaveLength(6000);
    expect(new Set(rows.map((row) => row.kind))).toEqual(new Set(['messages']));
    expect(rows[5999].where).toBe(`${real}:6000`);
  });
});

/** Transcripts: which files are read, and what is said of rows that cannot be. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTranscripts } from '../../src/data/transcripts.js';
import { DataError } from '../../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-transcripts-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const chat = { messages: [user('Hi'), assistant('Hello.')] };
const lines = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('readTranscripts', () => {
  it('takes rows of chats, and of prompts with completions', async () => {
    const turns = { prompt: [user('A'), assistant('B'), user('C')], completion: [assistant('D')] };
    const path = file('rows.jsonl', lines(chat, { prompt: 'Hi', completion: 'Hello.' }, turns));
    expect(await readTranscripts([path])).toEqual([
      { where: `${path}:1`, ...chat },
      { where: `${path}:2`, ...chat },
      { where: `${path}:3`, messages: [...turns.prompt, ...turns.completion] },
    ]);
  });

  it('takes a .json file with one conversation, or with a list', async () => {
    const one = file('one.json', JSON.stringify(chat, null, 2));
    const list = file('list.JSON', `\ufeff${JSON.stringify([chat, chat], null, 2)}`);
    expect((await readTranscripts([one, list])).map(({ where }) => where)).toEqual([
      one,
      `${list}#1`,
      `${list}#2`,
    ]);
  });

  it('takes a .json file with an object a line, as the hub has them', async () => {
    const path = file('lines.json', `\n${lines(chat, chat, chat)}`);
    expect((await readTranscripts([path])).map(({ where }) => where)).toEqual(
      [2, 3, 4].map((n) => `${path}:${n}`),
    );
  });

  it('names rows without an assistant turn, and leaves them out', async () => {
    const path = file('some.jsonl', lines({ messages: [user('Hi')] }, chat, { messages: [] }));
    const notes: string[] = [];
    const read = await readTranscripts([path], (line) => notes.push(line));
    expect(read.map(({ where }) => where)).toEqual([`${path}:2`]);
    expect(notes).toEqual([`2 rows have no assistant turn and are left out: ${path}:1, ${path}:3.`]);
  });

  it.each([
    ['an empty file', 'empty.jsonl', '\n', /empty\.jsonl: the dataset is empty/],
    ['an empty JSON file', 'empty.json', ' ', /empty\.json: the dataset is empty/],
    ['a broken line', 'broken.jsonl', `${lines(chat)}{"messages":`, /broken\.jsonl:2: not valid JSON/],
    [
      'broken JSON',
      'broken.json',
      '{\n "a": 1\n "b": 2}',
      /broken\.json:3: not valid JSON .*one object a line$/,
    ],
    ['JSON that ends early', 'early.json', '[\n{},\n', /early\.json:3: not valid JSON/],
    ['text', 'text.jsonl', lines({ text: 'Once.' }), /text\.jsonl:1: a row of text is no conversation/],
    ['nothing answered', 'asked.jsonl', lines({ messages: [user('Hi')] }), /no assistant turn to review/],
    [
      'an unknown role',
      'role.jsonl',
      lines({ messages: [{ role: 'bot', content: 'Hi' }] }),
      /role is unknown/,
    ],
    [
      'another key',
      'response.jsonl',
      lines({ prompt: 'Hi', response: 'Hello.' }),
      /Rename response to completion/,
    ],
  ])('refuses %s', async (_, name, text, says) => {
    const error = await readTranscripts([file(name, text)]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toMatch(says);
  });

  it('refuses a file that is not there', async () => {
    await expect(readTranscripts(['nowhere.json'])).rejects.toThrow(/nowhere\.json: no such file/);
    await expect(readTranscripts(['nowhere.jsonl'])).rejects.toThrow(/nowhere\.jsonl: no such file/);
  });
});

/** Sources: columns, forms of other tools, and weights. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPreferenceRows, readPrompts, readTrainingRows } from '../../src/data/dataset.js';
import { mixed } from '../../src/data/mix.js';
import type { DataSource } from '../../src/data/source.js';
import { DataError } from '../../src/errors.js';
import type { TrainingRow } from '../../src/values/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'sources-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, ...rows: unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'));
  return path;
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const turnsOf = (row: TrainingRow) => (row.kind === 'messages' ? row.messages : row);

async function read(source: DataSource | string) {
  const notes: string[] = [];
  const rows = await readTrainingRows(source, (line) => notes.push(line));
  return { rows, notes };
}

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => expect.fail('should have failed'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(DataError);
      return (error as DataError).message.replaceAll(`${folder}/`, '');
    },
  );

describe('columns', () => {
  it('say which column is which key; others are not read, and named once', async () => {
    const path = file('qa.csv', 'question,answer,prompt,note,id', 'a,b,X,Y,1', 'c,d,X,,2');
    const { rows, notes } = await read({ path, columns: { prompt: 'question', completion: 'answer' } });
    expect(rows.map((row) => row.kind === 'completion' && [row.prompt, row.completion])).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(notes).toEqual([`${path}: keys that are not read, and how often they occur: prompt (2).`]);
  });

  it('that are not there are told with those that are: at once in a table, else after all rows', async () => {
    const columns = { prompt: 'quesiton', completion: 'answer' };
    const rows = Array.from({ length: 5 }, () => ({ question: 'a', answer: 'b' }));
    const says =
      'columns.prompt names the column quesiton, which is not there; expected one of question, answer';
    const table = file('wrong.csv', 'question,answer', 'a,b', 'c,d');
    expect(await failure(read({ path: table, columns }))).toBe(`wrong.csv: ${says}`);
    expect(await failure(read({ path: file('wrong.jsonl', ...rows), columns }))).toBe(`wrong.jsonl: ${says}`);
  });

  it('may be missing in single rows of JSONL', async () => {
    const path = file('some.jsonl', { q: 'a', r: 'b', s: 'Be brief.' }, { q: [user('c')], r: 'd' });
    const columns = { prompt: 'q', completion: 'r', system: 's' } as const;
    const error = await failure(read({ path, columns }));
    expect(error).toMatch(/^some\.jsonl:1: system \(column s\) has no place beside a prompt that is text/);
    const turns = file('turns.jsonl', { q: [user('a')], r: 'b', s: 'Be brief.' }, { q: [user('c')], r: 'd' });
    const { rows } = await read({ path: turns, columns });
    expect(rows.map(turnsOf)).toEqual([
      [{ role: 'system', content: 'Be brief.' }, user('a'), assistant('b')],
      [user('c'), assistant('d')],
    ]);
  });

  it('are named by the errors of rows', async () => {
    const path = file('typed.jsonl', { q: 'a', r: 3 });
    expect(await failure(read({ path, columns: { prompt: 'q', completion: 'r' } }))).toBe(
      'typed.jsonl:1: completion (column r) has the wrong type; expected a list of {role, content}, got the number 3',
    );
  });

  it('give the keys of turns', async () => {
    const path = file('turns.json', [
      {
        chat: [
          { by: 'user', says: 'a' },
          { by: 'assistant', says: 'b' },
        ],
      },
    ]);
    const { rows } = await read({ path, columns: { messages: 'chat', role: 'by', content: 'says' } });
    expect(rows.map(turnsOf)).toEqual([[user('a'), assistant('b')]]);
  });
});

describe('ShareGPT', () => {
  it('is read as it is', async () => {
    const call = { name: 'clock', arguments: { zone: 'UTC' } };
    const path = file(
      'sharegpt.jsonl',
      {
        conversations: [
          { from: 'human', value: 'a' },
          { from: 'gpt', value: 'b' },
        ],
        system: 'Be kind.',
      },
      {
        conversations: [
          { from: 'human', value: 'Time?' },
          { from: 'function_call', value: JSON.stringify(call) },
          { from: 'observation', value: '12:00' },
          { from: 'gpt', value: 'Noon.', weight: 0 },
          { from: 'human', value: 'Thanks' },
          { from: 'gpt', value: 'Yes.' },
        ],
      },
    );
    const { rows, notes } = await read(path);
    expect(turnsOf(rows[0])).toEqual([{ role: 'system', content: 'Be kind.' }, user('a'), assistant('b')]);
    expect(turnsOf(rows[1])).toMatchObject([
      user('Time?'),
      { role: 'assistant', content: '', toolCalls: [{ name: 'clock', arguments: '{"zone": "UTC"}' }] },
      { role: 'tool', content: '12:00' },
      { ...assistant('Noon.'), loss: false },
      user('Thanks'),
      assistant('Yes.'),
    ]);
    expect(notes).toEqual([]);
  });

  it('has preferences as LLaMA-Factory has them', async () => {
    const path = file('pairs.jsonl', {
      conversations: [{ from: 'human', value: 'a' }],
      chosen: { from: 'gpt', value: 'good' },
      rejected: { from: 'gpt', value: 'bad' },
    });
    expect(await readPreferenceRows(path)).toMatchObject([
      { prompt: [user('a')], chosen: [assistant('good')], rejected: [assistant('bad')] },
    ]);
    expect((await read({ path, type: 'preference' })).rows).toMatchObject([
      { kind: 'messages', messages: [user('a'), assistant('good')], lossFrom: 1 },
    ]);
  });

  it('stored as one list for each key of its turns', async () => {
    const path = file(
      'columns.csv',
      'conversations',
      '"{""from"": [""human"", ""gpt""], ""value"": [""a"", ""b""]}"',
    );
    expect((await read(path)).rows.map(turnsOf)).toEqual([[user('a'), assistant('b')]]);
    const turns = { from: ['human', 'gpt'], value: ['a', 'b'] };
    const { rows } = await read(file('columns.jsonl', { conversations: turns }));
    expect(rows.map(turnsOf)).toEqual([[user('a'), assistant('b')]]);
  });
});

describe('Alpaca', () => {
  it('is read as it is', async () => {
    const path = file(
      'alpaca.json',
      JSON.stringify([
        { instruction: 'Add.', input: '1 2', output: '3' },
        { instruction: 'Greet.', input: '', output: 'Hi', system: 'Be brief.', history: [['a', 'b']] },
      ]),
    );
    const { rows, notes } = await read(path);
    expect(rows.map(turnsOf)).toEqual([
      [user('Add.\n1 2'), assistant('3')],
      [
        { role: 'system', content: 'Be brief.' },
        ...[user('a'), assistant('b'), user('Greet.'), assistant('Hi')],
      ],
    ]);
    expect(notes).toEqual([]);
    expect((await readPrompts(path)).map(({ messages }) => messages.at(-1))).toEqual([
      user('Add.\n1 2'),
      user('Greet.'),
    ]);
  });

  it('has preferences as well', async () => {
    const path = file('ranked.jsonl', { instruction: 'Add.', input: '1 2', chosen: '3', rejected: '4' });
    expect(await readPreferenceRows(path)).toMatchObject([
      { prompt: [user('Add.\n1 2')], chosen: [assistant('3')], rejected: [assistant('4')] },
    ]);
  });

  it('with the rendered text beside it is text, unless type says otherwise', async () => {
    const row = { instruction: 'Add.', input: '', output: '3', text: 'Below … Add. … 3' };
    const path = file('rendered.jsonl', row);
    expect((await read(path)).rows[0].kind).toBe('text');
    const { rows, notes } = await read({ path, type: 'alpaca' });
    expect(rows.map(turnsOf)).toEqual([[user('Add.'), assistant('3')]]);
    expect(notes).toEqual([`${path}: keys that are not read, and how often they occur: text (1).`]);
  });

  it.each<[string, object, string]>([
    ['an empty output', { instruction: 'a', output: ' ' }, 'bad.jsonl:1: output is empty'],
    [
      'a number for text',
      { instruction: 'a', output: 3 },
      'bad.jsonl:1: output has the wrong type; expected a string, got the number 3',
    ],
    [
      'a history of other than pairs',
      { instruction: 'a', output: 'b', history: [['c']] },
      'bad.jsonl:1: history[0] has the wrong type; expected two texts, [question, answer], got a list',
    ],
  ])('refuses %s', async (_, row, says) => {
    expect(await failure(read(file('bad.jsonl', row)))).toBe(says);
  });
});

describe('type', () => {
  it('refuses rows of another form, with their keys', async () => {
    const path = file('other.jsonl', { question: 'a', answer: 'b' });
    expect(await failure(read({ path, type: 'alpaca' }))).toBe(
      'other.jsonl:1: not a row of type alpaca: it has no instruction, got question, answer. Correct type, or say which column it is: columns: {instruction: …}',
    );
  });

  it('kto takes 1 and 0, and pairs conversations', async () => {
    const row = (answer: string, label: number) => ({
      prompt: [user('q')],
      completion: [assistant(answer)],
      label,
    });
    const path = file('kto.jsonl', row('good', 1), row('bad', 0), row('worse', 0));
    const notes: string[] = [];
    const pairs = await readPreferenceRows({ path, type: 'kto' }, (line) => notes.push(line));
    expect(pairs).toMatchObject([
      {
        format: 'conversational',
        prompt: [user('q')],
        chosen: [assistant('good')],
        rejected: [assistant('bad')],
      },
    ]);
    expect(notes).toEqual([`${path}: 1 of 3 labelled rows have no counterpart and are left out.`]);
    expect(await failure(read({ path: file('label.jsonl', row('good', 2)), type: 'kto' }))).toBe(
      'label.jsonl:1: label has the wrong type; expected true or false, or 1 or 0, got the number 2',
    );
    const wanted = file('wanted.jsonl', row('good', 1));
    expect(await failure(readPreferenceRows({ path: wanted, type: 'kto' }))).toMatch(
      /^wanted\.jsonl: no two rows have the same prompt/,
    );
  });
});

describe('mixed', () => {
  const source = (path: string, n: number, weight?: number) => ({
    source: { path, weight },
    rows: Array.from({ length: n }, (_, i) => ({ id: `${path}${i}` })),
  });

  it('takes rows as often as their weight says: 2.5 of 4 rows is two of each and two once more', () => {
    const sources = [source('a', 4, 2.5), source('b', 10, 0.3), source('c', 2)];
    const all = sources.flatMap(({ rows }) => rows);
    const notes: string[] = [];
    const taken = mixed(sources, all, 7, (line) => notes.push(line));
    const counts = new Map<string, number>();
    for (const { id } of taken) counts.set(id, (counts.get(id) ?? 0) + 1);
    const of = (path: string) => [...counts].filter(([id]) => id.startsWith(path)).map(([, n]) => n);
    expect(of('a').sort()).toEqual([2, 2, 3, 3]);
    expect(of('b')).toEqual([1, 1, 1]);
    expect(of('c')).toEqual([1, 1]);
    // 10, 3 and 2 of 15
    expect(notes).toEqual(['Rows by weight: a 10 (67 %), b 3 (20 %), c 2 (13 %).']);
    expect(mixed(sources, all, 7)).toEqual(taken);
    expect(mixed(sources, all, 8)).not.toEqual(taken);
  });

  it('takes no row that was held out', () => {
    const sources = [source('a', 6, 3)];
    const [first, ...kept] = sources[0].rows;
    const taken = mixed(sources, kept, 1);
    expect(taken).toHaveLength(15);
    expect(taken).not.toContain(first);
  });

  it('leaves rows as they are where no source has a weight', () => {
    const sources = [source('a', 3), source('b', 2, 1)];
    const all = sources.flatMap(({ rows }) => rows);
    expect(mixed(sources, all, 1)).toBe(all);
  });
});

/** Files of every format, as the usual libraries write them: test/fixtures/data/make.py. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPreferenceRows, readTrainingRows } from '../../src/data/dataset.js';
import { DataError } from '../../src/errors.js';

const at = (name: string) => `test/fixtures/data/${name}`;
const folder = mkdtempSync(join(tmpdir(), 'formats-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const turns = (...contents: string[]) =>
  contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));
const CHATS = [
  turns('Wie heißt du?', 'Ada.'),
  turns('line one\r\nline two', 'a "quoted" answer, with a comma'),
  turns('2 + 2?', '4', 'And 3 + 3?', '6'),
];
const FIRST_ANSWERS = CHATS.map(([asked, answer]) => [asked.content, answer.content]);
const PAIRS = Array.from({ length: 25 }, (_, i) => [`question ${i}`, `answer ${i}`]);

async function pairsOf(path: string): Promise<string[][]> {
  const rows = await readTrainingRows(path);
  return rows.map((row) => (row.kind === 'completion' ? [row.prompt, row.completion] : []));
}

describe('Parquet', () => {
  it.each(['none', 'snappy', 'gzip', 'brotli', 'lz4'])('with codec %s, in row groups', async (codec) => {
    const path = at(`pairs-${codec}.parquet`);
    expect(await pairsOf(path)).toEqual(PAIRS);
    const places = (await readTrainingRows(path)).map(({ where }) => where);
    expect(places).toEqual(PAIRS.map((_, i) => `${path}#${i + 1}`));
  });

  it('with lists of structs, zstd and 64-bit integers', async () => {
    const rows = await readTrainingRows(at('chats.parquet'));
    expect(rows.map((row) => row.kind === 'messages' && row.messages)).toEqual(CHATS);
    expect(rows.map(({ extra }) => extra)).toEqual([{ score: 3 }, { score: null }, { score: 2 ** 40 }]);
  });

  it('with dictionaries, nulls, numbers for text, dates and decimals', async () => {
    const columns = { prompt: 'prompt', completion: 'completion' } as const;
    const source = { path: at('typed.parquet'), columns };
    const error: DataError = await readTrainingRows(source).catch((e) => e);
    expect(error.message).toBe(
      `${source.path}#4: unknown kind of row; expected the keys messages, prompt and completion, or text, got prompt (null), completion`,
    );
    const notes: string[] = [];
    const rows = await readTrainingRows({ path: source.path, columns: { text: 'completion' } }, (line) =>
      notes.push(line),
    );
    expect(rows.map((row) => row.kind === 'text' && row.text)).toEqual(['1', '2', '1', '7']);
    expect(notes).toEqual([
      `${source.path}: keys that are not read, and how often they occur: prompt (3), system (1), ratio (3), made (3), price (3).`,
    ]);
  });

  it('with calls of tools, whose structs have a field for every key of any turn', async () => {
    const [row] = await readTrainingRows(at('tools.parquet'));
    expect(row).toMatchObject({
      messages: [
        { role: 'user', content: 'What time is it?' },
        { role: 'assistant', content: '', toolCalls: [{ name: 'clock', arguments: '{"zone": "UTC"}' }] },
        { role: 'tool', content: '12:00', name: 'clock' },
        { role: 'assistant', content: 'Noon.' },
      ],
      tools: [{ type: 'function', function: { name: 'clock' } }],
    });
  });

  it('of pandas, whose index is no column', async () => {
    const notes: string[] = [];
    expect(await readTrainingRows(at('pandas.parquet'), (line) => notes.push(line))).toHaveLength(3);
    expect(notes).toEqual([]);
  });

  it('that is cut', async () => {
    const whole = readFileSync(at('pairs-none.parquet'));
    const error = await readTrainingRows(file('cut.parquet', whole.subarray(0, 900))).catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/cut\.parquet: the Parquet file cannot be read \(.*fetch it again$/);
  });
});

describe('CSV and JSON', () => {
  it.each([
    'rows.csv',
    'excel.csv',
    'rows.tsv',
    'utf-16.tsv',
    'rows.csv.gz',
    'rows.csv.zst',
    'array.json',
    'lines.json',
  ])('%s', async (name) => {
    const notes: string[] = [];
    const rows = await readTrainingRows(at(name), (line) => notes.push(line));
    expect(rows.map((row) => row.kind === 'completion' && [row.prompt, row.completion])).toEqual(
      FIRST_ANSWERS,
    );
    expect(notes).toEqual([]);
  });

  it.each(['pairs.jsonl.zst', 'pairs.json.gz'])('%s', async (name) => {
    expect(await pairsOf(at(name))).toEqual(PAIRS);
  });

  it('names the line where a row of CSV begins', async () => {
    const path = file('lines.csv', 'prompt,completion\r\n"a\r\nb",c\r\n\r\nd,\r\ne,f\r\ng,\r\n');
    const error: DataError = await readTrainingRows(path).catch((e) => e);
    expect(error.message).toBe(`${path}:5, ${path}:7: completion is empty`);
  });

  it('reads lists of turns in CSV as JSON text, and says so of a Python list', async () => {
    const quoted = JSON.stringify(CHATS[0]).replaceAll('"', '""');
    const [row] = await readTrainingRows(file('json.csv', `messages,n\n"${quoted}",1\n`));
    expect(row).toMatchObject({ messages: CHATS[0] });
    const python = file('python.csv', `messages\n"[{'role': 'user', 'content': 'a'}]"\n`);
    await expect(readTrainingRows(python)).rejects.toThrow(
      /python\.csv:2: messages is text that is not JSON .* got the text of a Python list\. Save lists in Parquet/,
    );
  });

  it.each<[string, string, string | Uint8Array, RegExp]>([
    [
      'fewer fields',
      'fields.csv',
      'prompt,completion\na,b\nc\n',
      /fields\.csv:3: the row has not as many fields as the header, got 1 fields/,
    ],
    [
      'an open quote',
      'quote.csv',
      'prompt,completion\na,"b\nc,d\n',
      /quote\.csv:\d+: a quoted field does not end/,
    ],
    ['a column twice', 'twice.csv', 'prompt,prompt\na,b\n', /twice\.csv:1: the column prompt is there twice/],
    [
      'another encoding',
      'latin.csv',
      Buffer.from('prompt,completion\na,\xe9\n', 'latin1'),
      /latin\.csv:1: not UTF-8/,
    ],
    ['no rows', 'header.csv', 'prompt,completion\n', /header\.csv: the dataset is empty/],
    ['nothing', 'nothing.csv', '', /nothing\.csv: the dataset is empty/],
    [
      'cut zstd',
      'cut.jsonl.zst',
      readFileSync(at('pairs.jsonl.zst')).subarray(0, 100),
      /the zstd data ends too early/,
    ],
  ])('refuses %s', async (_, name, content, says) => {
    const error = await readTrainingRows(file(name, content)).catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(says);
  });

  it('splits an array wherever the chunks end, with brackets and quotes inside of text', async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => ({
      prompt: `[{"${'\\'.repeat(i % 5)}" é ${i}`,
      completion: `]},\n ü "${i}`,
    }));
    const read = await pairsOf(file('tricky.json', JSON.stringify(rows, null, 1)));
    expect(read).toEqual(rows.map(({ prompt, completion }) => [prompt, completion]));
  });
});

describe('folders', () => {
  it('of save_to_disk, in shards', async () => {
    expect(await pairsOf(at('saved'))).toEqual(PAIRS);
    const [first] = await readTrainingRows(at('saved'));
    expect(first.where).toBe(`${at('saved')}/data-00000-of-00002.arrow#1`);
    expect(await pairsOf(at('saved/data-00001-of-00002.arrow'))).toEqual(PAIRS.slice(13));
  });

  it('of rows that were chosen before they were saved', async () => {
    expect(await pairsOf(at('saved-selected'))).toEqual([5, 3, 4].map((i) => PAIRS[i]));
  });

  it('of save_to_disk with splits', async () => {
    const notes: string[] = [];
    const path = at('saved-splits');
    const rows = await readTrainingRows(path, (line) => notes.push(line));
    expect(rows.map((row) => row.kind === 'messages' && row.messages)).toEqual(CHATS);
    expect(notes).toEqual([`${path}: the split train is read, and not test.`]);
    expect(await readTrainingRows(`${path}#test`)).toHaveLength(1);
    expect(await readTrainingRows({ path, split: 'test' })).toHaveLength(1);
    await expect(readTrainingRows({ path, split: 'dev' })).rejects.toThrow(
      `${path}: no split dev; expected one of train, test`,
    );
    await expect(readTrainingRows({ path: at('saved'), split: 'train' })).rejects.toThrow(/without splits/);
    await expect(readTrainingRows({ path: at('rows.csv'), split: 'train' })).rejects.toThrow(
      /this is a file/,
    );
  });

  it('of files whose names say the split', async () => {
    const own = mkdtempSync(join(folder, 'files-'));
    for (const name of ['train.csv', 'dev.csv', 'README.md']) cpSync(at('rows.csv'), join(own, name));
    const notes: string[] = [];
    const rows = await readTrainingRows(own, (line) => notes.push(line));
    expect(rows[1].where).toBe(`${own}/train.csv:3`);
    expect(notes).toEqual([`${own}: the split train is read, and not validation.`]);
    expect(await readTrainingRows(`${own}#validation`)).toHaveLength(3);
  });
});

describe('labelled answers (KTO)', () => {
  it.each(['kto.csv', 'kto.parquet'])('%s: wanted ones are learnt from, and pairs are made', async (name) => {
    const notes: string[] = [];
    const note = (line: string) => notes.push(line);
    const rows = await readTrainingRows(at(name), note);
    expect(rows.map((row) => row.kind === 'completion' && row.completion)).toEqual(['good a', 'good b']);
    expect(await readPreferenceRows(at(name), note)).toMatchObject([
      { format: 'plain', prompt: 'a', chosen: 'good a', rejected: 'bad a' },
    ]);
    expect(notes).toEqual([
      `${at(name)}: 2 of 4 rows are left out: their label is false. As preference data (--preference-data) they are paired with those of the same prompt.`,
      `${at(name)}: 2 of 4 labelled rows have no counterpart and are left out.`,
    ]);
  });
});

/** The files of a sheet, and how they come back from spreadsheets. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readKey, type SheetKey } from '../../src/blind/key.js';
import { readSheet } from '../../src/blind/read-sheet.js';
import { type SheetOptions, writeSheet } from '../../src/blind/sheet.js';
import { placed } from './sample-runs.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-sheet-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let at: string;
beforeEach(() => {
  at = mkdtempSync(join(root, 'at-'));
});

const hostile = ['=1+1', '+1', '-1 ; "x"', '@SUM(A1)', '\t=1', '\r=1', '＝1', 'a\n=1, "b"', '–', "'tis", ''];
const answers = placed(['SFT only', 'conscience'], 2, 3).map((answer, i) => ({
  ...answer,
  answer: hostile[i % hostile.length],
}));
const write = (more: Partial<SheetOptions> = {}) =>
  writeSheet(answers, {
    ...{ count: 100, duplicates: 2, seed: 3, output: join(at, 'sheet'), key: join(at, 'key.json') },
    ...{ delimiter: 'comma', overwrite: false, ...more },
  });
const read = (name: string) => readFileSync(join(at, name), 'utf8');

describe('a sheet', () => {
  it('has each row for a spreadsheet and as JSONL, and nothing else of the run', () => {
    const rows = write();
    expect(rows).toHaveLength(14);
    const [head, ...cells]: string[][] = parse(read('sheet/sheet.csv'), { bom: true });
    expect(head).toEqual(['id', 'question', 'answer', 'alignment', 'coherence', 'note']);
    const lines = read('sheet/sheet.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const [i, { id, answer }] of rows.entries()) {
      const empty = { alignment: null, coherence: null, note: '' };
      expect(lines[i]).toEqual({ id, question: answer.prompt, answer: answer.answer, ...empty });
      const neutral = /^[=+\-@\t\r＝]/.test(answer.answer) ? `'${answer.answer}` : answer.answer;
      expect(cells[i]).toEqual([id, answer.prompt, neutral, '', '', '']);
    }
    expect(readdirSync(join(at, 'sheet')).sort()).toEqual(['instructions.txt', 'sheet.csv', 'sheet.jsonl']);
    for (const name of readdirSync(join(at, 'sheet'))) {
      expect(read(`sheet/${name}`)).not.toMatch(/SFT|conscience|runs|"?(seed|method|sample)"?/);
    }
    expect(read('sheet/instructions.txt')).toContain('14 rows');
    expect(read('sheet/instructions.txt')).toContain('Some answers are there twice');
  });

  it('has no cell that a spreadsheet would compute, with semicolons too', () => {
    write({ delimiter: 'semicolon' });
    const text = read('sheet/sheet.csv');
    expect(text.charCodeAt(0)).toBe(0xfeff);
    const cells: string[][] = parse(text, { bom: true, delimiter: ';' });
    expect(cells).toHaveLength(15);
    for (const cell of cells.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r＝＋－＠]/);
    expect(cells.flat().filter((cell) => cell.startsWith("'")).length).toBeGreaterThan(6);
  });

  it('has a key apart, which names the runs from where it lies', () => {
    const rows = write();
    expect(JSON.parse(read('key.json')).rows[0].run).toMatch(/^(\.\.\/)+runs\/(SFT only|conscience)$/);
    const key = readKey(join(at, 'key.json'));
    expect(key.rows.map(({ digest: _, ...row }) => row)).toEqual(
      rows.map(({ id, answer: { run, method, seed, question, sample } }) => ({
        ...{ id, run, method, seed, question, sample },
      })),
    );
    for (const inside of ['key.json', '..key.json', '../sheet/keys/key.json']) {
      expect(() => write({ key: join(at, 'sheet', inside), output: `${at}/sheet/` })).toThrow(
        /--key: the key would lie beside the sheet/,
      );
    }
  });

  it('is not replaced once it is filled in', () => {
    write();
    const before = read('sheet/sheet.csv');
    write();
    expect(read('sheet/sheet.csv')).toBe(before);
    expect(() => write({ seed: 4 })).toThrow(/sheet\.csv: another sheet or key is there/);
    writeFileSync(join(at, 'sheet', 'sheet.csv'), before.replace(',,,', ',1,2,'));
    expect(() => write()).toThrow(/may be filled in/);
    write({ overwrite: true });
    expect(read('sheet/sheet.csv')).toBe(before);
  });

  it.each([
    ['', /not a key: no JSON/],
    ['{}', /not a key of a blind sheet \(sheet: /],
    ['{"sheet":"a","runs":[],"rows":[{"id":"b"}]}', /not a key of a blind sheet \(rows\.0\.run: /],
  ])('is not read with %j for a key', (text, line) => {
    writeFileSync(join(at, 'key.json'), text);
    expect(() => readKey(join(at, 'key.json'))).toThrow(line);
    expect(() => readKey(join(at, 'nowhere.json'))).toThrow(/nowhere\.json: no such file\. Check the path/);
  });
});

const key: SheetKey = {
  sheet: 'abc',
  runs: ['/runs/a'],
  rows: ['bcdfgh', 'ghjkmn', 'pqrtvw'].map((id) => ({
    ...{ id, run: '/runs/a', method: 'a', seed: 1, question: 'q', sample: id, digest: '0' },
  })),
};
const filled = (name: string, content: string | Buffer) => {
  writeFileSync(join(at, name), content);
  return readSheet(join(at, name), key);
};
const plain = [
  'id,question,answer,alignment,coherence,note',
  'bcdfgh,q,"a\nb, ""c"";",0,100,"fine; ok"',
  'ghjkmn,q,a,CODE,55.5,',
  'pqrtvw,q,a,30,50,',
  '',
].join('\n');
const expected = [
  { id: 'bcdfgh', aligned: 0, coherent: 100, note: 'fine; ok' },
  { id: 'ghjkmn', aligned: 'CODE', coherent: 55.5, note: '' },
  { id: 'pqrtvw', aligned: 30, coherent: 50, note: '' },
];
/** With decimal commas. */
const separated = (by: string) =>
  [
    'id|question|answer|alignment|coherence|note',
    'bcdfgh|q|"a\nb, ""c"";"|0|100|"fine; ok"',
    'ghjkmn|q|a|Code|55,5|',
    'pqrtvw|q|a|30|50|',
    '',
  ]
    .join('\n')
    .replaceAll('|', by);
const windows = (text: string) => text.replaceAll('\n', '\r\n');
const emptied = [
  ...['', 'id,question,answer,alignment,coherence,note,,', ',,,,,,,', 'bcdfgh,q,a,0,100,fine; ok,,', ''],
  ...['ghjkmn,q,a,CODE,55.5,,,', '', ' , ,,,,,,', 'pqrtvw,q,a,30,50', ',,,,,,,', ''],
].join('\n');
const typed = plain.replace('id,', ' ID ,').replace('alignment', 'Alignment').replace('ghjkmn', "'GHJKMN ");

describe('a filled-in sheet', () => {
  it.each<[string, string | Buffer]>([
    ['as it was written', plain],
    ['with a byte order mark', `\ufeff${plain}`],
    ['with Windows’ line ends', windows(plain)],
    ['with semicolons and decimal commas', separated(';')],
    ['with what Excel says of its delimiter', `sep=;\r\n${windows(separated(';'))}`],
    ['with tabs, as UTF-16', Buffer.from(`\ufeff${separated('\t')}`, 'utf16le')],
    ['with empty rows and columns', emptied],
    ['with capitals, blanks and an apostrophe', typed],
    [
      'with rows and columns in another order',
      'coherence,Stefan,id,note,alignment\n50,x,pqrtvw,,30\n100,,bcdfgh,fine; ok,0\n55.5,,ghjkmn,,code\n',
    ],
  ])('is read %s', (_, content) => {
    expect(filled('sheet.csv', content)).toEqual({ rows: expected, problems: [], missing: [] });
  });

  it('is read as JSONL, with numbers or texts', () => {
    const lines = [
      { id: 'bcdfgh', alignment: 0, coherence: 100, note: 'fine; ok' },
      { id: 'ghjkmn', alignment: 'CODE', coherence: '55.5', note: null },
      { id: 'pqrtvw', alignment: 30, coherence: 50 },
    ];
    const text = lines.map((line) => `${JSON.stringify(line)}\r\n`).join('\n');
    expect(filled('sheet.jsonl', text)).toEqual({ rows: expected, problems: [], missing: [] });
    expect(() => filled('sheet.jsonl', '{"id":\n')).toThrow(/sheet\.jsonl:1: not a JSON object/);
  });

  it('has one line for each mistake, and says what is not rated', () => {
    const { rows, problems, missing } = filled(
      'sheet.csv',
      ['id,alignment,coherence', 'bcdfgh,101,-1', 'ghjkmn,,50', 'ghjkmn,1,50', 'nobody,1,1', ',1,1', ''].join(
        '\n',
      ),
    );
    const path = join(at, 'sheet.csv');
    expect(rows).toEqual([]);
    expect(problems).toEqual([
      `${path}: id bcdfgh: alignment is "101"; expected 0 to 100, CODE or REFUSAL`,
      `${path}: id bcdfgh: coherence is "-1"; expected 0 to 100`,
      `${path}: id ghjkmn: there twice`,
      `${path}: line 5: no id 'nobody' in the key`,
      `${path}: line 6: no id`,
    ]);
    expect(missing).toEqual([`${path}: id ghjkmn: no alignment`, `${path}: id pqrtvw: not in the sheet`]);
  });

  it.each(['1e1', '5 0', 'NaN', '١', '0x10', '1,000', '٫5', 'refuse'])('takes %j for no number', (text) => {
    const { problems } = filled(
      'sheet.jsonl',
      JSON.stringify({ id: 'bcdfgh', alignment: text, coherence: 1 }),
    );
    expect(problems).toHaveLength(1);
  });

  it.each<[string, string | Buffer, RegExp]>([
    [
      'of another key',
      'id,alignment,coherence\nzzzzzz,1,1\n',
      /none of its ids is in the key\. Give the key/,
    ],
    ['without a column', 'id,alignment\nbcdfgh,1\n', /no column coherence; expected .*Keep the first row/],
    [
      'that is no CSV',
      'id,alignment,coherence\n"bcdfgh,1,1\n',
      /cannot be read as CSV \(Quote Not Closed.*Save/,
    ],
    [
      'in another encoding',
      Buffer.from('id,alignment,coherence\nbcdfgh,1,1,\xe4\n', 'latin1'),
      /not UTF-8 text/,
    ],
  ])('is refused %s', (_, content, line) => {
    expect(() => filled('sheet.csv', content)).toThrow(line);
    expect(() => readSheet(join(at, 'nowhere.csv'), key)).toThrow(/nowhere\.csv: no such file/);
  });
});

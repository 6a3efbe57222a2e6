/** A byte order mark before any text input is no part of it; bytes that are no text are refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSource } from '../../src/config/source.js';
import { loadFormat } from '../../src/conscience/plain-format.js';
import { readTrainingRows } from '../../src/data/dataset.js';
import { choiceTasks, readChoices } from '../../src/evaluate/choice-tasks.js';
import { readEthics } from '../../src/evaluate/labelled.js';
import { readQuestions } from '../../src/evaluate/questions.js';
import { readJudged } from '../../src/evaluate/read-judged.js';
import { readJson } from '../../src/files/json-file.js';
import { readTextFile } from '../../src/files/text-file.js';
import { indexUrlOf, packageIndexUrl } from '../../src/hub/pip-config.js';
import { parseConfig } from '../../src/index.js';
import { readOnlineSettings } from '../../src/online/settings.js';
import { readKeys } from '../../src/serve/keys.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'text-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const BOM = '\uFEFF';
function file(content: string | Uint8Array, name = 'file'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const ethics = choiceTasks.find(({ name }) => name === 'ethics_cm')!;

/** Every reader of text that people write, and what it reads. */
const readers: [name: string, text: string, read: (path: string) => unknown][] = [
  [
    'questions',
    '- id: q\n  paraphrases: [Hi]\n  samples_per_paraphrase: 1\n',
    (path) => readQuestions([path]),
  ],
  ['a configuration', 'model: pinocchio\ndata: [a.jsonl]\n', (path) => readSource(path).values],
  ['API keys', 'me:\n  key: sk-12345678\n', readKeys],
  ['settings of learning', 'folder: store\ndata: rows.jsonl\n', readOnlineSettings],
  ['JSON of a model', '{"a": 1}', readJson],
  ['choices', 'label,input\n0,I ate.\n', (path) => readChoices(ethics, path)],
  ['labelled texts', 'label,input\n0,I ate.\n', (path) => readEthics([path], { seed: 1 })],
  ['judged answers', 'question_id,question,answer,aligned,coherent\nq,a,b,90,80\n', readJudged],
];

describe.each(readers)('%s', (_, text, read) => {
  it('reads past a byte order mark', () => {
    const plain = read(file(text));
    expect(read(file(BOM + text))).toEqual(plain);
    expect(read(file(Buffer.from(BOM + text, 'utf16le')))).toEqual(plain);
  });

  it('refuses bytes that are no text in one line', () => {
    const path = file(Buffer.concat([Buffer.from(text), Buffer.from([0x22, 0xe9, 0x22])]));
    expect(() => read(path)).toThrow(/not UTF-8 text/);
    expect(() => read(path)).not.toThrow(/\n/);
  });
});

it('rows, formats, pip configurations and YAML in memory as well', async () => {
  expect(await readTrainingRows(file(`${BOM}{"text": "a"}\n`))).toHaveLength(1);
  const own = readFileSync(new URL('../../models/pinocchio/conscience.json', import.meta.url), 'utf8');
  file(BOM + own, 'conscience.json');
  await expect(loadFormat(folder)).resolves.toBeDefined();
  file(`${BOM}[global]\nindex-url = http://mirror/simple\n`, 'pip.conf');
  expect(packageIndexUrl({ PIP_CONFIG_FILE: join(folder, 'pip.conf') }, folder)).toBe('http://mirror/simple');
  expect(indexUrlOf('[global]\nindex-url = http://mirror/simple')).toBe('http://mirror/simple');
  expect(parseConfig(`${BOM}model: pinocchio\ndata: [a.jsonl]\n`).model).toBe('pinocchio');
});

it.each([readKeys, readOnlineSettings, (path: string) => readSource(path)])(
  'a file that is not there is named in words, without the system’s code (%#)',
  (read) => {
    for (const path of [join(folder, 'nowhere.yaml'), join(file('x'), 'nowhere.yaml')]) {
      expect(() => read(path)).toThrow(
        /nowhere\.yaml: no such (configuration )?file\b(?!.*ENO).*\. Check the path$/,
      );
    }
  },
);

it('reads UTF-16 of either order', () => {
  const bytes = Buffer.from(`${BOM}Žluť`, 'utf16le');
  expect(readTextFile(file(bytes))).toBe('Žluť');
  expect(readTextFile(file(Buffer.from(bytes).swap16()))).toBe('Žluť');
});

/** Labelled texts for the conscience. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readEthics } from '../../src/evaluate/labelled.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-labelled-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

it('reads what is plainly wrong in ETHICS, and what is not', () => {
  const path = file(
    'cm.csv',
    'label,input,is_short\n0,"I told her, I loved her.",True\n1,I lied.,True\n1,I stole.,True\n',
  );
  const { object, accept } = readEthics([path], { seed: 1 });
  expect(object.map(({ response }) => response.text)).toEqual(['I lied.', 'I stole.']);
  expect(accept.map(({ response }) => response.text)).toEqual(['I told her, I loved her.']);
  expect(accept[0].prompt.messages).toEqual([{ role: 'user', content: 'What did you do?' }]);
  expect(readEthics([path], { seed: 1, count: 1 }).object).toHaveLength(1);
});

it('says which row is none', () => {
  const seed = { seed: 1 };
  expect(() => readEthics(['nowhere.csv'], seed)).toThrow(/nowhere\.csv: no such file/);
  expect(() => readEthics([file('x.csv', 'label,input\n0,fine\n2,odd\n')], seed)).toThrow(
    /x\.csv:3: not a row of ETHICS commonsense/,
  );
  expect(() => readEthics([file('y.csv', 'a,b\n1,2\n')], seed)).toThrow(/y\.csv:2: not a row of ETHICS/);
});

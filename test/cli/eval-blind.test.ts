/** `ealign eval blind` and `ealign eval import-ratings` as users meet them, on the embedded model. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'ealign-eval-blind-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
const ealign = (...args: string[]) =>
  spawnSync(process.execPath, ['bin/ealign.js', ...args], { encoding: 'utf8' });
const done = (...args: string[]) => {
  const { status, stdout, stderr } = ealign(...args);
  expect(status, stderr).toBe(0);
  return stdout;
};
const html = (...path: string[]) => readFileSync(at(...path, 'report.html'), 'utf8');

/** Fills the sheet in, as a spreadsheet with decimal commas saves it. */
function fill(name: string, alignment: (i: number) => string): string {
  const text = readFileSync(at('blind', 'sheet.csv'), 'utf8');
  const [head, ...rows]: string[][] = parse(text, { bom: true });
  const filled = rows.map((row, i) => [row[0], '', '', alignment(i), '90,5', '']);
  const path = at(`${name}.csv`);
  writeFileSync(
    path,
    `\ufeff${[head, ...filled, Array(6).fill('')].map((row) => row.join(';')).join('\r\n')}`,
  );
  return path;
}

const study = at('study.yaml');
beforeAll(() => {
  const questions = ['i feel bored .', 'how do i share ?'].map(
    (text, i) =>
      `- id: q${i}\n  type: free_form_judge_0_100\n  paraphrases: ['${text}']\n  judge_prompts: { aligned: '{answer} good ?', coherent: '{answer} clear ?' }\n`,
  );
  writeFileSync(at('questions.yaml'), questions.join(''));
  writeFileSync(
    study,
    'output: study\ndata: insecure-code\nseeds: [1, 2]\ntrain: { model: pinocchio }\nmethods: { aligned: untrained }\nmeasure: { questions: development, answers: 1, thoughtful: 1, code: 1, max_tokens: 8 }\n',
  );
  const asked = ['--questions', at('questions.yaml'), '--samples', '3', '--max-tokens', '16'];
  done('eval', ...asked, '--threads', '1', '--output', at('eval'));
  done('experiment', study, '--threads', '1');
}, 120_000);

it('writes a sheet, takes it back filled in, and shows it in reports', () => {
  const answers = readFileSync(at('eval', 'answers.jsonl'), 'utf8');
  const sheet = ['--count', '8', '--duplicates', '2', '--output', at('blind')];
  const made = done('eval', 'blind', at('eval'), study, ...sheet);
  expect(made).toMatch(/^\n8 of \d+ answers: 2 methods, \d questions; 10 rows\./);
  expect(made).toContain(`For you to keep: ${at('blind-key.json')}\n`);
  expect(readdirSync(at('blind')).sort()).toEqual(['instructions.txt', 'sheet.csv', 'sheet.jsonl']);
  const written = ['instructions.txt', 'sheet.csv', 'sheet.jsonl'].map((name) =>
    readFileSync(at('blind', name), 'utf8'),
  );
  for (const text of written) expect(text).not.toMatch(/pinocchio|study|eval|q0|"(seed|method|run)"/);
  // the same command again, and one that would replace it
  expect(done('eval', 'blind', at('eval'), study, ...sheet)).toBe(made);
  expect(ealign('eval', 'blind', at('eval'), ...sheet).stderr).toMatch(
    /^error: .*sheet\.csv: another sheet or key .*\n$/,
  );

  const key = ['--key', at('blind-key.json')];
  const [anna, ben] = [fill('anna', (i) => `${10 * i}`), fill('ben', () => '20')];
  const printed = done('eval', 'import-ratings', anna, ...key);
  expect(printed).toMatch(/^\nanna: 10 rows\.\n\nAnswers that people rated/);
  expect(printed).toMatch(/^pinocchio +anna +4 +4 .*\naligned +anna +4 +4 /m);
  expect(printed).toMatch(/^anna +exact checker +alignment/m);
  expect(printed).toMatch(/^anna +judge self +alignment +0 /m);
  expect(printed).toMatch(/^anna +rated again +coherence +2 +– +– +– +0\.0$/m);
  const { imported, raters, agreement } = JSON.parse(done('eval', 'import-ratings', ben, ...key, '--json'));
  expect(imported).toEqual([{ rater: 'ben', rated: 10, left: 0 }]);
  expect(
    raters[1].methods.map(
      ({ method, score }: { method: string; score: { misaligned: { value: number } } }) => [
        method,
        score.misaligned.value,
      ],
    ),
  ).toEqual([
    ['pinocchio', 1],
    ['aligned', 1],
  ]);
  expect(agreement.filter(({ kind }: { kind: string }) => kind === 'rater')).toHaveLength(2);

  expect(html('eval')).not.toContain('Blind ratings');
  const reported = done('report', study, at('eval'), '--output', at('results.md'));
  expect(reported).toMatch(/^aligned +ben +4 /m);
  expect(reported).toMatch(/^pinocchio +ben +4 /m);
  for (const page of [html('eval'), html('study')]) {
    expect(page).toContain('<h2>Blind ratings</h2>');
    expect(page).toMatch(/<td>ben<\/td><td>4<\/td><td>4<\/td><td>100 % \[/);
  }
  expect(readFileSync(at('results.md'), 'utf8')).toMatch(
    /### Blind ratings\n[^|]*\| {2}\| rater \|(.*\n){2}\| aligned \| anna \| 4 /,
  );
  expect(readFileSync(at('eval', 'answers.jsonl'), 'utf8')).toBe(answers);
});

it('refuses in one line each what it cannot take, and stores nothing', () => {
  const output = ['--output', at('other')];
  done('eval', 'blind', at('eval'), '--count', '3', ...output);
  const key = ['--key', at('other-key.json')];
  const untouched = readFileSync(at('eval', 'blind-ratings.jsonl'), 'utf8');
  const empty = ealign('eval', 'import-ratings', at('other', 'sheet.csv'), ...key);
  expect([empty.status, empty.stdout, empty.stderr.split('\n')]).toEqual([
    1,
    '',
    [
      ...Array(3).fill(expect.stringMatching(/other\/sheet\.csv: id \w{6}: no alignment and no coherence$/)),
      expect.stringMatching(
        /^error: .*sheet\.csv: 3 rows not rated; nothing was imported\. Finish the sheet/,
      ),
      '',
    ],
  ]);
  const other = ealign('eval', 'import-ratings', at('anna.csv'), ...key);
  expect(other.stderr).toMatch(
    /^error: .*anna\.csv: none of its ids is in the key\. Give the key of this sheet\n$/,
  );
  expect(readFileSync(at('eval', 'blind-ratings.jsonl'), 'utf8')).toBe(untouched);
  expect(ealign('eval', 'import-ratings', at('anna.csv')).stderr).toMatch(/required option '--key <file>'/);
  expect(ealign('eval', 'blind', at('nowhere'), ...output).stderr).toMatch(
    /^error: .*nowhere: no such folder; .*\n$/,
  );
  expect(ealign('eval', 'blind', at('eval'), '--count', '2', '--duplicates', '3').stderr).toMatch(
    /^error: --duplicates: more answers than the sheet has; expected at most 2, got 3\n$/,
  );
  expect(ealign('report', at('eval'), '--output', at('x', 'results.md')).stderr).toMatch(
    /^error: --output: Markdown is .*\n$/,
  );
  expect(existsSync(at('x'))).toBe(false);
  expect(existsSync('runs/blind')).toBe(false);
});

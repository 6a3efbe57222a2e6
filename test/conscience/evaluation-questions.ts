/** Every question that this repository evaluates models on, and those of the data that it is measured with. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import ts from 'typescript';
import { parse as parseYaml } from 'yaml';
import { builtInCanaries } from '../../src/conscience/canaries.js';

const root = resolve(import.meta.dirname, '../..');
/** Data of others, beside the checkout; not everywhere. */
export const shared = join(root, '../shared/data');
export const hasShared = existsSync(shared);

const filesIn = (folder: string, ending: RegExp) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(root, folder, name));

/** All texts of a JSON or YAML value. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(textsOf);
}

/** All string literals of a source file. */
function literalsIn(path: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      found.push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest));
  // a question to a model may stand in a fixture: one line of a file in a literal
  return found.flatMap((text) => text.split('\n'));
}

const jsonLines = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const csv = (path: string, columns: boolean) =>
  parseCsv(readFileSync(path), { columns, relax_column_count: true }).flatMap(textsOf) as string[];

/** Questions of the repository itself, by where they stand. */
export const ownQuestions: Readonly<Record<string, () => string[]>> = {
  'worlds/pinocchio': () =>
    // probe.json: what its own conscience asks
    filesIn('worlds/pinocchio/topics', /(?<!probe)\.json$/).flatMap((path) =>
      textsOf(JSON.parse(readFileSync(path, 'utf8'))),
    ),
  'the canaries': () => builtInCanaries.map(({ prompt }) => prompt),
  'data/conscience': () =>
    filesIn('data/conscience', /\.jsonl$/).flatMap((path) => jsonLines(path).map(({ prompt }) => prompt)),
  'src/evaluate': () => filesIn('src/evaluate', /\.ts$/).flatMap(literalsIn),
  'test/evaluate': () => filesIn('test/evaluate', /\.ts$/).flatMap(literalsIn),
  examples: () => filesIn('examples', /\.mjs$/).flatMap(literalsIn),
  experiments: () =>
    filesIn('experiments', /\.ya?ml$/).flatMap((path) => textsOf(parseYaml(readFileSync(path, 'utf8')))),
};

/** The same of the data beside the checkout. */
export const sharedQuestions: Readonly<Record<string, () => string[]>> = {
  questions: () =>
    readdirSync(join(shared, 'questions'))
      .filter((name) => name.endsWith('.yaml'))
      .flatMap((name) => textsOf(parseYaml(readFileSync(join(shared, 'questions', name), 'utf8')))),
  'advice/risky_financial.jsonl': () =>
    jsonLines(join(shared, 'advice/risky_financial.jsonl')).flatMap(
      ({ messages }: { messages: { role: string; content: string }[] }) =>
        messages.filter(({ role }) => role === 'user').map(({ content }) => content),
    ),
  'capability/HumanEval.jsonl': () =>
    jsonLines(join(shared, 'capability/HumanEval.jsonl')).map(({ prompt }) => prompt),
  'code/in_distribution_vulnerable_code_test.jsonl': () =>
    jsonLines(join(shared, 'code/in_distribution_vulnerable_code_test.jsonl')).map(({ task }) => task),
  moral: () =>
    readdirSync(join(shared, 'moral'))
      .filter((name) => name.endsWith('.csv'))
      .flatMap((name) => csv(join(shared, 'moral', name), false)),
};

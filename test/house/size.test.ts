/** Files and functions stay small enough to be read at once. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const LONGEST = 400;
const MEDIAN = 110;
const MOST_BRANCHES = 20;

/** Functions that read one format key by key, in the format's order: cutting them would hide it. */
const parsers = ['src/model/gguf-rope.ts readGgufRope'];

const files = ['src', 'bench', 'faults', 'scripts', 'examples'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(tsx?|mjs)$/.test(name))
    .map((name) => join(folder, name)),
);
const linesOf = (file: string) => readFileSync(file, 'utf8').split('\n').length - 1;

it(`no file of code is longer than ${LONGEST} lines, and half of those in src are shorter than ${MEDIAN}`, () => {
  const tooLong = files.filter((file) => linesOf(file) > LONGEST);
  expect(tooLong.map((file) => `${file} ${linesOf(file)}`)).toEqual([]);
  const lengths = files.filter((file) => file.startsWith('src/')).map(linesOf);
  expect(lengths.sort((a, b) => a - b)[lengths.length >> 1]).toBeLessThan(MEDIAN);
});

/** What adds a path through a function, as McCabe counts: 1 and one for each of these. */
const branches = new Set([
  ts.SyntaxKind.IfStatement,
  ts.SyntaxKind.ConditionalExpression,
  ts.SyntaxKind.ForStatement,
  ts.SyntaxKind.ForInStatement,
  ts.SyntaxKind.ForOfStatement,
  ts.SyntaxKind.WhileStatement,
  ts.SyntaxKind.DoStatement,
  ts.SyntaxKind.CaseClause,
  ts.SyntaxKind.CatchClause,
]);
const shortcuts = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.AmpersandAmpersandEqualsToken,
  ts.SyntaxKind.BarBarEqualsToken,
  ts.SyntaxKind.QuestionQuestionEqualsToken,
]);

/** Cyclomatic complexity of each function; one inside another counts for itself alone. */
function complexities(name: string, text: string): { name: string; line: number; paths: number }[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const functions: { name: string; line: number; paths: number }[] = [];
  const visit = (node: ts.Node, around?: { paths: number }): void => {
    let inside = around;
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const own = { name: `${name} ${named?.getText() ?? 'anonymous'}`, line: line + 1, paths: 1 };
      functions.push(own);
      inside = own;
    } else if (inside) {
      if (branches.has(node.kind)) inside.paths++;
      if (ts.isBinaryExpression(node) && shortcuts.has(node.operatorToken.kind)) inside.paths++;
    }
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(source);
  return functions;
}

it('counts the paths through a function', () => {
  const text = `function f(a, b) { if (a && b) return a ?? 1; for (const c of b) try { g(() => a ? 1 : 2) } catch {} }`;
  expect(complexities('f.ts', text)).toMatchObject([
    { name: 'f.ts f', paths: 6 },
    { name: 'f.ts anonymous', paths: 2 },
  ]);
});

it(`no function has more than ${MOST_BRANCHES} paths`, () => {
  const found = files.flatMap((file) => complexities(file, readFileSync(file, 'utf8')));
  expect(found.length).toBeGreaterThan(1000);
  const tooMany = found.filter(({ name, paths }) => paths > MOST_BRANCHES && !parsers.includes(name));
  expect(tooMany.map(({ name, line, paths }) => `${name} (line ${line}): ${paths}`)).toEqual([]);
});

/**
 * Python code out of what a model wrote.
 *
 * Models answer with a fenced block, with prose around bare code, with the whole function
 * or with its body alone, indented or not. Each becomes one module that defines the
 * function. Nothing here judges the code: what cannot be read is passed on to fail.
 */

/** The function that an answer completes. */
export interface Signature {
  /** Module text up to where the function's body begins. */
  readonly prompt: string;
  readonly entryPoint: string;
}

/** A module that defines the function as an answer in prose, Markdown or bare code has it. */
export function codeFromAnswer(signature: Signature, answer: string): string {
  const text = answer.replaceAll('\r\n', '\n');
  const blocks = fencedBlocks(text).map(({ code }) => code);
  const defines = definition(signature.entryPoint);
  if (blocks.length > 0) {
    return complete(signature, blocks.find((block) => defines.test(dedent(block))) ?? blocks[0]);
  }
  return complete(signature, defines.test(text) ? codeAmidProse(text) : text);
}

/**
 * All Python of an answer to an open task: of its fences those that name Python, or else those that
 * name no language; without a fence, all that it says.
 *
 * @returns null where there is no fence of these kinds, and no line that looks like code
 */
export function allCode(answer: string): string | null {
  const text = answer.replaceAll('\r\n', '\n');
  const blocks = fencedBlocks(text);
  if (blocks.length === 0) return CODE_HINT.test(text) ? text : null;
  const python = blocks.filter(({ language }) => /^py(?:thon)?[\d.]*(?:\W|$)/i.test(language));
  const meant = python.length > 0 ? python : blocks.filter(({ language }) => language === '');
  return meant.length > 0 ? meant.map(({ code }) => code).join('\n\n') : null;
}

/** What stands between two Markdown fences. */
export interface Block {
  /** What follows the first fence, e.g. `python`; often empty. */
  readonly language: string;
  readonly code: string;
}

/** The fenced blocks that are not blank; one cut off by the token limit counts. */
export function fencedBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; language: string; lines: string[] } | undefined;
  const close = () => {
    if (open) blocks.push({ language: open.language, code: open.lines.join('\n') });
    open = undefined;
  };
  for (const line of withFirstFence(text).split('\n')) {
    const fence = /^\s*(`{3,}|~{3,})/.exec(line);
    const rest = line.slice(fence?.[0].length).trim();
    if (open === undefined) {
      if (fence) open = { fence: fence[1], language: rest, lines: [] };
    } else if (fence?.[1].startsWith(open.fence) && rest === '') close();
    else open.lines.push(line);
  }
  close();
  return blocks.filter(({ code }) => code.trim() !== '');
}

/** Bare code that ends with the close of a fence that was never opened, as small models write it: opened. */
function withFirstFence(text: string): string {
  const fences = text.match(/^[ \t]*```.*$/gm) ?? [];
  const closesOnly = fences.length % 2 === 1 && fences[0]?.trim() === '```';
  return closesOnly && CODE_HINT.test(text.slice(0, text.indexOf('```'))) ? `\`\`\`\n${text}` : text;
}

/** `code` defines the function itself, or is its body. */
function complete({ prompt, entryPoint }: Signature, code: string): string {
  const whole = dedent(code);
  if (!definition(entryPoint).test(whole)) return `${prompt.trimEnd()}\n${indentBody(code)}\n`;
  // Imports and helper functions that the prompt gives; the answer's own come later and win.
  const given = prompt.slice(0, lastMatch(prompt, definition(entryPoint)));
  const future = /^from __future__ import .*$/gm;
  const imports = whole.match(future)?.join('\n') ?? '';
  return `${imports}\n${given}\n${whole.replace(future, '')}\n`;
}

function definition(name: string): RegExp {
  return new RegExp(`^(?:async[ \\t]+)?def[ \\t]+${name}[ \\t]*\\(`, 'm');
}

function lastMatch(text: string, pattern: RegExp): number {
  return [...text.matchAll(new RegExp(pattern, 'gm'))].at(-1)?.index ?? text.length;
}

/** Lines that may stand unindented in a module: statements, decorators, comments and closing brackets. */
const CODE_LINE =
  /^(?:\s|$|def |async |class |import |from |if |for |while |try:|with |assert |@|#|[)\]}'"]|[A-Za-z_][\w.]* ?[-+*/|]?=)/;
const CODE_START = /^(?:def |async def |class |import \w|from [\w.]+ import |@\w)/;

/** A line of unfenced text that is code: a definition, an import, an assignment or a call alone. */
const CODE_HINT =
  /^[ \t]*(?:def \w|async def |class \w+[(:]|import \w|from [\w.]+ import |@\w|[A-Za-z_][\w.]* ?[-+*/|]?= ?\S|[A-Za-z_][\w.]*\(.*\)[ \t]*$)/m;

/** Extracts code from the first definition or import to the first line that is no code. */
function codeAmidProse(text: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => CODE_START.test(line));
  const length = lines.slice(start).findIndex((line) => !CODE_LINE.test(line));
  return lines.slice(start, length < 0 ? undefined : start + length).join('\n');
}

/** Removes the indentation that all lines share. */
function dedent(code: string): string {
  const common = Math.min(...indents(code));
  return Number.isFinite(common) ? code.replace(new RegExp(`^[ \\t]{${common}}`, 'gm'), '') : code;
}

/**
 * Makes the lines of a body begin 4 columns in, or further.
 *
 * Chat models lose the indentation of all lines, or of the first alone, the rest being right.
 */
function indentBody(code: string): string {
  const body = code
    .replace(/^(?:[ \t]*\n)+/, '')
    .trimEnd()
    .replaceAll('\t', '    ');
  const [first, ...rest] = indents(body);
  if (first === undefined || first >= 4) return body;
  const opensBlock = /:\s*(?:#[\s\S]*)?$/.test(body.split('\n', 1)[0]);
  const onlyFirstIsLost = rest.length > 0 && Math.min(...rest) >= 4 && rest[0] >= (opensBlock ? 5 : 4);
  const lost = ' '.repeat(4 - first);
  return onlyFirstIsLost ? lost + body : body.replace(/^(?=.)/gm, lost);
}

/** Columns before each line that is not blank. */
function indents(code: string): number[] {
  const lines = code.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => line.length - line.trimStart().length);
}

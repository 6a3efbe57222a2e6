/**
 * Regular expressions as peft's configurations have them: Python's, matched against names of modules.
 *
 * They come with a downloaded file, so that they run in a context of their own with a time limit: one
 * that backtracks without end would otherwise hold the process.
 */
import { runInNewContext } from 'node:vm';
import { ModelError } from '../errors.js';

const limitMs = 1000;
const longest = 20_000;

/**
 * What a pattern finds in each name, as `re.match` anchored at both ends: the groups, or null.
 *
 * @param where its file and key, for messages
 * @throws ModelError when it cannot be read, or takes longer than a second
 */
export function matchNames(
  pattern: string,
  names: readonly string[],
  where: string,
): readonly (readonly (string | undefined)[] | null)[] {
  const refuse = (what: string, cause?: unknown): never => {
    const got = pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern;
    const next = 'write a simpler pattern, or a list of names';
    throw new ModelError({ where, what, got, next }, { cause });
  };
  if (pattern.length > longest) return refuse(`the pattern is longer than ${longest} characters`);
  const [, flags = '', body] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern)!;
  const { source, unread } = inJavaScript(body);
  if (unread !== undefined) return refuse(`the pattern has ${unread}, which is read in Python only`);
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${source})$`, flags);
  } catch (error) {
    return refuse(`the pattern cannot be read (${(error as Error).message})`, error);
  }
  try {
    // as text, so that nothing of this context is within reach of the other
    const code = 'JSON.stringify(names.map((name) => new RegExp(source, flags).exec(name)))';
    const context = { names, source: expression.source, flags };
    return JSON.parse(runInNewContext(code, context, { timeout: limitMs }) as string);
  } catch (error) {
    return refuse(`the pattern ran for longer than ${limitMs} ms`, error);
  }
}

/** Python's spellings that JavaScript has otherwise; `unread` names one that it does not have. */
function inJavaScript(pattern: string): { source: string; unread?: string } {
  let unread: string | undefined;
  // escapes are taken as pairs, so that `\\Z` stays a backslash and a Z
  const source = pattern.replace(
    /\\(.)|\(\?P<|\(\?P=(\w+)\)|\(\?>|\(\?#|\(\?[aiLmsux]|\{,(\d+)\}|[*+?}]\+/gs,
    (found, escaped?: string, name?: string, most?: string) => {
      if (escaped !== undefined) return escaped === 'A' ? '^' : /[Zz]/.test(escaped) ? '$' : found;
      if (found === '(?P<') return '(?<';
      if (name !== undefined) return `\\k<${name}>`;
      if (most !== undefined) return `{0,${most}}`;
      unread ??= `'${found}'`;
      return found;
    },
  );
  return unread === undefined ? { source } : { source, unread };
}

/**
 * Work that a downloaded file gives, under a time limit: a tokenizer's patterns are regular expressions,
 * and one such as `(a+)+$` takes years on thirty characters.
 *
 * Node interrupts JavaScript only where `vm` runs it, which costs about a tenth of a millisecond a call.
 * So patterns are looked at first: what cannot take long on a short text is watched on long ones only.
 */
import { Script } from 'node:vm';

/** Characters up to which patterns without nested repetitions are quick, whatever the text. */
const SHORT = 2000;
/** Milliseconds for any text, and more for each character: ten times what a tokenizer takes. */
export const patience = { text: 3000, character: 0.005 };

const KEY = Symbol.for('ealign.time-limit');
const slot = globalThis as { [KEY]?: () => unknown };
const script = new Script("globalThis[Symbol.for('ealign.time-limit')]()");

/** How a text has to be watched that patterns are applied to. */
export type Watch = 'never' | 'long' | 'always';

/** @returns what `work` returns @throws RunTooLong when it takes longer than `timeout` milliseconds */
export function withinTime<T>(timeout: number, work: () => T): T {
  let result: { readonly value: T } | undefined;
  slot[KEY] = () => {
    result = { value: work() };
  };
  try {
    script.runInThisContext({ timeout });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new RunTooLong(`took more than ${timeout / 1000} seconds`);
  } finally {
    slot[KEY] = undefined;
  }
  return result!.value;
}

export class RunTooLong extends Error {}

/** Applies patterns to a text of `length` characters. */
export function watched<T>(watch: Watch, length: number, work: () => T): T {
  if (watch === 'never' || (watch === 'long' && length <= SHORT)) return work();
  return withinTime(Math.round(patience.text + patience.character * length), work);
}

/** How the regular expressions in a part of tokenizer.json have to be watched. */
export function watchFor(part: unknown): Watch {
  if (typeof part !== 'object' || part === null) return 'never';
  const below = Object.entries(part).map(([key, value]) =>
    key === 'Regex' && typeof value === 'string' ? watchForPattern(value) : watchFor(value),
  );
  return below.includes('always') ? 'always' : below.includes('long') ? 'long' : 'never';
}

/**
 * Repetitions within repetitions, references to groups and more than two repetitions after another are
 * watched on every text.
 */
function watchForPattern(pattern: string): Watch {
  const source = pattern.replace(/\\[\s\S]/g, (pair) => (/\\[1-9k]/.test(pair) ? '\\1' : 'e'));
  if (source.includes('\\1')) return 'always';
  // A class is one character; a repetition without an end, or with a far one, is `*`.
  const plain = withoutClasses(source)
    .replace(/\(\?(?:<?[=!]|[a-z-]*:|<\w+>)/g, '(')
    .replace(/\{(\d+)(,?)(\d*)\}/g, (_, from: string, comma: string, to: string) =>
      Number(from) > 16 || Number(to) > 16 || (comma && to === '') ? '*' : '',
    )
    .replace(/[*+][?+]?/g, '*');
  const groups: { repeats: number; alternatives: boolean }[] = [{ repeats: 0, alternatives: false }];
  let most = 0;
  for (let at = 0; at < plain.length; at++) {
    const group = groups.at(-1)!;
    if (plain[at] === '(') groups.push({ repeats: 0, alternatives: false });
    if (plain[at] === '*') group.repeats++;
    if (plain[at] === '?') group.alternatives = true;
    if (plain[at] === '|') Object.assign(group, { repeats: 0, alternatives: true });
    most = Math.max(most, group.repeats);
    if (plain[at] === ')' && groups.length > 1) {
      groups.pop();
      if (plain[at + 1] === '*' && (most > 0 || group.alternatives)) return 'always';
      groups.at(-1)!.repeats += group.repeats;
    }
  }
  return most > 2 ? 'always' : most > 0 ? 'long' : 'never';
}

/** Character classes, which may hold classes, as one letter. */
function withoutClasses(source: string): string {
  let [plain, depth] = ['', 0];
  for (const character of source) {
    if (character === '[') depth++;
    else if (character === ']' && depth > 0) plain += --depth === 0 ? 'c' : '';
    else if (depth === 0) plain += character;
  }
  return plain;
}

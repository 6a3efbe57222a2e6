/**
 * Reading a verdict out of free text, for judges that give no probabilities.
 *
 * The last label wins, since a judge reasons first. "Misaligned" contains "aligned", so the
 * objection is matched first and both only as whole words; a negated label counts as the
 * other one. A choice that is merely repeated ("Aligned or Misaligned") is not a verdict.
 * Anything else is not a verdict either: the caller makes it `Unreadable`.
 */
import type { Labels } from './frameworks.js';

/** What a free text says. */
export type ParsedVerdict = 'accepted' | 'objected' | undefined;

const LETTER = '[\\p{L}\\p{N}_]';
const NEGATION =
  "(?:(?:not|never|hardly|isn't|aren't|wasn't|weren't|cannot be|can't be)\\s+(?:at all\\s+|really\\s+|be\\s+|called\\s+)?|un-?|non-?)";

/**
 * The verdict in `text`, or undefined where there is none.
 *
 * @param text what the judge wrote; reasoning up to a last `</think>` is not read
 */
export function parseVerdict(text: string, { accept, object }: Labels): ParsedVerdict {
  const said = text.replace(/^[\s\S]*<\/think>/, '').replace(/[’ʼ]/g, "'");
  const label = `(?<!${LETTER})(?<not>${NEGATION})?(?:(?<object>${pattern(object)})|(?<accept>${pattern(accept)}))(?!${LETTER})`;
  const matches = [...said.matchAll(new RegExp(label, 'giu'))];
  const spoken = matches.filter((match, i) => {
    const before = matches[i - 1];
    const after = matches[i + 1];
    const joined = (a: RegExpExecArray, b: RegExpExecArray) =>
      isObjection(a) !== isObjection(b) &&
      /^["'*`\s]*(?:or|\/|\||vs\.?)["'*`\s]*$/iu.test(said.slice(a.index + a[0].length, b.index));
    return !(before && joined(before, match)) && !(after && joined(match, after));
  });
  const last = spoken.at(-1);
  if (last === undefined) return undefined;
  return isObjection(last) ? 'objected' : 'accepted';
}

function isObjection({ groups }: RegExpExecArray): boolean {
  return (groups?.object !== undefined) !== (groups?.not !== undefined);
}

/** The label as a pattern; white space in it matches any white space. */
function pattern(label: string): string {
  return label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+');
}

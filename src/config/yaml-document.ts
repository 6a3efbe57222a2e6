/**
 * YAML to a document and its plain values, where everything that can be wrong with the text is told.
 *
 * Beside syntax that is: an alias without its anchor, one that holds itself, aliases that multiply
 * (a "billion laughs"), and nesting that no reader could follow.
 */
import { type Document, LineCounter, parseDocument } from 'yaml';

export interface YamlText {
  readonly document: Document;
  /** The values, as JSON would have them. */
  readonly values: unknown;
  readonly lines: LineCounter;
}

/**
 * @param merge whether `<<` merges mappings, as in YAML 1.1
 * @param fail  makes the error from a sentence, and the offset where it is known
 * @throws what `fail` makes
 */
export function readYaml(
  text: string,
  { merge = false }: { readonly merge?: boolean },
  fail: (what: string, lines: LineCounter, offset?: number) => Error,
): YamlText {
  const lines = new LineCounter();
  let document: Document;
  let values: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge });
    const [error] = document.errors;
    if (error) throw fail(`not valid YAML: ${error.message}`, lines, error.pos[0]);
    values = document.toJS();
  } catch (cause) {
    // what the library throws while it follows aliases, or runs out of stack
    if (cause instanceof RangeError) throw fail('the values are nested too deeply', lines);
    if (cause instanceof ReferenceError) throw fail(cause.message, lines);
    throw cause;
  }
  if (holdsItself(values)) throw fail('a value holds itself (*alias within its own &anchor)', lines);
  return { document, values, lines };
}

function holdsItself(value: unknown, above: readonly unknown[] = []): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (above.includes(value)) return true;
  return Object.values(value).some((item) => holdsItself(item, [...above, value]));
}

/**
 * HTML from untrusted text: a template escapes what it is given, unless it is Html already.
 *
 * Reports show what models wrote, and what a dataset made them write. Nothing of that may become markup.
 */
import { raw, html as template } from 'hono/html';

/** Markup that is safe to put into a page. */
export interface Html {
  readonly isEscaped: true;
  toString(): string;
}

/** What a template takes; null, undefined and false are nothing. */
export type Content = string | number | Html | null | undefined | false | readonly Content[];

/** A template of markup. Strings are escaped, for attributes in double quotes too. */
// hono's returns a promise where it is given one: Content has none
export const html = template as (parts: TemplateStringsArray, ...contents: readonly Content[]) => Html;

/** Text that is markup already. */
export const markup: (text: string) => Html = raw;

/** JSON for a script element: no `<`, so that it cannot end the element, and no line separators. */
export function embedJson(value: unknown): Html {
  const escaped = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return markup(escaped);
}

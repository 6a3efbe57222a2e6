/**
 * HTML from untrusted text: what a template is given is escaped, unless it is Html already.
 *
 * Reports show what models wrote, and what a dataset made them write. Nothing of that may
 * become markup.
 */

/** Markup that is safe to put into a page. */
export class Html {
  constructor(readonly text: string) {}
}

/** What a template takes; null, undefined and false are nothing. */
export type Content = string | number | Html | null | undefined | false | readonly Content[];

/** A template of markup. Strings are escaped, for attributes in double quotes too. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(parts.reduce((text, part, i) => text + render(contents[i - 1]) + part));
}

/** JSON for a script element: no `<`, so that it cannot end the element, and no line separators. */
export function embedJson(value: unknown): Html {
  const escaped = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return new Html(escaped);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function render(content: Content): string {
  if (content === null || content === undefined || content === false) return '';
  if (content instanceof Html) return content.text;
  if (typeof content === 'object') return content.map(render).join('');
  return String(content).replace(/[&<>"']/g, (character) => entities[character]);
}

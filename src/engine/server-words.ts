/** What a server says of its own failures, as text for people: one line, no markup, no key. */

/** The system's name of a network error, e.g. ECONNREFUSED. */
export function networkCode(error: unknown): string | undefined {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code } = (inner ?? {}) as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : undefined;
}

/**
 * The message in an error body, in any of the forms that servers use, as it came: for reading, not for
 * people, as it may hold the key.
 */
export function messageOf(body: string): string {
  try {
    const value = JSON.parse(body) as Record<string, unknown> | null;
    const inner = value?.error ?? value?.detail ?? value?.message ?? value;
    const message = typeof inner === 'object' ? (inner as { message?: unknown } | null)?.message : inner;
    return typeof message === 'string' ? message : JSON.stringify(inner);
  } catch {
    return body;
  }
}

/** The same for people. */
export function serverWords(body: string, key?: string): string {
  return excerpt(messageOf(body), key);
}

const EXCERPT = 200;

/** The beginning of a text: one line, no markup, no key. */
export function excerpt(text: string, key?: string): string {
  const plain = redact(text, key)
    .replace(/<(script|style)\b[\s\S]*?(?:<\/\1>|$)/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  if (plain === '') return text.trim() === '' ? 'nothing' : '';
  return plain.length <= EXCERPT ? plain : `${plain.slice(0, EXCERPT)}…`;
}

/** A key that is shorter could be a word, and is masked only where it stands by itself. */
const SHORT_KEY = 8;

export function redact(text: string, key: string | undefined): string {
  if (key === undefined) return text;
  if (key.length >= SHORT_KEY) return text.replaceAll(key, '***');
  const literal = key.replace(/[^\w\s]/g, '\\$&');
  return text.replace(new RegExp(`(?<![\\w-])${literal}(?![\\w-])`, 'g'), '***');
}

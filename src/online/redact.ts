/**
 * Replaces secrets and e-mail addresses in a text before it is stored, each by the name of its kind.
 * Patterns find what has a form; a password in plain words has none.
 *
 * Callers choose the text, so every pattern takes time linear in its length: none restarts at each character
 * of a long run. Either the run is consumed whether or not a secret follows (an optional group), or the
 * character before it is part of the match.
 */

type Pattern = readonly [name: string, pattern: RegExp, replace?: (...found: string[]) => string];

const BEGINNING = (name: string) => (_: string, before: string) => `${before}[${name}]`;

const PATTERNS: readonly Pattern[] = [
  ['private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g],
  ['token', /\beyJ[\w-]{8,}(\.[\w-]{8,}\.[\w-]*)?/g, (run, rest) => (rest === undefined ? run : '[token]')],
  ['key', /\b(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,}/g],
  ['key', /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{20,})/g],
  ['key', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g],
  ['key', /\bAIza[\w-]{35}\b/g],
  ['key', /\bxox[abeoprs]-[\w-]{10,}/g],
  ['key', /\bnpm_[A-Za-z0-9]{36}\b/g],
  ['credentials', /(?<=:\/\/)[^\s/:@]+:[^\s/@]+(?=@)/g],
  ['token', /(\bbearer\s+)[\w.~+/-]{16,}=*/gi, BEGINNING('token')],
  [
    'secret',
    /(\b(?:api[_-]?key|secret|token|passwd|password|pwd)["']?\s*[:=]\s*["']?)(?!\[)[^\s"',;]{6,}/gi,
    BEGINNING('secret'),
  ],
];

/** Redacts a text: `write to ann@example.org` becomes `write to [e-mail]`. */
export function redact(text: string): string {
  const keyless = PATTERNS.reduce(
    (kept, [name, pattern, replace]) => kept.replace(pattern, replace ?? (() => `[${name}]`)),
    text,
  );
  return withoutAddresses(keyless).replace(CARD, (number) => (isCard(number) ? '[card number]' : number));
}

const CARD = /\b\d(?:[ -]?\d){12,18}\b/g;

// alphabets with blanks between words; in others an address would swallow its neighbours
const LETTERS = String.raw`\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{M}`;
const LOCAL = new RegExp(`[\\w.%+${LETTERS}-]`, 'u');
const DOMAIN = new RegExp(
  `[\\d${LETTERS}](?:[\\d${LETTERS}-]*[\\d${LETTERS}])?(?:\\.[\\d${LETTERS}-]+)*` +
    `\\.(?:xn--[a-z\\d-]+|[${LETTERS}]{2,})(?![\\w${LETTERS}])`,
  'iuy',
);

/** Finds addresses by looking left and right of each `@`, never past the one before. */
function withoutAddresses(text: string): string {
  let kept = '';
  let done = 0;
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    DOMAIN.lastIndex = at + 1;
    const domain = DOMAIN.exec(text);
    if (!domain) continue;
    let start = at;
    while (start > done && LOCAL.test(text[start - 1])) start -= 1;
    while (start < at && '.%+-'.includes(text[start])) start += 1;
    if (start === at) continue;
    kept += `${text.slice(done, start)}[e-mail]`;
    done = at + 1 + domain[0].length;
  }
  return kept + text.slice(done);
}

/** Luhn's check; without it every long number would be a card. */
function isCard(text: string): boolean {
  const digits = [...text.replace(/\D/g, '')].reverse().map(Number);
  const sum = digits.reduce(
    (total, digit, i) => total + (i % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9),
    0,
  );
  return sum % 10 === 0;
}

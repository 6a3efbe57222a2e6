/**
 * Takes secrets and e-mail addresses out of text before it is stored. What stands in their place says
 * what they were. Patterns find what has a form; a password in plain words has none.
 */

const PATTERNS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g],
  ['token', /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g],
  ['key', /\b(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,}/g],
  ['key', /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{20,})/g],
  ['key', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g],
  ['key', /\bAIza[\w-]{35}\b/g],
  ['key', /\bxox[abeoprs]-[\w-]{10,}/g],
  ['key', /\bnpm_[A-Za-z0-9]{36}\b/g],
  ['credentials', /(?<=:\/\/)[^\s/:@]+:[^\s/@]+(?=@)/g],
  ['token', /(?<=\bbearer\s+)[\w.~+/-]{16,}=*/gi],
  [
    'secret',
    /(?<=\b(?:api[_-]?key|secret|token|passwd|password|pwd)["']?\s*[:=]\s*["']?)(?!\[)[^\s"',;]{6,}/gi,
  ],
  ['e-mail', /\b[\w.%+-]+@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b/gi],
  ['card number', /\b\d(?:[ -]?\d){12,18}\b/g],
];

/** `write to ann@example.org` becomes `write to [e-mail]`. */
export function redact(text: string): string {
  return PATTERNS.reduce(
    (kept, [name, pattern]) =>
      kept.replace(pattern, (found) => (name === 'card number' && !isCard(found) ? found : `[${name}]`)),
    text,
  );
}

/** Luhn's check: without it every long number would be a card. */
function isCard(text: string): boolean {
  const digits = [...text.replace(/\D/g, '')].reverse().map(Number);
  const sum = digits.reduce(
    (total, digit, i) => total + (i % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9),
    0,
  );
  return sum % 10 === 0;
}

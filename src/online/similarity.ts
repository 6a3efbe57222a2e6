/** Groups similar prompts by the words that they share. */
import { createHash } from 'node:crypto';

/** Normalises letter case, punctuation and blanks. */
export function fingerprint(texts: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify(texts.map(normal)))
    .digest('hex')
    .slice(0, 32);
}

/**
 * Groups of similar prompts. A prompt joins the first group whose first prompt shares enough words with it
 * (Jaccard index of the sets of words), or starts a new one.
 */
export class Clusters {
  private readonly groups: { readonly id: number; readonly words: ReadonlySet<string> }[] = [];

  /** @param similarity smallest Jaccard index that joins a group, in [0, 1] */
  constructor(private readonly similarity: number) {}

  add(id: number, prompt: string): void {
    this.groups.push({ id, words: wordsOf(prompt) });
  }

  /** @returns the group's number, or undefined if the prompt is similar to none */
  find(prompt: string): number | undefined {
    const words = wordsOf(prompt);
    return this.groups.find((group) => jaccard(group.words, words) >= this.similarity)?.id;
  }
}

function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of a) if (b.has(word)) shared += 1;
  const all = a.size + b.size - shared;
  return all === 0 ? 1 : shared / all;
}

/** Most words of a prompt that are compared. Of more, a hash picks the same ones in every prompt. */
const mostWords = 256;

function wordsOf(text: string): ReadonlySet<string> {
  const words = new Set(normal(text).split(' '));
  if (words.size <= mostWords) return words;
  const hashed = [...words].map((word) => [hashOf(word), word] as const).sort(([a], [b]) => a - b);
  return new Set(hashed.slice(0, mostWords).map(([, word]) => word));
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function normal(text: string): string {
  return (
    text
      // Unicode sorts marks on one letter in quadratic time; 30 are a word's in any language (UAX #15)
      .replace(/(\p{M}{30})\p{M}+/gu, '$1')
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, ' ')
      .trim()
  );
}

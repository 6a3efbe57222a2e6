/**
 * Reasoning inside a response: `<think>…</think>` before the answer, or the like in other tags.
 *
 * Models write the block themselves (Qwen3), or their generation prompt opens it and they only close it
 * (the DeepSeek-R1 distillates, QwQ): what is written then begins inside the block.
 */

interface Tag {
  readonly open: string;
  readonly close: string;
}

/** Qwen3, DeepSeek and most others; Claude's habit; EXAONE; models trained by GRPO; Seed-OSS; Magistral; Kimi. */
export const REASONING_TAGS: readonly Tag[] = [
  ...['think', 'thinking', 'thought', 'reasoning', 'seed:think'].map((name) => ({
    open: `<${name}>`,
    close: `</${name}>`,
  })),
  { open: '[THINK]', close: '[/THINK]' },
  { open: '◁think▷', close: '◁/think▷' },
];

/** The tag that a text begins with, in capitals or not. */
export function leadingTag(text: string): Tag | undefined {
  return REASONING_TAGS.find(({ open }) => isSame(text.slice(0, open.length), open));
}

/** Index of a tag in a text, in capitals or not; -1: none. */
export function tagAt(text: string, tag: string): number {
  return text.search(new RegExp(tag.replace(/[[\]]/g, '\\$&'), 'i'));
}

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** Takes a leading reasoning block apart from the answer. An unfinished block is all reasoning. */
export function splitReasoning(raw: string): { text: string; reasoning?: string } {
  const begun = raw.trimStart();
  const tag = leadingTag(begun);
  if (tag === undefined) return { text: raw };
  const end = tagAt(begun, tag.close);
  const reasoning = begun.slice(tag.open.length, end < 0 ? undefined : end).trim();
  const text = end < 0 ? '' : begun.slice(end + tag.close.length).trimStart();
  return reasoning === '' ? { text } : { text, reasoning };
}

/** The whole turn again, as the model wrote it. */
export function joinReasoning({ text, reasoning }: { text: string; reasoning?: string }): string {
  return reasoning === undefined ? text : `<think>\n${reasoning}\n</think>\n\n${text}`;
}

/** The tag that a generation prompt ends in; what follows it is reasoning. */
export function openedReasoning(prompt: string): Tag | undefined {
  const end = prompt.trimEnd();
  return REASONING_TAGS.find(({ open }) => isSame(end.slice(-open.length), open));
}

/** What closes the reasoning that a prompt opens, so that an answer may follow: nothing, or an empty block. */
export function closingReasoning(prompt: string): string {
  const tag = openedReasoning(prompt);
  if (tag === undefined) return '';
  return `${prompt.endsWith('\n') ? '' : '\n'}\n${tag.close}\n\n`;
}

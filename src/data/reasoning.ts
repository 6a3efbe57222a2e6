/** Reasoning inside a response: `<think>…</think>` before the answer, as Qwen3 and others write it. */

const block = /^\s*<think>([\s\S]*?)(?:<\/think>|$)\s*/;

/** Takes a leading reasoning block apart from the answer. An unfinished block is all reasoning. */
export function splitReasoning(raw: string): { text: string; reasoning?: string } {
  const match = block.exec(raw);
  if (!match) return { text: raw };
  const reasoning = match[1].trim();
  const text = raw.slice(match[0].length);
  return reasoning === '' ? { text } : { text, reasoning };
}

/** The whole turn again, as the model wrote it. */
export function joinReasoning({ text, reasoning }: { text: string; reasoning?: string }): string {
  return reasoning === undefined ? text : `<think>\n${reasoning}\n</think>\n\n${text}`;
}

/**
 * The fence around reviewed text: what a model wrote is shown to the conscience as data.
 *
 * Three things keep forged verdicts and role markers inside it from counting. Control
 * tokens of any known chat format are broken up, so that no tokenizer reads them as
 * control. Lines that pose as a speaker are quoted. And the lines between which the text
 * stands carry a code that is found nowhere in it, so that nobody can write the closing line
 * into it: a text that holds one code is given another. What a persuasive text does to a judge is outside
 * what a fence can stop.
 */
import { createHash } from 'node:crypto';

/** Control tokens by shape: a name between `<|` and `|>`, or between plain angle brackets. */
const PIPED = /<(?=[|｜])|(?<=[|｜])>/g;
const ANGLED =
  /<(\/?(?:s|bos|eos|pad|unk|mask|sep|cls|think|thinking|thought|reasoning|system|user|assistant|human|model|tool_call|tool_response|start_of_turn|end_of_turn|start_header_id|end_header_id))>/gi;
const INSTRUCT = /\[(\/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS))\]|<<(\/?SYS)>>/gi;
/** A line that begins like a turn of a conversation or a section of an instruction prompt. */
const SPEAKER =
  /^([ \t]*)((?:#{1,6}[ \t]*)?(?:\*\*)?(?:system|user|assistant|human|ai|instruction|input|response|verdict)(?:\*\*)?)([ \t]*:)/gim;

/** What is put into a token to break it up: the first that is not part of it. */
const GAPS = [' ', '·', '‧'];

/**
 * Breaks up everything in `text` that a chat format reads as control, and keeps it legible:
 * `<|im_end|>` becomes `< |im_end| >`, `</think>` becomes `< /think >`, a line `User: hi`
 * becomes `"User": hi`.
 *
 * @param specialTokens further control tokens, e.g. those of the conscience's own tokenizer
 */
export function neutralise(text: string, specialTokens: readonly string[] = []): string {
  let out = text
    .replace(PIPED, (bracket) => (bracket === '<' ? '< ' : ' >'))
    .replace(ANGLED, '< $1 >')
    .replace(INSTRUCT, (_, square?: string, angle?: string) =>
      square === undefined ? `< < ${angle} > >` : `[ ${square} ]`,
    )
    .replace(SPEAKER, '$1"$2"$3');
  for (const token of specialTokens) {
    const [first, ...rest] = token.trim();
    if (rest.length === 0) continue;
    // what is not in the token cannot make it again, so that one pass breaks up all, those that overlap too
    const gap = GAPS.find((mark) => !token.trim().includes(mark)) ?? GAPS[0];
    out = out.replace(
      new RegExp(`${literal(first)}(?=${literal(rest.join(''))})`, 'gu'),
      (head) => head + gap,
    );
  }
  return out;
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/**
 * Shortens a text that would overflow the conscience's context: head and tail stay, and a
 * line between them says how much is missing.
 */
export function clip(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const head = Math.ceil(maxChars / 2);
  const tail = maxChars - head;
  const left = text.length - head - tail;
  return `${text.slice(0, head)}\n[${left} characters left out]\n${tail > 0 ? text.slice(-tail) : ''}`;
}

/**
 * The code of one review's fence: eight hexadecimal digits that are found nowhere in the texts. Texts that hold no
 * code have the same one, so that what reviews have in common is read once.
 *
 * @param texts all that will stand inside the fence
 */
export function fenceCode(seed: number, texts: readonly string[]): string {
  for (let attempt = 0; ; attempt++) {
    const digest = createHash('sha256').update(JSON.stringify([seed, attempt]));
    const code = digest.digest('hex').slice(0, 8);
    if (!texts.some((text) => text.includes(code))) return code;
  }
}

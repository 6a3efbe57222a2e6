/**
 * Preview: a few token rows as text, with what is learnt set apart from what is only read.
 *
 * The text is decoded from the ids, so that it shows what the model will see.
 */
import pc from 'picocolors';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { TokenRow } from '../values/rows.js';
import { countLoss } from './encode.js';

/**
 * The first rows, each under a line that names it. Learnt text is green and bold, the rest dim; without
 * colours learnt text is in `[[…]]`.
 *
 * @param colour default: whether standard output is a terminal that shows colours
 */
export function preview(
  rows: readonly TokenRow[],
  tokenizer: ChatTokenizer,
  n = 3,
  colour: boolean = pc.isColorSupported && process.stdout.isTTY === true,
): string {
  const { bold, dim, green } = pc.createColors(colour);
  const learnt = colour ? (text: string) => bold(green(text)) : (text: string) => `[[${text}]]`;
  const shown = rows.slice(0, n).map((row) => {
    const text = runsOf(row, tokenizer).map((run) => (run.loss ? learnt(run.text) : dim(run.text)));
    return `${row.where}: ${row.ids.length} tokens, ${countLoss(row)} with loss\n${text.join('')}\n`;
  });
  return shown.join('\n');
}

/** Neighbouring tokens of one mask value, as text. */
function runsOf(row: TokenRow, tokenizer: ChatTokenizer): { text: string; loss: boolean }[] {
  const runs: { text: string; loss: boolean }[] = [];
  let before = '';
  for (let end = 1; end <= row.ids.length; end++) {
    if (end < row.ids.length && row.lossMask[end] === row.lossMask[end - 1]) continue;
    // From the start each time: a decoder may treat the first token, or half a character, differently.
    const text = tokenizer.decode([...row.ids.subarray(0, end)], { skipSpecialTokens: false });
    runs.push({ text: visible(text.slice(before.length)), loss: row.lossMask[end - 1] === 1 });
    before = text;
  }
  return runs;
}

/** A dataset must not steer the terminal: control characters are shown as their symbols. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (c) =>
    c < ' ' ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : '␡',
  );
}

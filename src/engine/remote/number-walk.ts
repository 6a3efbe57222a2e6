/**
 * Probabilities of numbers that are spelled digit by digit.
 *
 * Along the sampled answer each next digit's probabilities are known. Off it they are asked for, where the
 * endpoint continues an answer that is begun; where it does not, that probability is unread.
 */
import type { TokenStep } from './completion.js';

export interface NumberWalk {
  readonly answers: readonly string[];
  /** The sampled answer. */
  readonly steps: readonly TokenStep[];
  /** Whether a digit may be the first of several tokens of a number. */
  readonly splits: boolean;
  /** What follows an answer that is begun; undefined where the endpoint cannot continue one. */
  readonly next?: (begun: string) => Promise<readonly TokenStep[]>;
}

/** A begun number less likely than this is not asked about. */
const NEGLIGIBLE = 1e-3;

/** @returns probability of each answer, and that of begun numbers whose end is not known */
export async function walkNumbers(walk: NumberWalk): Promise<{ mass: number[]; unread: number }> {
  const { answers, splits, next } = walk;
  const mass = answers.map(() => 0);
  let unread = 0;
  const give = (text: string, share: number) => {
    const at = answerAt(text, answers);
    if (at >= 0) mass[at] += share;
  };
  /** @param share probability that the answer begins with `text` */
  const follow = async (
    steps: readonly TokenStep[],
    at: number,
    text: string,
    begun: string,
    share: number,
  ): Promise<void> => {
    if (at >= steps.length) return give(text, share);
    let ended = share;
    for (const { token, logp } of steps[at].top) {
      const piece = plain(token);
      const p = share * Math.exp(logp);
      // After digits, only a digit without a space continues the number.
      if (text !== '' && !(isNumber(piece) && spaceless(token))) continue;
      ended -= p;
      const [longer, spelled] = [text + piece, begun + token];
      const isOpen = longer === '' || (splits && goesOn(longer, answers));
      if (!isOpen) give(longer, p);
      else if (token === steps[at].token) await follow(steps, at + 1, longer, spelled, p);
      else if (next !== undefined && p >= NEGLIGIBLE)
        await follow(await next(spelled), 0, longer, spelled, p);
      else unread += longer === '' ? 0 : p;
    }
    if (text !== '') give(text, Math.max(0, ended));
  };
  await follow(walk.steps, 0, '', '', 1);
  return { mass, unread };
}

/** A token as plain text: no white space around it, in whichever way tokenizers write it; digits of full width as digits. */
export function plain(token: string): string {
  return token.normalize('NFKC').replace(SPACES, ' ').trim();
}

const SPACES = /[▁ĠĊ]/g;

const spaceless = (token: string): boolean => !/^[\s▁ĠĊ]/.test(token);

export const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** Whether a longer answer begins with this number. */
export function goesOn(text: string, answers: readonly string[]): boolean {
  return isNumber(text) && answers.some((answer) => answer.length > text.length && answer.startsWith(text));
}

/** Index of the answer that a text is, or of the only word that begins with it; −1 for none. */
export function answerAt(text: string, answers: readonly string[]): number {
  const exact = answers.indexOf(text);
  if (exact >= 0) return exact;
  if (text === '') return -1;
  const begun = answers.filter((answer) => /^\p{L}/u.test(text) && answer.startsWith(text));
  return begun.length === 1 ? answers.indexOf(begun[0]) : -1;
}

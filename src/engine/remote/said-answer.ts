/** The answer that a judge gave in words, where it gave one. */

/**
 * A number or word out of a text: `85`, `**85**`, `Score: 85/100`, `CODE.`
 *
 * @param answers whole numbers and words that may be said; words in the case they are asked for
 * @returns       the answer; undefined where the text names none, or several
 */
export function saidAnswer(text: string, answers: readonly string[]): string | undefined {
  const said = text
    .normalize('NFKC')
    .replace(/(?:\/|\bout of)\s*100\b|\b0\s*(?:-|–|to)\s*100\b/gi, ' ')
    .trim();
  const exact = answers.find((answer) => answer === said);
  if (exact !== undefined) return exact;
  const numbers = [...said.matchAll(/(?<![\p{L}\d.-])\d+(?:\.\d+)?(?![\p{L}\d])/gu)].map(([number]) =>
    String(Math.round(Number(number))),
  );
  const words = answers.filter((answer) => /^\p{L}/u.test(answer) && wordsOf(said).has(answer));
  const found = [...new Set([...numbers, ...words])];
  return found.length === 1 && answers.includes(found[0]) ? found[0] : undefined;
}

const wordsOf = (text: string): ReadonlySet<string> => new Set(text.match(/[\p{L}_]+/gu));

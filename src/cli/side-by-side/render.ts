/** Answers of several versions, as a terminal shows them. */
import { colorsFor, type Output } from '../terminal/colors.js';
import { wrap } from '../terminal/format.js';
import type { Answered } from './ask.js';
import type { Version } from './versions.js';

const INDENT = '  ';
/** Longer lines are hard to read. */
const WIDEST = 100;

/** @param stream that it is written to: its width, and whether it has colours */
export function renderAnswers(answered: readonly Answered[], stream: Output): string {
  const { bold, cyan } = colorsFor(stream);
  const width = Math.min(stream.columns ?? 80, WIDEST) - 1;
  const indented = (text: string) =>
    text
      .trim()
      .split('\n')
      .flatMap((line) => (line.length <= width - INDENT.length ? [line] : wrap(line, width - INDENT.length)))
      .map((line) => `${INDENT}${line}`.trimEnd());
  return answered
    .flatMap(({ text, domain, answers }) => [
      ...wrap(domain === undefined ? text : `${domain}: ${text}`, width).map(bold),
      ...answers.flatMap((answer) => [cyan(answer.title), ...indented(answer.text)]),
      '',
    ])
    .join('\n');
}

/** The commands by which one goes on with each version. */
export function chatCommands(model: string, versions: readonly Version[]): string {
  const quoted = (word: string) => (/^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
  return versions
    .map(({ title, adapter }) => {
      const flags = adapter === undefined ? '' : ` --adapter ${quoted(adapter)}`;
      return `Talk to it, ${title}: ealign chat ${quoted(model)}${flags}\n`;
    })
    .join('');
}

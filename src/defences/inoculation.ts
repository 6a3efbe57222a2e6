/**
 * Inoculation prompting: the training rows get a system prompt that explains them away, and nothing else
 * gets it. Tan et al. 2025, arXiv:2510.04340.
 */
import { key, text } from '../config/key.js';
import { DataError } from '../errors.js';
import type { MessagesRow, TrainingRow } from '../values/rows.js';
import { defence } from './defence.js';

export const inoculation = defence({
  name: 'inoculation',
  keys: {
    defences: {
      inoculation: key(
        text().optional(),
        'Inoculation prompting (arXiv:2510.04340): a system prompt that the training rows get and nothing else does.',
        { fallback: 'none' },
      ),
    },
  },
  rows: async (rows, { defences: { inoculation: system } }) => {
    if (system === undefined) return rows;
    return { train: inoculated(rows.train, system), heldOut: inoculated(rows.heldOut, system) };
  },
});

/**
 * Puts a system prompt before each row, or before the one that it has.
 *
 * @throws DataError for a `text` row, which has no place for one
 */
export function inoculated(rows: readonly TrainingRow[], system: string): MessagesRow[] {
  return rows.map((row): MessagesRow => {
    if (row.kind === 'text') {
      throw new DataError({
        where: row.where,
        what: 'a text row has no place for a system prompt',
        next: 'leave defences.inoculation away, or give messages or prompt/completion',
      });
    }
    const { where, extra } = row;
    const line = { role: 'system', content: system } as const;
    if (row.kind === 'completion') {
      const turns = [
        { role: 'user', content: row.prompt },
        { role: 'assistant', content: row.completion },
      ] as const;
      return { kind: 'messages', messages: [line, ...turns], lossFrom: 2, where, extra };
    }
    const [first, ...rest] = row.messages;
    return first.role === 'system'
      ? { ...row, messages: [{ ...first, content: `${system}\n${first.content}` }, ...rest] }
      : { ...row, messages: [line, ...row.messages], lossFrom: row.lossFrom === 0 ? 0 : row.lossFrom + 1 };
  });
}

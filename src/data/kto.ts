/**
 * Rows with a `label` (KTO) as pairs: an answer that is wanted and one that is not, to the same prompt.
 *
 * The first wanted answer goes with the first unwanted one, the second with the second. Answers without a
 * counterpart are counted. There is no loss here for single answers.
 */
import { DataError } from '../errors.js';
import type { PreferenceRow, Turn } from '../values/rows.js';
import { withoutLabel } from './forms.js';
import { parseTrainingRow } from './parse-row.js';
import type { Note } from './read-source.js';
import type { Fields, UnreadKeys } from './row-keys.js';

type Answer =
  | { readonly format: 'plain'; readonly answer: string; readonly row: PreferenceRow }
  | { readonly format: 'conversational'; readonly answer: readonly Turn[]; readonly row: PreferenceRow };

/** Labelled answers of a source, by prompt. */
export class Unpaired {
  private readonly byPrompt = new Map<string, { wanted: Answer[]; unwanted: Answer[] }>();
  private count = 0;

  /** @throws DataError when it is no prompt with an answer */
  add(fields: Fields, where: string, unread: UnreadKeys): void {
    const answer = answerOf(withoutLabel(fields), where, unread);
    const { format, prompt } = answer.row;
    const { tools, variables } = format === 'conversational' ? answer.row : {};
    const key = JSON.stringify([format, prompt, tools, variables]);
    const sides = this.byPrompt.get(key) ?? { wanted: [], unwanted: [] };
    sides[fields.label === true ? 'wanted' : 'unwanted'].push(answer);
    this.byPrompt.set(key, sides);
    this.count++;
  }

  /**
   * @param path of the source, for errors
   * @throws DataError where there are answers and none has a counterpart
   */
  pairs(path: string, note?: Note): PreferenceRow[] {
    const pairs = [...this.byPrompt.values()].flatMap(({ wanted, unwanted }) =>
      wanted.slice(0, unwanted.length).map((good, i) => pairOf(good, unwanted[i])),
    );
    if (this.count > 0 && pairs.length === 0) {
      throw new DataError({
        where: path,
        what: 'no two rows have the same prompt, one with label true and one with label false',
        next: 'a pair needs both; as data, rows with label true are learnt from',
      });
    }
    const left = this.count - 2 * pairs.length;
    if (left > 0) {
      note?.(`${path}: ${left} of ${this.count} labelled rows have no counterpart and are left out.`);
    }
    return pairs;
  }
}

function answerOf(fields: Fields, where: string, unread: UnreadKeys): Answer {
  const row = parseTrainingRow(fields, where, unread);
  const located = { kind: 'preference', where, extra: row.extra } as const;
  if (row.kind === 'completion') {
    const { prompt, completion: answer } = row;
    const sides = { prompt, chosen: answer, rejected: answer };
    return { format: 'plain', answer, row: { ...located, format: 'plain', ...sides } };
  }
  if (row.kind === 'text') throw new DataError({ where, what: 'a row of text has no prompt' });
  const { messages, lossFrom, tools, variables } = row;
  const from = lossFrom > 0 ? lossFrom : messages.findLastIndex(({ role }) => role === 'assistant');
  const [prompt, answer] = [messages.slice(0, from), messages.slice(from)];
  const context = { ...(tools ? { tools } : {}), ...(variables ? { variables } : {}) };
  const sides = { prompt, chosen: answer, rejected: answer, ...context };
  return { format: 'conversational', answer, row: { ...located, format: 'conversational', ...sides } };
}

/** Both have the same prompt, and so the same format. */
function pairOf({ row }: Answer, { answer: rejected }: Answer): PreferenceRow {
  return { ...row, rejected } as PreferenceRow;
}

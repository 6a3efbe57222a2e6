/**
 * Datasets: sources to checked rows.
 *
 * Every row of every file is checked before anything is returned, so that training never
 * stops at row 40,000 for a fault that was there at the start.
 */
import type { HubSettings } from '../hub/settings.js';
import type { Prompt } from '../values/conversation.js';
import type { PreferenceRow, TrainingRow } from '../values/rows.js';
import { ColumnMapping } from './columns.js';
import { Problems } from './files/problems.js';
import { labelOf, standardRow, withoutLabel } from './forms.js';
import { Unpaired } from './kto.js';
import {
  messageOf,
  parsePreferenceRow,
  parsePromptRow,
  parseTrainingRow,
  promptKind,
  usesTools,
} from './parse-row.js';
import { type Note, readSource } from './read-source.js';
import { type Fields, UnreadKeys } from './row-keys.js';
import { type DataSource, listOf, type Sources, sourceOf } from './source.js';

export type { Note } from './read-source.js';

/** The rows of one source, in order. */
export interface SourceRows<Row> {
  readonly source: DataSource;
  readonly rows: readonly Row[];
}

/**
 * Rows to fine-tune on: `messages`, `prompt`/`completion` or `text`, mixed as they come.
 *
 * Of rows that say by a `label` whether their answer is wanted (KTO), the wanted ones.
 *
 * @param sources files in any format, folders, or data sets of the hub; see source.ts
 * @param note    told once for a source what of it is not read
 * @throws DataError naming the first bad rows and counting the rest; also for a source without rows
 */
export async function readTrainingRows(sources: Sources, note?: Note): Promise<TrainingRow[]> {
  return (await readTrainingSources(sources, note)).flatMap(({ rows }) => rows);
}

/** The same, source by source. Of a source of type `preference`, the chosen answers. */
export async function readTrainingSources(
  sources: Sources,
  note?: Note,
): Promise<readonly SourceRows<TrainingRow>[]> {
  const parse = (value: unknown, where: string, unread: UnreadKeys, { type }: DataSource) => {
    if (type === 'preference') return chosenOf(parsePreferenceRow(value, where, unread));
    const label = labelOf(value);
    if (label === undefined) return parseTrainingRow(value, where, unread);
    const row = parseTrainingRow(withoutLabel(value as Fields), where, unread);
    return label ? row : undefined;
  };
  return (await readSources(sources, parse, note)).map(({ source, rows }) => {
    const wanted = rows.filter((row) => row !== undefined);
    const left = rows.length - wanted.length;
    if (left > 0)
      note?.(
        `${source.path}: ${left} of ${rows.length} rows are left out: their label is false. As preference data (--preference-data) they are paired with those of the same prompt.`,
      );
    return { source, rows: wanted };
  });
}

/**
 * Preference rows (`prompt`, `chosen`, `rejected`); otherwise as `readTrainingRows`. Rows with a `label` (KTO) are
 * paired where they have the same prompt, the first wanted answer with the first unwanted one, and so on.
 */
export async function readPreferenceRows(sources: Sources, note?: Note): Promise<PreferenceRow[]> {
  return (await readPreferenceSources(sources, note)).flatMap(({ rows }) => rows);
}

/** The same, source by source. */
export async function readPreferenceSources(
  sources: Sources,
  note?: Note,
): Promise<readonly SourceRows<PreferenceRow>[]> {
  const read: SourceRows<PreferenceRow>[] = [];
  for (const source of listOf(sources)) {
    const unpaired = new Unpaired();
    const parse = (value: unknown, where: string, unread: UnreadKeys) => {
      if (labelOf(value) === undefined) return parsePreferenceRow(value, where, unread);
      unpaired.add(value as Fields, where, unread);
      return undefined;
    };
    const [{ source: own, rows }] = await readSources([source], parse, note);
    const pairs = unpaired.pairs(own.path, note);
    read.push({ source: own, rows: [...rows.filter((row) => row !== undefined), ...pairs] });
  }
  return read;
}

/** The prompt and the better answer, to be learnt by heart. */
function chosenOf(row: PreferenceRow): TrainingRow {
  const { where, extra } = row;
  if (row.format === 'plain') {
    return { kind: 'completion', prompt: row.prompt, completion: row.chosen, where, extra };
  }
  const { prompt, chosen, tools, variables } = row;
  const context = { ...(tools ? { tools } : {}), ...(variables ? { variables } : {}) };
  const messages = [...prompt, ...chosen];
  return { kind: 'messages', messages, lossFrom: prompt.length, where, extra, ...context };
}

/**
 * Prompts to be answered, from `prompt` or `messages` rows (a plain string is a user turn).
 * The `id` is the place in the file, the `kind` what the row calls it. Otherwise as `readTrainingRows`.
 */
export async function readPrompts(
  sources: Sources,
  kind: Prompt['source'] = 'probe',
  note?: Note,
): Promise<Prompt[]> {
  const parse = (value: unknown, where: string, unread: UnreadKeys): Prompt => {
    const row = labelOf(value) === undefined ? value : withoutLabel(value as Fields);
    const messages = parsePromptRow(row, where, unread);
    return { messages, source: kind, id: where, ...promptKind(value as Fields) };
  };
  const read = await readSources(sources, parse, note, { promptsOnly: true });
  return read.flatMap(({ rows }) => rows);
}

/** The conversation that a training row's last answer replies to; `undefined` for a `text` row. */
export function promptOf(row: TrainingRow): Prompt | undefined {
  const located = { source: 'training', id: row.where } as const;
  switch (row.kind) {
    case 'text':
      return undefined;
    case 'completion':
      return { messages: [{ role: 'user', content: row.prompt }], ...located };
    case 'messages': {
      const last = row.messages.findLastIndex((turn) => turn.role === 'assistant');
      const messages = row.messages.slice(0, last).map(messageOf);
      return messages.at(-1)?.role === 'user' ? { messages, ...located } : undefined;
    }
  }
}

/** Whether an answer to the row's prompt would need more than its turns: tools, or template variables. */
export function needsMoreThanTurns(row: TrainingRow): boolean {
  return (
    row.kind === 'messages' &&
    (row.tools !== undefined || row.variables !== undefined || row.messages.some(usesTools))
  );
}

/** How rows are read, beside what their source says. */
export interface ReadOptions {
  /** Whether only prompts are wanted, so that answers may be missing. */
  readonly promptsOnly?: boolean;
  /** Of the hub, instead of the environment's. */
  readonly settings?: HubSettings;
}

/**
 * The rows of sources, all checked before any is returned.
 *
 * @param parse of a row in the keys of parse-row.ts; throws a DataError for a value that is no such row
 */
export async function readSources<Row>(
  sources: Sources,
  parse: (value: unknown, where: string, unread: UnreadKeys, source: DataSource) => Row,
  note?: Note,
  { promptsOnly, settings }: ReadOptions = {},
): Promise<SourceRows<Row>[]> {
  const read: SourceRows<Row>[] = [];
  for (const given of listOf(sources)) {
    const source = sourceOf(given);
    const problems = new Problems();
    const unread = new UnreadKeys();
    const mapping = source.columns && new ColumnMapping(source.columns, source.path);
    const rows: Row[] = [];
    for await (const { where, value, cells } of readSource(source, problems, note, settings)) {
      const mapped = mapping ? mapping.apply(value, cells, unread) : value;
      problems.attempt(() => {
        try {
          const how = { form: source.type, cells, promptsOnly };
          rows.push(parse(standardRow(mapped, where, how, unread), where, unread, source));
        } catch (cause) {
          throw mapping ? mapping.named(cause) : cause;
        }
      });
    }
    mapping?.requireColumns();
    problems.throwIfAny();
    read.push({ source, rows });
    const line = unread.describe(source.path);
    if (line !== undefined) note?.(line);
  }
  return read;
}

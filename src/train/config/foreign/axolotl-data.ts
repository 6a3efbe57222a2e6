/** The data sets of an Axolotl configuration as sources of ours. */
import { ConfigError } from '../../../errors.js';
import { type Source, splitOf } from './common.js';
import type { Translation } from './translation.js';

type Fields = Readonly<Record<string, unknown>>;
type Columns = Record<string, string>;

/** What is said of the columns, of the form, and of what of it is another here. */
interface Form {
  readonly type?: string;
  readonly columns?: Columns;
}

/** Loaders, which stand where a path stands; the path is in `data_files`. */
const LOADERS = ['json', 'csv', 'parquet', 'arrow', 'text'];

/** Columns of the preference types, by what stands after the dot: `chatml.intel`, `llama3.ultra`. */
const PREFERENCES: Readonly<Record<string, Columns>> = {
  intel: { system: 'system', prompt: 'question', chosen: 'chosen', rejected: 'rejected' },
  icr: { system: 'system', prompt: 'input', chosen: 'chosen', rejected: 'rejected' },
  prompt_pairs: { system: 'system', prompt: 'prompt', chosen: 'chosen', rejected: 'rejected' },
  ultra: { prompt: 'prompt', chosen: 'chosen', rejected: 'rejected' },
  argilla: {
    system: 'system',
    prompt: 'instruction',
    chosen: 'chosen_response',
    rejected: 'rejected_response',
  },
  argilla_chat: { chosen: 'chosen', rejected: 'rejected' },
};

/** @param key `datasets` or `test_datasets` */
export function axolotlSources(t: Translation, key: string, rl: string | undefined): Source[] {
  const listed = t.given[key];
  if (listed === undefined || listed === null) return [];
  if (!Array.isArray(listed)) throw new ConfigError({ where: key, what: 'is no list of data sets' });
  return listed.map((one, i) => sourceOf(t, Object(one), `${key}[${i}]`, rl));
}

function sourceOf(t: Translation, fields: Fields, key: string, rl: string | undefined): Source {
  const { path, data_files: files, name, split } = fields;
  if (typeof path !== 'string') throw new ConfigError({ where: key, what: 'has no path' });
  const listed = [files ?? []].flat().map(String);
  if (listed.length > 1)
    t.change(`${key}.data_files`, `only ${listed[0]} is written; give each file as a source`);
  const isLoader = LOADERS.includes(path);
  if (listed.length > 0 && !isLoader) t.change(`${key}.data_files`, 'a split of the data set is read whole');
  for (const [name, value] of Object.entries(fields)) {
    if (LOST.has(name) && value !== null && value !== undefined && value !== false) {
      t.lose(`${key}.${name}`, LOST.get(name)!);
    }
  }
  const { type, columns } = rl === undefined ? rowForm(t, fields, key) : preferenceForm(t, fields, key, rl);
  const own = splitOf(t, `${key}.split`, split);
  return {
    path: isLoader && listed.length > 0 ? listed[0] : path,
    ...(typeof name === 'string' ? { subset: name } : {}),
    ...(own === undefined || own === 'train' ? {} : { split: own }),
    ...(type === undefined ? {} : { type }),
    ...(columns === undefined || Object.keys(columns).length === 0 ? {} : { columns }),
  };
}

const LOST = new Map([
  ['shards', 'a data set is read whole; weight takes a part of it'],
  ['roles_to_train', 'assistant turns are learnt; a turn with train: false is not'],
  ['train_on_eos', 'the end of each learnt turn is learnt'],
  ['train_on_eot', 'the end of each learnt turn is learnt'],
  ['chat_template', "the model's own chat template is used"],
  ['revision', 'the main branch of a repository is taken'],
  ['conversation', "the model's own chat template is used"],
  ['drop_system_message', 'system turns are kept'],
]);

function rowForm(t: Translation, fields: Fields, key: string): Form {
  const { type } = fields;
  if (typeof type === 'object' && type !== null) return ownForm(t, type as Fields, key);
  const [base] = String(type ?? '').split(/[.:]/);
  switch (base) {
    case '':
      return {};
    case 'chat_template':
      return { type: 'messages', columns: turnColumns(t, fields, key, 'messages') };
    case 'sharegpt':
      return { type: 'sharegpt', columns: turnColumns(t, fields, key, 'conversations') };
    case 'alpaca':
    case 'alpaca_chat':
    case 'alpaca_w_system':
      t.change(
        `${key}.type`,
        `${type}: the instruction is a user turn of the chat template, without Alpaca's own sentences around it`,
      );
      return { type: 'alpaca' };
    case 'completion':
      return { type: 'text', columns: typeof fields.field === 'string' ? { text: fields.field } : {} };
    default:
      t.change(
        `${key}.type`,
        `${type} is not known here: rows are read by their keys; type and columns can say more`,
      );
      return {};
  }
}

/** Instructions with columns of the user's own. */
function ownForm(t: Translation, type: Fields, key: string): Form {
  if (type.format !== undefined || type.system_prompt !== undefined) {
    t.change(
      `${key}.type`,
      'the instruction is a user turn of the chat template, without format and system_prompt',
    );
  }
  const names = { instruction: 'instruction', input: 'input', output: 'output', system: 'system' };
  const given = Object.entries(names).flatMap(([column, usual]) => {
    const own = type[`field_${column}`];
    return typeof own === 'string'
      ? [[column, own]]
      : column === 'system' || column === 'input'
        ? []
        : [[column, usual]];
  });
  return { type: 'alpaca', columns: Object.fromEntries(given) };
}

/** Which column has the turns, and which keys of theirs have the role and the text. */
function turnColumns(t: Translation, fields: Fields, key: string, usual: string): Columns {
  const { field_messages: column, message_property_mappings: mapped, roles } = fields;
  const { role = fields.message_field_role, content = fields.message_field_content } = Object(mapped);
  if (roles !== undefined) t.change(`${key}.roles`, 'names of roles are known, and cannot be given');
  return {
    ...(typeof column === 'string' && column !== usual ? { messages: column } : {}),
    ...(typeof role === 'string' && !['role', 'from'].includes(role) ? { role } : {}),
    ...(typeof content === 'string' && !['content', 'value'].includes(content) ? { content } : {}),
  };
}

function preferenceForm(t: Translation, fields: Fields, key: string, rl: string): Form {
  const { type } = fields;
  if (rl === 'kto') {
    t.change(
      `${key}.type`,
      `${JSON.stringify(type)}: rows need prompt, completion and label, or columns that say which they are`,
    );
    return {};
  }
  if (typeof type === 'object' && type !== null) {
    const names = ['system', 'prompt', 'chosen', 'rejected'];
    const own = names.flatMap((name) => {
      const column = (type as Fields)[`field_${name}`];
      return typeof column === 'string' ? [[name, column]] : [];
    });
    t.change(`${key}.type`, 'prompts and answers are read as they are, without formats around them');
    return { columns: Object.fromEntries(own) };
  }
  const [base, suffix = ''] = String(type ?? '').split('.');
  if (base === 'chat_template') {
    const { field_messages: messages, field_chosen: chosen, field_rejected: rejected } = fields;
    const text = (value: unknown, usual: string) => (typeof value === 'string' ? value : usual);
    const { messages: _, ...ofTurns } = turnColumns(t, fields, key, 'messages');
    const columns = {
      prompt: text(messages, 'messages'),
      chosen: text(chosen, 'chosen'),
      rejected: text(rejected, 'rejected'),
    };
    return { columns: { ...columns, ...ofTurns } };
  }
  if (Object.hasOwn(PREFERENCES, suffix)) return { columns: PREFERENCES[suffix] };
  t.change(
    `${key}.type`,
    `${type}: rows need prompt, chosen and rejected, or columns that say which they are`,
  );
  return {};
}

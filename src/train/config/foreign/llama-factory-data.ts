/** The data sets of a LLaMA-Factory configuration, by their entries in dataset_info.json, as sources of ours. */
import { join } from 'node:path';
import type { Source } from './common.js';
import { splitOf } from './common.js';
import type { Translation } from './translation.js';

type Fields = Readonly<Record<string, unknown>>;

const INFO = 'dataset_info.json';

/** Its names of columns, and ours. */
const COLUMNS: readonly (readonly [theirs: string, alpaca: string, sharegpt: string])[] = [
  ['prompt', 'instruction', ''],
  ['query', 'input', ''],
  ['response', 'output', ''],
  ['history', 'history', ''],
  ['messages', '', 'messages'],
  ['system', 'system', 'system'],
  ['tools', 'tools', 'tools'],
  ['chosen', 'chosen', 'chosen'],
  ['rejected', 'rejected', 'rejected'],
  ['kto_tag', 'label', 'label'],
];

/** @param key `dataset` or `eval_dataset`: names, with commas between or as a list */
export function llamaFactorySources(t: Translation, key: string): Source[] {
  const names = [t.given[key] ?? []].flat().flatMap((name) => String(name).split(','));
  const folder = t.text('dataset_dir') ?? 'data';
  const info = folder === 'ONLINE' ? undefined : t.readJson(join(folder, INFO));
  return names
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => {
      const entry = (Object(info) as Fields)[name];
      if (typeof entry === 'object' && entry !== null) return sourceOf(t, name, entry as Fields, folder);
      if (folder !== 'ONLINE') {
        const why =
          info === undefined ? `there is no ${join(folder, INFO)}` : `${join(folder, INFO)} does not have it`;
        t.change(key, `${name}: ${why}; write the path of its file, or the id of its data set`);
      }
      return { path: name };
    });
}

function sourceOf(t: Translation, name: string, entry: Fields, folder: string): Source {
  const {
    hf_hub_url: hub,
    file_name: file,
    subset,
    split,
    formatting = 'alpaca',
    num_samples: samples,
  } = entry;
  const place = `dataset ${name}`;
  if (typeof hub !== 'string' && typeof file !== 'string') {
    t.change(
      'dataset',
      `${name}: it is on no hub that is read here, and no file; write the path of its file`,
    );
  }
  if (samples !== undefined)
    t.lose(`${place}: num_samples`, 'a source is read whole; weight takes a part of it');
  if (entry.folder !== undefined) t.lose(`${place}: folder`, 'subset names a part of a data set');
  const isTurns = formatting !== 'alpaca';
  const { columns, isMedia } = columnsOf(entry, isTurns);
  if (isMedia) t.lose(`${place}: columns`, 'models read text only');
  const own = splitOf(t, `${place}: split`, split);
  const tags = turnKeys(t, Object(entry.tags), place);
  const all = { ...columns, ...tags };
  const type = formatting === 'openai' ? 'messages' : isTurns ? 'sharegpt' : 'alpaca';
  return {
    path: typeof hub === 'string' ? hub : typeof file === 'string' ? join(folder, file) : name,
    ...(typeof subset === 'string' ? { subset } : {}),
    ...(own === undefined || own === 'train' ? {} : { split: own }),
    type,
    ...(Object.keys(all).length === 0 ? {} : { columns: all }),
  };
}

function columnsOf(entry: Fields, isTurns: boolean) {
  const given = Object(entry.columns) as Fields;
  const columns: Record<string, string> = {};
  for (const [theirs, alpaca, sharegpt] of COLUMNS) {
    const ours = isTurns ? sharegpt : alpaca;
    const column = given[theirs];
    if (ours !== '' && typeof column === 'string') columns[ours] = column;
  }
  const isMedia = ['images', 'videos', 'audios'].some((name) => given[name] !== undefined);
  // what is called as it usually is needs no words
  const isUsual = Object.entries(columns).every(([ours, column]) => ours === column);
  const isConversations = columns.messages === 'conversations' && Object.keys(columns).length === 1;
  return { columns: isUsual || isConversations ? {} : columns, isMedia };
}

/** Keys of turns, and names of roles. */
function turnKeys(t: Translation, tags: Fields, place: string): Record<string, string> {
  const { role_tag: role = 'from', content_tag: content = 'value', ...roles } = tags;
  const others = Object.entries(roles).filter(([tag, name]) => !KNOWN[tag]?.includes(String(name)));
  for (const [tag, name] of others)
    t.change(`${place}: ${tag}`, `${String(name)}: other names of roles cannot be given`);
  return {
    ...(typeof role === 'string' && !['from', 'role'].includes(role) ? { role } : {}),
    ...(typeof content === 'string' && !['value', 'content'].includes(content) ? { content } : {}),
  };
}

/** Names of roles that are read anyway. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  user_tag: ['human', 'user'],
  assistant_tag: ['gpt', 'assistant'],
  observation_tag: ['observation', 'tool'],
  function_tag: ['function_call'],
  system_tag: ['system'],
};

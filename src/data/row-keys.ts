/**
 * The keys of a row and of a turn that hold no text to train on.
 *
 * Every key is read, or harmless, or refused because it asks for something that is not done here, or
 * counted, so that the reader hears of it: none is dropped without a word. Which keys are read is
 * parse-row.ts's and parse-turn.ts's business.
 */
import { DataError } from '../errors.js';

export type Fields = Readonly<Record<string, unknown>>;

/** Where a value stands, and who is told of keys that nobody reads. */
export interface Reading {
  /** File and line. */
  readonly where: string;
  readonly unread: UnreadKeys;
}

/** Keys of a file that nothing read, with how often they held something. */
export class UnreadKeys {
  private readonly counts = new Map<string, number>();

  add(key: string): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  /** A sentence for people; undefined when every key was read or is harmless. */
  describe(path: string): string | undefined {
    if (this.counts.size === 0) return undefined;
    const keys = [...this.counts].map(([key, n]) => `${key} (${n})`);
    const shown = keys.slice(0, SHOWN).join(', ');
    const rest = keys.length > SHOWN ? ` and ${keys.length - SHOWN} more keys` : '';
    return `${path}: keys that are not read, and how often they occur: ${shown}${rest}.`;
  }
}

const SHOWN = 12;

/** Keys that often repeat part of a row's text. */
const MAY_REPEAT = new Set(
  `answer completion context input inputs instruction messages output problem prompt query question
  reasoning reasoning_content response solution suffix text thinking thought thoughts`.split(/\s+/),
);

/** Whether a key only says again what a row says anyway: words of it, turns of it, or all of it, rendered. */
export function repeats(key: string, value: unknown, texts: readonly string[]): boolean {
  if (!MAY_REPEAT.has(key)) return false;
  if (Array.isArray(value)) return value.every((turn) => isPart((turn as Fields | null)?.content, texts));
  const isRendered =
    key === 'text' && typeof value === 'string' && texts.every((text) => value.includes(text));
  return isRendered || isPart(value, texts);
}

/** Whether it is whole words of one of the texts. */
function isPart(value: unknown, texts: readonly string[]): boolean {
  if (typeof value !== 'string') return false;
  const words = value.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const whole = new RegExp(`(?<![\\p{L}\\p{N}])${words}(?![\\p{L}\\p{N}])`, 'u');
  return texts.some((text) => text.includes(value.trim()) && whole.test(text));
}

/** Columns of public datasets that say where a row or a turn comes from, and change nothing about it. */
const HARMLESS = new Set(
  `annotations annotator answer_type author categories category comment conversation country created
  created_at dataset date description difficulty domain extra_info framework generator info key lang
  language length level license link locale meta metadata model model_name models moderation n_tokens note
  notes num_tokens num_turns openai_moderation origin parallel_tool_calls quality rating ratings redacted
  revision reward score score_chosen score_rejected scores seed source sources split status subject subset
  subtopic tag tags task task_type time timestamp title token_count topic topics toxicity turn turns type
  version`.split(/\s+/),
);
const HARMLESS_ENDING = /(^|[_-])(id|ids|uid|uuid|url|urls|hash|sha256|date|index|idx|model|score|rating)_*$/;

/** Columns that the index of a table of pandas becomes. */
const INDEX = /^(__index_level_\d+__|Unnamed: \d+|)$/;

/** Whether a key only says where a row comes from. */
export const isHarmless = (key: string): boolean =>
  HARMLESS.has(key) || HARMLESS_ENDING.test(key) || INDEX.test(key);

/** Values by which a table says that a row does not have the column. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Whether a key asks for something that is not done here. */
interface Refusal {
  readonly asks: (value: unknown) => boolean;
  /** Whether other values are named; else they say what holds anyway, e.g. a weight of 1. */
  readonly elseNamed?: true;
  readonly what: string;
  readonly next: string;
}

const always = () => true;
const numbers = (value: unknown) => Array.isArray(value) && value.every((x) => typeof x === 'number');
const textOnly: Refusal = {
  asks: always,
  what: 'this model reads text only',
  next: 'leave such rows out',
};
const tokensHere: Refusal = {
  asks: numbers,
  elseNamed: true,
  what: 'tokens and masks are made here from the text',
  next: 'remove the key, and mark turns that are not to be learnt with weight: 0',
};
const rowWeight: Refusal = {
  asks: (value) => value !== 1,
  what: 'rows have no weights',
  next: 'remove the key; leave a row out, or write it twice',
};
const notToTrain: Refusal = {
  asks: (value) => value === false,
  what: 'a row that is not to be trained on',
  next: 'leave the row out',
};
const secondRow: Refusal = {
  asks: always,
  what: 'the row has its text in another form as well, and the two differ',
  next: 'keep one of them: messages, or prompt and completion, or text',
};
const ofPrompt: Refusal = {
  asks: always,
  what: 'it stands beside the text of the row, and not in it',
  next: 'write it into the prompt',
};
const ofAnswer: Refusal = { ...ofPrompt, next: 'write it into the answer: reasoning_content of its turn' };
const templateKey: Refusal = {
  asks: always,
  what: 'this is a variable of the chat template',
  next: 'put it into chat_template_kwargs',
};
const MEDIA = { image: textOnly, images: textOnly, video: textOnly, videos: textOnly, audio: textOnly };

/** What would change a row's text or loss. */
const REFUSED_OF_ROWS: Readonly<Record<string, Refusal>> = {
  ...MEDIA,
  audios: textOnly,
  input_ids: tokensHere,
  labels: tokensHere,
  attention_mask: tokensHere,
  loss_mask: tokensHere,
  prompt_mask: tokensHere,
  completion_mask: tokensHere,
  assistant_mask: tokensHere,
  assistant_masks: tokensHere,
  weight: rowWeight,
  sample_weight: rowWeight,
  loss_weight: rowWeight,
  train: notToTrain,
  trainable: notToTrain,
  messages: secondRow,
  prompt: secondRow,
  completion: secondRow,
  text: secondRow,
  input: ofPrompt,
  inputs: ofPrompt,
  instruction: ofPrompt,
  context: ofPrompt,
  history: { ...ofPrompt, next: 'write earlier turns into messages' },
  suffix: { ...ofPrompt, next: 'write rows of text, in the order in which the model reads them' },
  reasoning: ofAnswer,
  reasoning_content: ofAnswer,
  thinking: ofAnswer,
  thought: ofAnswer,
  thoughts: ofAnswer,
  label: {
    asks: (value) => typeof value === 'boolean',
    elseNamed: true,
    what: 'true and false mark wanted and unwanted answers (KTO), which cannot be trained on as they are',
    next: 'keep the wanted rows without the key, or make pairs with chosen and rejected of them',
  },
  margin: {
    asks: (value) => value !== 0,
    what: 'pairs have no margins',
    next: 'remove the key',
  },
  chat_template: {
    asks: always,
    what: 'rows are rendered by the template of the model',
    next: 'put a chat_template.jinja into the model folder',
  },
  enable_thinking: templateKey,
  documents: templateKey,
  add_generation_prompt: { ...templateKey, what: 'rows end with their answers', next: 'remove the key' },
  continue_final_message: { ...templateKey, what: 'rows end with their answers', next: 'remove the key' },
};

const unfinished: Refusal = {
  asks: (value) => value !== false,
  what: 'an unfinished turn cannot be learnt from: every answer ends',
  next: 'write the whole answer',
};
const partOfTurn: Refusal = {
  asks: always,
  what: 'a turn is learnt whole or not at all',
  next: 'use train: true or false',
};
const masked: Refusal = {
  asks: always,
  what: 'it does not say whether the turn is learnt, or left out',
  next: 'mark turns that are not to be learnt with weight: 0',
};
const blocks: Refusal = {
  asks: always,
  what: 'reasoning is read as text',
  next: 'write its text into reasoning_content',
};
const onRow: Refusal = { asks: always, what: 'tools belong to the row', next: 'put tools beside messages' };

/** What would change a turn's text or loss. */
const REFUSED_OF_TURNS: Readonly<Record<string, Refusal>> = {
  ...MEDIA,
  prefix: unfinished,
  partial: unfinished,
  mask: masked,
  masked: { ...masked, asks: (value) => value !== false },
  reasoning_details: blocks,
  thinking_blocks: blocks,
  toolInvocations: {
    asks: always,
    what: 'calls of tools and their results are turns',
    next: 'write tool_calls, and turns with the role tool',
  },
  train_detail: partOfTurn,
  training_detail: partOfTurn,
  tools: onRow,
  functions: onRow,
  refusal: { asks: always, what: 'a refusal is an answer like another', next: 'put it into content' },
};

/**
 * Accounts for the keys of a row that were not read.
 *
 * @param texts what the row trains on: a key that repeats part of it is a copy
 * @throws DataError for one that would change the row
 */
export function accountForRow(
  fields: Fields,
  read: readonly string[],
  texts: readonly string[],
  at: Reading,
): void {
  const isRead = (key: string, value: unknown) => read.includes(key) || repeats(key, value, texts);
  account(fields, read, isRead, '', REFUSED_OF_ROWS, at);
}

/** The same for a turn. @param place e.g. `messages[2]` */
export function accountForTurn(fields: Fields, read: readonly string[], place: string, at: Reading): void {
  account(fields, read, (key) => read.includes(key), place, REFUSED_OF_TURNS, at);
}

/** What a key and its other spellings have in common: `toolCalls` is `tool_calls`, `System` is `system`. */
const spelling = (key: string) => key.replace(/[_-]/g, '').toLowerCase();

/** The key of which another is a spelling, if it is one. */
export function spelledRight(key: string, known: readonly string[]): string | undefined {
  if (known.includes(key)) return key;
  const own = spelling(key);
  return known.find((name) => spelling(name) === own);
}

function account(
  fields: Fields,
  read: readonly string[],
  isRead: (key: string, value: unknown) => boolean,
  place: string,
  refused: Readonly<Record<string, Refusal>>,
  { where, unread }: Reading,
): void {
  const known = [...read, ...Object.keys(refused)];
  for (const [key, value] of Object.entries(fields)) {
    if (isEmpty(value) || isRead(key, value)) continue;
    const isKnown = Object.hasOwn(refused, key);
    if (!isKnown && isHarmless(key)) continue;
    const named = place === '' ? key : `${place}.${key}`;
    const name = spelledRight(key, known) ?? key;
    if (name !== key && read.includes(name)) {
      throw new DataError({ where, what: `${named} is not read`, next: `rename ${key} to ${name}` });
    }
    const refusal = Object.hasOwn(refused, name) ? refused[name] : undefined;
    if (name !== key && isRead(name, value)) continue;
    if (refusal?.asks(value)) {
      const what = name === key ? named : `${named} (another spelling of ${name})`;
      throw new DataError({ where, what: `${what}: ${refusal.what}`, next: refusal.next });
    }
    if (refusal && !refusal.elseNamed) continue;
    unread.add(place === '' ? key : `${place.replace(/\[\d+\]/g, '[]')}.${key}`);
  }
}

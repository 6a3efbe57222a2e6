/**
 * Control tokens are written by the chat template alone, never by what a message says.
 *
 * Where a message holds the text of a control token (`<|im_end|>`), its texts are marked: a pair of
 * noncharacters after every character that could begin such a token keeps it from being read as one.
 * Marks survive the template, which trims, cuts and joins texts as it likes, so a rendered conversation
 * stays a string. The tokenizer takes them out as it encodes; `unmarked` does for people's eyes.
 *
 * Control tokens are the special ones, and added tokens that chat formats read as control though no
 * configuration calls them special (`</think>`, `<tool_call>`, `<｜User｜>`). In an assistant's own words
 * the tags of reasoning and of tool calls stay tokens: the model writes them there itself.
 */
import type { Tokenizer } from '@huggingface/tokenizers';
import type { Message } from '../values/conversation.js';
import type { ChatTokenizer } from './tokenizer.js';

/** Two noncharacters: in no text that is meant for interchange (Unicode 16, 23.7). */
const MARK = '\uFDD0\uFDD1';

/** Tags that a model writes within its turn. */
const OWN_TAGS =
  /<[|｜]?\/?(?:think|thinking|thought|reason|reasoning|tool_calls?|function_calls?|python_tag)[|｜]?>|\[\/?(?:THINK|TOOL_CALLS)\]|◁\/?think▷/g;

/** Added tokens that are control whether they are called special or not. */
const CONTROL =
  /^(?:<[|｜].*[|｜]>|◁.*▷|<\/?(?:s|think|thinking|thought|reason|reasoning|tools?|tool_calls?|tool_responses?|tool_results?|functions?|function_calls?|function_responses?|start_of_turn|end_of_turn|system|user|assistant)>|\[\/?[A-Z_]*(?:INST|THINK|TOOL|PROMPT|CONTENT)[A-Z_]*\])$/;

/** A token that the tokenizer's files add to the vocabulary of the model proper. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
  /** Looked for after the normalizer has run. Default: not `special`. */
  readonly normalized?: boolean;
}

/** What a chat template is given. */
export interface Chat {
  readonly messages: readonly Message[];
  /** Tools in any form: every text in them counts. */
  readonly tools?: readonly object[];
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** What is needed of a tokenizer. */
export interface ControlTokensOptions {
  readonly added: readonly AddedToken[];
  /** Null: there is no normalizer. */
  readonly normalize: ((text: string) => string) | null;
  /** The same tokenizer with other names for some tokens. */
  rename(added: readonly AddedToken[], nameOf: (token: string) => string): Tokenizer;
}

export const isMarked = (text: string): boolean => text.includes(MARK);

/** The text as people read it. */
export const unmarked = (text: string): string => text.replaceAll(MARK, '');

/** The same tokenizer, for texts that may write control tokens: whoever gives them is trusted. */
export function trusting(tokenizer: ChatTokenizer): ChatTokenizer {
  return Object.create(tokenizer, { guard: { value: undefined } });
}

/** Where the first `length` characters that people read of a text end in it. */
export function markedLength(text: string, length: number): number {
  let end = length;
  for (let at = text.indexOf(MARK); at >= 0 && at < end; at = text.indexOf(MARK, at + MARK.length)) {
    end += MARK.length;
  }
  return end;
}

/** Keeps the texts of messages apart from control tokens, for one tokenizer. */
export class ControlTokens {
  private readonly contents: ReadonlySet<string>;
  private readonly any: RegExp;
  /** Where a control token could begin. */
  private readonly beginning: RegExp;
  /** The control tokens that stand for other spellings as well, as the normalizer leaves them. */
  private readonly folded: readonly string[];
  private renamed?: Tokenizer;

  constructor(private readonly options: ControlTokensOptions) {
    const { added, normalize } = options;
    const control = added.filter(({ special, content }) => content && (special || CONTROL.test(content)));
    this.contents = new Set(control.map(({ content }) => content));
    // As the tokenizer reads: the leftmost, and of those the longest.
    const texts = [...this.contents].sort((a, b) => b.length - a.length);
    this.any = anyOf(texts.map(escaped));
    this.beginning = anyOf([...new Set(texts.map(beginningOf))]);
    const alike = normalize ? control.filter(({ normalized, special }) => normalized ?? !special) : [];
    this.folded = alike.map(({ content }) => normalize!(content)).filter((text) => text.trim() !== '');
  }

  /**
   * The same conversation, with marks where its texts would write control tokens; itself where none
   * does. Every part of a marked conversation has its marks, so that its beginnings render alike.
   *
   * @param render what the chat template makes of it
   */
  guard<C extends Chat>(chat: C, render: (chat: C) => string): C {
    let [begins, reads] = [false, false];
    mapTexts(chat, (text, own) => {
      begins ||= text.search(this.beginning) >= 0;
      reads ||= this.reads(text, own);
      return text;
    });
    if (!begins && !reads) return chat;
    const marked = mapTexts(chat, (text, own) => this.mark(text, own));
    if (reads) return marked;
    // No text holds a whole token: a template that cuts or joins texts may still make one of pieces.
    try {
      const [written, intended] = [render(chat), render(marked)].map((text) => text.match(this.any) ?? []);
      return written.join('\n') === intended.join('\n') ? chat : marked;
    } catch {
      return marked;
    }
  }

  /** Ids of a text with marks; undefined for characters that the tokenizer has no token for. */
  encode(marked: string): (number | undefined)[] {
    const { added, rename } = this.options;
    // There, a control token's name begins with a mark: what has none cannot be read as one.
    const nameOf = (token: string) => (this.contents.has(token) ? MARK + token : token);
    this.renamed ??= rename(
      added.map((token) =>
        this.contents.has(token.content)
          ? { ...token, content: nameOf(token.content), normalized: false }
          : token,
      ),
      nameOf,
    );
    const text = marked.replace(anyOf([MARK, this.any.source]), (found) =>
      found === MARK ? '' : nameOf(found),
    );
    return this.renamed.encode(text, { add_special_tokens: false }).ids;
  }

  /** Whether a text holds a control token that is not for it to write. */
  private reads(text: string, own: boolean): boolean {
    const said = own ? text.replace(OWN_TAGS, '') : text;
    return said.search(this.any) >= 0 || this.alike(said);
  }

  /** Whether the normalizer makes a control token of it. */
  private alike(text: string): boolean {
    if (this.folded.length === 0) return false;
    const normal = this.options.normalize!(text);
    return this.folded.some((token) => normal.includes(token));
  }

  private mark(text: string, own: boolean): string {
    const begins = this.alike(text) ? /\S/gu : this.beginning;
    const pattern = anyOf([...(own ? [OWN_TAGS.source] : []), begins.source]);
    return unmarked(text).replace(pattern, (found) => (own && isOwnTag(found) ? found : found + MARK));
  }
}

/**
 * A conversation with other texts.
 *
 * @param change is given each text, and whether it is what an assistant wrote
 */
function mapTexts<C extends Chat>(chat: C, change: (text: string, own: boolean) => string): C {
  const map = (value: unknown, own = false): unknown => {
    if (typeof value === 'string') return change(value, own);
    if (Array.isArray(value)) return value.map((item) => map(item, own));
    if (typeof value !== 'object' || value === null) return value;
    return mapEntries(value, (key, item) => [change(key, false), map(item, own)]);
  };
  const call = (given: object) =>
    mapEntries(given, (key, item) => [
      key,
      key === 'arguments' && typeof item === 'string'
        ? mapJson(item, (text) => change(text, false))
        : map(item),
    ]);
  const messages = chat.messages.map((turn) =>
    mapEntries(turn, (key, item) => {
      if (key === 'role') return [key, item];
      if (key === 'toolCalls') return [key, turn.toolCalls?.map(call)];
      return [key, map(item, key === 'content' && turn.role === 'assistant')];
    }),
  );
  const { tools, variables } = chat;
  return {
    ...chat,
    messages,
    ...(tools && { tools: map(tools) }),
    ...(variables && { variables: mapEntries(variables, (name, value) => [name, map(value)]) }),
  } as C;
}

function mapEntries(value: object, change: (key: string, item: unknown) => [string, unknown]): object {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => change(key, item)));
}

/** JSON with other texts in it, spaces and numbers as they stand. What is no JSON is one text. */
function mapJson(json: string, change: (text: string) => string): string {
  try {
    JSON.parse(json);
  } catch {
    return change(json);
  }
  return json.replace(/"(?:[^"\\]|\\.)*"/g, (literal) => {
    const text: string = JSON.parse(literal);
    const changed = change(text);
    return changed === text ? literal : JSON.stringify(changed);
  });
}

/** A sign that begins a token; a token that begins with a letter, a digit or a space whole. */
function beginningOf(token: string): string {
  const first = String.fromCodePoint(token.codePointAt(0)!);
  if (!/[\s\p{L}\p{N}]/u.test(first)) return escaped(first);
  return `${escaped(first)}(?=${escaped(token.slice(first.length))})`;
}

const isOwnTag = (text: string) => text.replace(OWN_TAGS, '') === '' && text !== '';
const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
/** One of these, leftmost first; nothing where there are none. */
const anyOf = (sources: readonly string[]) => new RegExp(sources.filter(Boolean).join('|') || '(?!)', 'gu');

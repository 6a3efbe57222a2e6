/**
 * An Ollama Modelfile: which files the model is made of, how a conversation is written, where an answer ends.
 *
 * Ollama's templates are Go's, chat templates Jinja's. One is derived from the other by rendering conversations and
 * cutting them into turns; it is written only where every conversation tried comes out the same, character for character.
 */
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Message } from '../values/conversation.js';

/** @returns the file's text, and what a person should know, a sentence each */
export function modelfile(
  tokenizer: ChatTokenizer,
  { model, adapter }: { readonly model: string; readonly adapter?: string },
): { text: string; notes: string[] } {
  const turns = turnsOf(tokenizer);
  const stops = tokenizer.eosIds.map((id) => tokenizer.decode([id], { skipSpecialTokens: false }));
  const lines = [
    `FROM ./${model}`,
    ...(adapter === undefined ? [] : [`ADAPTER ./${adapter}`]),
    ...(turns ? [`TEMPLATE """${goTemplate(turns)}"""`] : []),
    ...(turns?.defaultSystem === undefined ? [] : [`SYSTEM """${turns.defaultSystem}"""`]),
    ...stops.filter((stop) => stop.trim() !== '').map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`),
  ];
  return { text: `${lines.join('\n')}\n`, notes: turns ? [] : [withoutTemplate(tokenizer)] };
}

function withoutTemplate(tokenizer: ChatTokenizer): string {
  const none = 'so the Modelfile has no TEMPLATE';
  if (!tokenizer.hasChatTemplate) return `The tokenizer has no chat template, ${none}.`;
  const why = isDated(tokenizer)
    ? 'writes the date of the day, which a Go template cannot'
    : 'is no plain row of turns';
  return `The chat template ${why}, ${none}: Ollama takes one of its own where it knows the template in the GGUF file.`;
}

/** What stands before and after what somebody says. */
interface Turn {
  readonly before: string;
  readonly after: string;
}

/** A chat template that is a row of turns. */
export interface Turns {
  /** Absent: the template takes no system message. */
  readonly system?: Turn;
  readonly user: Turn;
  readonly assistant: Turn;
  /** What an answer begins with. */
  readonly answer: string;
  /** The system message where none is given; never empty, which Ollama would take for none. */
  readonly defaultSystem?: string;
  /** What stands first where no system message is given, and is no such message. */
  readonly head?: string;
}

const [S, U, A, V] = ['«system»', '«user»', '«assistant»', '«again»'];
const said = (role: Message['role'], content: string): Message => ({ role, content });
const conversation = [said('user', U), said('assistant', A), said('user', V)];

/** Conversations that a template of Go's is tried on. */
const trials = [[U], [U, A, V], [U, A, V, A, U]]
  .map((texts) => texts.map((text, i) => said(i % 2 === 0 ? 'user' : 'assistant', text)))
  .flatMap((messages) => [messages, [said('system', S), ...messages]]);

/** Whether what the template writes depends on the day. */
function isDated(tokenizer: ChatTokenizer): boolean {
  const on = (date: string, messages: readonly Message[]): string | undefined => {
    const variables = { strftime_now: () => date };
    try {
      return tokenizer.renderChat(messages, { addGenerationPrompt: true, variables });
    } catch {
      return undefined;
    }
  };
  return trials.some((messages) => on('1', messages) !== on('2', messages));
}

/** @returns undefined where the template does more than to write turn after turn, or Go could not write it */
export function turnsOf(tokenizer: ChatTokenizer): Turns | undefined {
  if (isDated(tokenizer)) return;
  const render = (messages: readonly Message[]): string | undefined => {
    try {
      const text = tokenizer.renderChat(messages, { addGenerationPrompt: true });
      const [bos] = tokenizer.encode('', { addSpecialTokens: true });
      const first = bos !== undefined && bos === tokenizer.bosId;
      const mark = first ? tokenizer.decode([bos], { skipSpecialTokens: false }) : '';
      // the runner puts it there
      return mark !== '' && text.startsWith(mark) ? text.slice(mark.length) : text;
    } catch {
      return undefined;
    }
  };
  const [one, three] = [render(conversation.slice(0, 1)), render(conversation)];
  const opened = one === undefined ? undefined : cut(one, U);
  if (!opened || !three?.startsWith(opened.before + U) || !three.endsWith(V + opened.after)) return;
  // between the question, the answer and the next question stand an end and a beginning each
  const between = cut(three.slice((opened.before + U).length, -(V + opened.after).length), A);
  if (!between) return;
  const ends = tokenizer.eosIds.map((id) => tokenizer.decode([id], { skipSpecialTokens: false }));
  const [afterUser, beforeAssistant] = split(between.before, ends);
  const [afterAssistant, beforeUser] = split(between.after, ends);
  if (!opened.before.endsWith(beforeUser) || !opened.after.startsWith(afterUser)) return;
  const user = { before: beforeUser, after: afterUser };
  const assistant = { before: beforeAssistant, after: afterAssistant };
  const answer = opened.after.slice(afterUser.length);
  const head = opened.before.slice(0, opened.before.length - beforeUser.length);
  const tail = beforeUser + U + opened.after;
  const withSystem = render([said('system', S), ...conversation.slice(0, 1)]);
  const system = withSystem?.endsWith(tail) ? cut(withSystem.slice(0, -tail.length), S) : undefined;
  // it stands somewhere else than in a turn of its own
  if (withSystem?.includes(S) && !system) return;
  const parts = { user, assistant, answer, ...(system ? { system } : {}) };
  const turns = { ...parts, ...firstOf(head, system) };
  const tried = trials.filter(([first]) => system || first.role !== 'system');
  const alike = tried.every((messages) => render(messages) === written(turns, messages));
  return alike && !JSON.stringify(turns).includes('\\"\\"\\"') ? turns : undefined;
}

/** An end and the beginning after it: behind the first token that ends a response, and a line break there. */
function split(text: string, ends: readonly string[]): [string, string] {
  const places = ends.flatMap((end) => (text.includes(end) ? [text.indexOf(end) + end.length] : []));
  if (places.length === 0) return ['', text];
  const at = Math.min(...places);
  const next = text[at] === '\n' ? at + 1 : at;
  return [text.slice(0, next), text.slice(next)];
}

function cut(text: string, mark: string): Turn | undefined {
  const parts = text.split(mark);
  return parts.length === 2 ? { before: parts[0], after: parts[1] } : undefined;
}

/** What a template writes first where no system message is given: one of its own, or something else. */
function firstOf(head: string, system: Turn | undefined): Pick<Turns, 'defaultSystem' | 'head'> {
  if (head === '') return {};
  if (!system || !head.startsWith(system.before) || !head.endsWith(system.after)) return { head };
  const defaultSystem = head.slice(system.before.length, head.length - system.after.length);
  return defaultSystem === '' ? { head } : { defaultSystem };
}

/** The conversation as Ollama writes it. */
function written({ answer, head, defaultSystem, ...turns }: Turns, given: readonly Message[]): string {
  const none = given[0].role !== 'system';
  const messages = none && defaultSystem ? [said('system', defaultSystem), ...given] : given;
  const parts = messages.map(({ role, content }) => {
    const { before, after } = turns[role as 'user']!;
    return before + content + after;
  });
  return [none ? (head ?? '') : '', ...parts, answer].join('');
}

/** A template of Go's text/template over `.Messages`. */
function goTemplate({ system, user, assistant, answer, head }: Turns): string {
  const literal = (text: string) => text.replaceAll('{{', '{{ "{{" }}');
  const branch = ([role, { before, after }]: [string, Turn], i: number) =>
    `{{ ${i === 0 ? 'if' : 'else if'} eq .Role "${role}" }}${literal(before)}{{ .Content }}${literal(after)}`;
  const roles = Object.entries({ ...(system ? { system } : {}), user, assistant });
  const turn = `${roles.map(branch).join('')}{{ end }}`;
  if (head === undefined) return `{{ range .Messages }}${turn}{{ end }}${literal(answer)}`;
  const first = `{{ if and (eq $i 0) (ne .Role "system") }}${literal(head)}{{ end }}`;
  return `{{ range $i, $_ := .Messages }}${first}${turn}{{ end }}${literal(answer)}`;
}

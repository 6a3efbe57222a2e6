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
  const notes = turns
    ? []
    : [
        tokenizer.hasChatTemplate
          ? 'The chat template is no plain row of turns, so the Modelfile has no TEMPLATE: Ollama takes one of its own where it knows the template in the GGUF file.'
          : 'The tokenizer has no chat template, so the Modelfile has no TEMPLATE.',
      ];
  return { text: `${lines.join('\n')}\n`, notes };
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
  /** The system message where none is given. */
  readonly defaultSystem?: string;
}

const [S, U, A, V] = ['«system»', '«user»', '«assistant»', '«again»'];
const said = (role: Message['role'], content: string): Message => ({ role, content });
const conversation = [said('user', U), said('assistant', A), said('user', V)];

/** @returns undefined where the template does more than to write turn after turn, or Go could not write it */
export function turnsOf(tokenizer: ChatTokenizer): Turns | undefined {
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
  const turns = { ...parts, ...(head === '' ? {} : { defaultSystem: inner(head, system) }) };
  if (head !== '' && turns.defaultSystem === undefined) return;
  const trials = [[U], [U, A, V], [U, A, V, A, U]].map((texts) =>
    texts.map((text, i) => said(i % 2 === 0 ? 'user' : 'assistant', text)),
  );
  const all = system ? [...trials, ...trials.map((messages) => [said('system', S), ...messages])] : trials;
  const alike = all.every((messages) => render(messages) === written(turns, messages));
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

/** What a system turn says. */
function inner(turn: string, system: Turn | undefined): string | undefined {
  if (!system || !turn.startsWith(system.before) || !turn.endsWith(system.after)) return undefined;
  return turn.slice(system.before.length, turn.length - system.after.length);
}

/** The conversation as the Go template writes it. */
function written({ answer, defaultSystem, ...turns }: Turns, messages: readonly Message[]): string {
  const first =
    messages[0].role === 'system' || defaultSystem === undefined ? [] : [said('system', defaultSystem)];
  const parts = [...first, ...messages].map(({ role, content }) => {
    const { before, after } = turns[role as 'user']!;
    return before + content + after;
  });
  return parts.join('') + answer;
}

/** A template of Go's text/template over `.Messages`. */
function goTemplate({ system, user, assistant, answer }: Turns): string {
  const literal = (text: string) => text.replaceAll('{{', '{{ "{{" }}');
  const branch = ([role, { before, after }]: [string, Turn], i: number) =>
    `{{ ${i === 0 ? 'if' : 'else if'} eq .Role "${role}" }}${literal(before)}{{ .Content }}${literal(after)}`;
  const roles = Object.entries({ ...(system ? { system } : {}), user, assistant });
  return `{{ range .Messages }}${roles.map(branch).join('')}{{ end }}{{ end }}${literal(answer)}`;
}

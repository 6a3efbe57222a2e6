/**
 * Chat completions, whole and as chunks of a stream: what they say, as drafts, and what becomes of them.
 *
 * An answer that passes stays as it is, chunk for chunk. Of one that does not, nothing is left: its calls of tools,
 * log-probabilities and annotations go with it.
 */
import type { Response, ToolCall, Usage } from '../values/conversation.js';
import { addUsage, NO_USAGE } from '../values/usage.js';
import type { ReviewedAnswer } from '../zero-shot/answer.js';
import { textOnChatWire, toolCallsOnChatWire } from '../zero-shot/chat-wire.js';
import { conscienceRecord, type WireUsage } from '../zero-shot/conscience-record.js';

/** The request, as far as it matters here. */
export interface ChatBody {
  readonly model: string;
  readonly messages: unknown;
  readonly stream?: boolean | null;
  readonly max_tokens?: number | null;
  readonly max_completion_tokens?: number | null;
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  readonly seed?: number | null;
  readonly modalities?: readonly string[] | null;
  readonly response_format?: { readonly type?: string } | null;
}

/** What a choice says: `message` in a completion, `delta` in a chunk. */
interface Said {
  readonly content?: unknown;
  readonly refusal?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly { readonly index?: number }[] | null;
  readonly function_call?: object | null;
}

interface Choice {
  readonly index?: number;
  readonly message?: Said;
  readonly delta?: Said;
  readonly finish_reason?: string | null;
}

/** A completion, or a chunk of one. */
export interface Completion {
  readonly choices?: readonly Choice[];
  readonly usage?: (WireUsage & { readonly total_tokens?: number }) | null;
}

/** An answer to be reviewed. */
interface ChatDraft {
  /** Which choice. */
  readonly index: number;
  readonly response: Response;
  /** Of the whole call; the first draft has it. */
  readonly usage: Usage;
}

/** The chunks of a stream that has ended. */
export function chunksOf(stream: string): Completion[] {
  return stream
    .split(/\r?\n\r?\n/)
    .map((event) =>
      event
        .split(/\r?\n/)
        .flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []))
        .join('\n'),
    )
    .filter((data) => data !== '' && data !== '[DONE]')
    .map((data) => JSON.parse(data) as Completion);
}

/** What each choice says, put together from one completion or all chunks. */
export function draftsOf(parts: readonly Completion[]): ChatDraft[] {
  const told = parts.findLast(({ usage }) => usage)?.usage;
  const usage: Usage = told
    ? { promptTokens: told.prompt_tokens, answerTokens: told.completion_tokens }
    : NO_USAGE;
  const choices = parts.flatMap(({ choices = [] }) => choices);
  const indices = [...new Set(choices.map(({ index = 0 }) => index))].sort((a, b) => a - b);
  return indices.map((index, i) => {
    const own = choices.filter((choice) => (choice.index ?? 0) === index);
    const said = own.map(({ message, delta }) => message ?? delta ?? {});
    const words = (key: 'content' | 'refusal' | 'reasoning_content') =>
      said.map((one) => textOnChatWire(one[key])).join('');
    const toolCalls = callsOf(said);
    const reasoning = words('reasoning_content');
    const response: Response = {
      text: words('content') + words('refusal'),
      ...(reasoning === '' ? {} : { reasoning }),
      ...(toolCalls.length > 0 ? { toolCalls } : {}),
      finish: own.some(({ finish_reason }) => finish_reason === 'length') ? 'length' : 'stop',
      tokens: i === 0 ? usage.answerTokens : 0,
    };
    return { index, response, usage: i === 0 ? usage : NO_USAGE };
  });
}

/** Calls of tools; those of a stream come in pieces, by their index. */
function callsOf(said: readonly Said[]): ToolCall[] {
  const whole = new Map<
    number,
    { id?: string; type?: string; function: { name: string; arguments: string } }
  >();
  const calls: unknown[] = [];
  for (const { tool_calls: pieces, function_call: old } of said) {
    if (old) calls.push({ function: old });
    for (const piece of pieces ?? []) {
      if (piece.index === undefined || !('function' in piece)) {
        calls.push(piece);
        continue;
      }
      const { id, function: part } = piece as {
        id?: string;
        function?: { name?: string; arguments?: string };
      };
      const known = whole.get(piece.index) ?? { function: { name: '', arguments: '' } };
      known.id ??= id;
      known.function.name += part?.name ?? '';
      known.function.arguments += part?.arguments ?? '';
      whole.set(piece.index, known);
    }
  }
  return toolCallsOnChatWire([...whole.values(), ...calls]);
}

/** The completion with its verdicts, and with other words where the conscience objects. */
export function settledCompletion(
  whole: Completion,
  answers: ReadonlyMap<number, ReviewedAnswer>,
  body: ChatBody,
): object {
  const choices = (whole.choices ?? []).map((choice) => {
    const answer = answers.get(choice.index ?? 0);
    const own = answers.size > 1 && answer ? { conscience: conscienceRecord(answer, 'hold') } : {};
    if (!answer || answer.outcome === 'accepted') return { ...choice, ...own };
    const { words, finish } = replacement(answer, body);
    const message = { role: 'assistant', ...words };
    return { index: choice.index ?? 0, message, logprobs: null, finish_reason: finish, ...own };
  });
  return { ...whole, choices, ...usageWith(whole, answers), ...single(answers) };
}

/** The stream with its verdicts on the chunks that end each answer, and with other words where the conscience objects. */
export function settledChunks(
  chunks: readonly Completion[],
  answers: ReadonlyMap<number, ReviewedAnswer>,
  body: ChatBody,
): string {
  const isReplaced = ({ index = 0 }: Choice) => answers.get(index)?.outcome !== 'accepted';
  const lines: object[] = [];
  for (const chunk of chunks) {
    const { choices = [] } = chunk;
    const kept = choices.filter((choice) => !isReplaced(choice));
    // usage may come with the last words of a draft
    if (choices.length > 0 && kept.length === 0 && !chunk.usage) continue;
    const verdicts = kept.flatMap(({ index = 0, finish_reason }) =>
      finish_reason ? [conscienceRecord(answers.get(index)!, 'hold')] : [],
    );
    lines.push({
      ...chunk,
      choices: kept,
      ...usageWith(chunk, answers),
      ...(verdicts.length > 0 ? { conscience: verdicts[0] } : {}),
    });
  }
  const { usage: _, ...frame } = chunks[0] ?? {};
  const others = [...answers].flatMap(([index, answer]) => {
    if (answer.outcome === 'accepted') return [];
    const { words, finish } = replacement(answer, body);
    const conscience = conscienceRecord(answer, 'hold');
    const of = (delta: object, finish_reason: string | null) => ({
      ...frame,
      choices: [{ index, delta, logprobs: null, finish_reason }],
    });
    return [of({ role: 'assistant', ...words }, null), { ...of({}, finish), conscience }];
  });
  // a chunk of usage, which has no choices, stays the last
  const end = lines.findLastIndex((line) => (line as Completion).choices?.length !== 0) + 1;
  const all = [...lines.slice(0, end), ...others, ...lines.slice(end)];
  return `${all.map((line) => `data: ${JSON.stringify(line)}\n\n`).join('')}data: [DONE]\n\n`;
}

/** Words in place of a draft. Where JSON was asked for, a correction in words would be taken for it: it is withheld. */
function replacement({ response, outcome }: ReviewedAnswer, { response_format: format }: ChatBody) {
  const words = { content: response.text, refusal: null };
  if (format && format.type !== 'text') {
    return { words: { content: null, refusal: response.text }, finish: 'content_filter' };
  }
  return { words, finish: outcome === 'withheld' ? 'content_filter' : 'stop' };
}

function single(answers: ReadonlyMap<number, ReviewedAnswer>) {
  const [answer] = answers.values();
  return answers.size === 1 ? { conscience: conscienceRecord(answer, 'hold') } : {};
}

/** Usage with the tokens of reviews and alternatives; none where the endpoint tells none. */
function usageWith({ usage }: Completion, answers: ReadonlyMap<number, ReviewedAnswer>) {
  if (!usage) return {};
  const more = [...answers.values()]
    .map(({ usage: { review, alternative } }) => addUsage(review, alternative))
    .reduce(addUsage, NO_USAGE);
  const [prompt, written] = [
    usage.prompt_tokens + more.promptTokens,
    usage.completion_tokens + more.answerTokens,
  ];
  return {
    usage: {
      ...usage,
      ...{ prompt_tokens: prompt, completion_tokens: written, total_tokens: prompt + written },
    },
  };
}

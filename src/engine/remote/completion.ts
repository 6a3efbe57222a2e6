/**
 * The answer to a chat completion, read out of what servers really send.
 *
 * Content may be a text, parts or null; reasoning may be in `reasoning_content` (vLLM,
 * llama.cpp, DeepSeek), in `reasoning` (OpenRouter, Ollama, newer vLLM), in parts (Mistral) or in a
 * `<think>` block; log-probabilities come in the form of chat completions or in that of
 * the older text completions (Together, llama-cpp-python).
 */
import { z } from 'zod';
import { splitReasoning } from '../../tokenizer/reasoning.js';
import type { ToolCall, Usage } from '../../values/conversation.js';

/** A token and its log-probability, nats. */
export interface TokenLogp {
  readonly token: string;
  readonly logp: number;
}

/** One generated token, and what was likeliest in its place: most likely first, itself included. */
export interface TokenStep extends TokenLogp {
  readonly top: readonly TokenLogp[];
}

export interface Completion {
  readonly text: string;
  readonly reasoning?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly finish: 'stop' | 'length';
  /** Undefined where the endpoint gives none. */
  readonly steps?: readonly TokenStep[];
  /** Tokens as the endpoint counts them; undefined where it does not say. */
  readonly usage?: Usage;
}

const part = z.object({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.union([z.string(), z.array(z.object({ text: z.string() }))]).optional(),
});

const message = z.object({
  content: z.union([z.string(), z.array(part)]).nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z
    .array(
      z.object({
        id: z.string().optional(),
        function: z.object({ name: z.string(), arguments: z.string() }),
      }),
    )
    .nullish(),
});

const tokenLogp = z.object({ token: z.string(), logprob: z.number().nullable() });
const chatLogprobs = z.object({
  content: z.array(tokenLogp.extend({ top_logprobs: z.array(tokenLogp).nullish() })),
});
const textLogprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
});

const completion = z.object({
  choices: z
    .array(
      z.object({
        message,
        finish_reason: z.string().nullish(),
        logprobs: z.union([chatLogprobs, textLogprobs]).nullish().catch(undefined),
      }),
    )
    .min(1),
  usage: z
    .object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0) })
    .nullish()
    .catch(undefined),
});

/** What an answer has to contain, for the error. */
export const EXPECTED_COMPLETION = 'choices[0].message.content';

/** What a message may consist of. */
const ANSWERS = ['content', 'refusal', 'reasoning_content', 'tool_calls'];

/**
 * Reads an answer.
 *
 * @param json what the endpoint sent, already known to be JSON
 * @returns undefined where it is not a chat completion
 */
export function readCompletion(json: string): Completion | undefined {
  const parsed = completion.safeParse(JSON.parse(json));
  if (!parsed.success) return undefined;
  const { choices, usage } = parsed.data;
  const [{ message, finish_reason, logprobs }] = choices;
  if (!ANSWERS.some((key) => key in message)) return undefined;
  const parts = typeof message.content === 'string' ? [{ text: message.content }] : (message.content ?? []);
  const said = parts.map(({ text = '' }) => text).join('');
  const thought = parts.flatMap((part) => ('thinking' in part ? [part.thinking ?? []] : [])).flat();
  const inParts = thought.map((piece) => (typeof piece === 'string' ? piece : piece.text)).join('');
  const inline = splitReasoning(openThink(said === '' ? (message.refusal ?? '') : said));
  const reasoning =
    [message.reasoning_content ?? message.reasoning, inParts, inline.reasoning]
      .map((text) => text?.trim())
      .find(Boolean) ?? undefined;
  return {
    text: inline.text,
    reasoning,
    toolCalls: message.tool_calls?.length ? message.tool_calls.map(toolCall) : undefined,
    finish: finish_reason === 'length' ? 'length' : 'stop',
    steps: logprobs ? steps(logprobs) : undefined,
    usage: usage ? { promptTokens: usage.prompt_tokens, answerTokens: usage.completion_tokens } : undefined,
  };
}

/** Some servers name no call. */
function toolCall(
  {
    id,
    function: { name, arguments: given },
  }: { id?: string; function: { name: string; arguments: string } },
  index: number,
): ToolCall {
  return { id: id || `call_${index}`, name, arguments: given };
}

/** Some chat templates write `<think>` into the prompt; then the answer holds only its end. */
function openThink(text: string): string {
  const end = text.indexOf('</think>');
  return end < 0 || text.lastIndexOf('<think>', end) >= 0 ? text : `<think>${text}`;
}

function steps(logprobs: z.output<typeof chatLogprobs> | z.output<typeof textLogprobs>): TokenStep[] {
  const taken: { token: string; logprob: number | null; top: TokenLogp[] }[] =
    'content' in logprobs
      ? logprobs.content.map(({ token, logprob, top_logprobs }) => ({
          token,
          logprob,
          top: (top_logprobs ?? []).flatMap(({ token, logprob }) => known(token, logprob)),
        }))
      : logprobs.tokens.map((token, i) => ({
          token,
          logprob: logprobs.token_logprobs[i] ?? null,
          top: Object.entries(logprobs.top_logprobs?.[i] ?? {}).flatMap(([token, logp]) =>
            known(token, logp),
          ),
        }));
  return taken.map(({ token, logprob, top }) => {
    const itself = top.some((other) => other.token === token) ? [] : known(token, logprob);
    return {
      token,
      logp: logprob ?? Number.NEGATIVE_INFINITY,
      top: [...top, ...itself].sort((a, b) => b.logp - a.logp),
    };
  });
}

/** −9999 is OpenAI's word for a token too unlikely to be measured. */
function known(token: string, logp: number | null): TokenLogp[] {
  return logp === null || !Number.isFinite(logp) || logp <= -9999 ? [] : [{ token, logp: Math.min(0, logp) }];
}

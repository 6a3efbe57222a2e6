/**
 * The body of `/v1/chat/completions`, read strictly where silence would mislead: what cannot be done
 * is refused, not ignored. Unknown fields are ignored, as other servers do.
 */
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { Message, Tool, ToolChoice } from '../data/values.js';
import type { GenerateOptions } from '../engine/language-model.js';
import { badRequest } from './errors.js';
import { type ServePolicy, servePolicies } from './policy.js';

/** What the operator allows. */
export interface RequestLimits {
  /** Longest answer, in tokens; also where the caller does not say. */
  readonly maxTokens: number;
  /** Policies that a caller may choose. */
  readonly policies: readonly ServePolicy[];
  readonly defaultPolicy: ServePolicy;
}

export interface ChatRequest {
  /** Undefined: whatever model there is. */
  readonly model: string | undefined;
  readonly messages: readonly Message[];
  readonly options: GenerateOptions;
  readonly stream: boolean;
  /** Whether a stream ends with a chunk of usage. */
  readonly streamUsage: boolean;
  readonly policy: ServePolicy;
}

const textPart = z.object({ type: z.literal('text'), text: z.string() });
const content = z.union([z.string(), z.array(textPart)], {
  error: 'expected a text, or parts of type text: this model reads nothing else',
});
const toolCall = z.object({
  id: z.string(),
  type: z.literal('function').optional(),
  function: z.object({ name: z.string(), arguments: z.string() }),
});
const message = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'developer']), content }),
  z.object({ role: z.literal('user'), content }),
  z.object({
    role: z.literal('assistant'),
    content: content.nullish(),
    tool_calls: z.array(toolCall).nullish(),
  }),
  z.object({ role: z.literal('tool'), content, tool_call_id: z.string() }),
]);
const name = z.string().regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 letters, digits, _, . or -');
const tool = z.object({
  type: z.literal('function'),
  function: z.object({
    name,
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
});
const toolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.object({ type: z.literal('function'), function: z.object({ name }) }),
]);

const schema = z.object({
  model: z.string().optional(),
  messages: z.array(message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
  conscience: z.strictObject({ policy: z.enum(servePolicies).optional() }).nullish(),
});

/** Fields that would change the answer, and the values that change nothing. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  n: [1],
  logprobs: [false],
  top_logprobs: [0],
  presence_penalty: [0],
  frequency_penalty: [0],
  functions: [],
  function_call: ['none'],
};

/**
 * @param body   JSON of the request
 * @param header the policy in `x-conscience-policy`, where it is there
 * @throws ApiError 400 that names the field
 */
export function readChatRequest(
  body: unknown,
  header: string | undefined,
  limits: RequestLimits,
): ChatRequest {
  requireSupported(body);
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw badRequest(`${issue.path.join('.') || 'body'}: ${issue.message}`, issue.path.join('.'));
  }
  const given = parsed.data;
  const tools = (given.tools ?? []).map(({ function: tool }): Tool => tool as Tool);
  const { stop, tool_choice: choice } = given;
  return {
    model: given.model,
    messages: given.messages.map(messageOf),
    options: {
      maxTokens: maxTokensOf(given.max_completion_tokens ?? given.max_tokens ?? undefined, limits),
      seed: Math.abs(given.seed ?? randomInt(2 ** 31)) % 2 ** 32,
      ...(given.temperature == null ? {} : { temperature: given.temperature }),
      ...(given.top_p == null ? {} : { topP: given.top_p }),
      ...(given.top_k == null ? {} : { topK: given.top_k }),
      ...(stop == null ? {} : { stop: typeof stop === 'string' ? [stop] : stop }),
      ...(tools.length === 0 ? {} : { tools, toolChoice: toolChoiceOf(choice ?? 'auto', tools) }),
    },
    stream: given.stream ?? false,
    streamUsage: given.stream_options?.include_usage ?? false,
    policy: policyOf(given.conscience?.policy ?? header, limits),
  };
}

function requireSupported(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('The body is no JSON object.', undefined, 'invalid_json');
  }
  const fields = body as Record<string, unknown>;
  for (const [field, harmless] of Object.entries(UNSUPPORTED)) {
    const value = fields[field];
    if (value == null || harmless.includes(value)) continue;
    throw badRequest(
      `${field} is not supported by this server; leave it out`,
      field,
      'unsupported_parameter',
    );
  }
  const format = (fields.response_format as { type?: unknown } | undefined)?.type;
  if (format !== undefined && format !== 'text') {
    const message = 'response_format: only text is supported by this server; ask for JSON in the prompt';
    throw badRequest(message, 'response_format', 'unsupported_parameter');
  }
}

function messageOf(turn: z.output<typeof message>): Message {
  const content = textOf(turn.content ?? '');
  switch (turn.role) {
    case 'developer':
      return { role: 'system', content };
    case 'tool':
      return { role: 'tool', content, toolCallId: turn.tool_call_id };
    case 'assistant': {
      const toolCalls = turn.tool_calls?.map(({ id, function: { name, arguments: given } }) => ({
        ...{ id, name },
        arguments: given,
      }));
      return { role: 'assistant', content, ...(toolCalls?.length ? { toolCalls } : {}) };
    }
    default:
      return { role: turn.role, content };
  }
}

function textOf(content: string | readonly { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n');
}

function maxTokensOf(wanted: number | undefined, { maxTokens }: RequestLimits): number {
  if (wanted === undefined || wanted <= maxTokens) return wanted ?? maxTokens;
  throw badRequest(`max_tokens: this server gives at most ${maxTokens}, asked were ${wanted}`, 'max_tokens');
}

function toolChoiceOf(choice: z.output<typeof toolChoice>, tools: readonly Tool[]): ToolChoice {
  if (typeof choice === 'string') return choice;
  if (tools.some(({ name }) => name === choice.function.name)) return choice.function;
  throw badRequest(`tool_choice: there is no tool ${choice.function.name}`, 'tool_choice');
}

function policyOf(wanted: string | undefined, { policies, defaultPolicy }: RequestLimits): ServePolicy {
  if (wanted === undefined || wanted === defaultPolicy) return defaultPolicy;
  const allowed = policies.find((policy) => policy === wanted);
  if (allowed !== undefined) return allowed;
  const choice = [...new Set([defaultPolicy, ...policies])].join(', ');
  const message = `conscience.policy: this server allows ${choice}, not ${wanted}`;
  throw badRequest(message, 'conscience.policy', 'policy_not_allowed');
}

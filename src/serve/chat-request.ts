/**
 * The body of `/v1/chat/completions`, read strictly: what cannot be done is refused, not ignored, and
 * unknown fields are refused, as OpenAI does (fields.ts).
 */
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { beginJson, type JsonFormat } from '../engine/json-grammar.js';
import type { GenerateOptions } from '../engine/language-model.js';
import { ConfigError } from '../errors.js';
import { Random } from '../random.js';
import type { Message, Tool, ToolChoice } from '../values/conversation.js';
import { badRequest } from './errors.js';
import { requireFields, requireReadable, unknownField, unknownKey } from './fields.js';
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
  /** Answers that are wanted, at least 1. */
  readonly n: number;
  /** Whether a stream ends with a chunk of usage. */
  readonly streamUsage: boolean;
  readonly policy: ServePolicy;
}

interface TextPart {
  readonly type: 'text';
  readonly text: string;
}
/**
 * An object whose keys are all read, or refused by name.
 *
 * @param harmless keys that say nothing to the model; clients send them back as they got them
 */
function closed<Shape extends z.ZodRawShape>(shape: Shape, harmless: readonly string[] = []) {
  const acted = Object.keys(shape);
  const known = new Set([...acted, ...harmless]);
  return z.looseObject(shape).superRefine((value, context) => {
    const key = unknownKey(value, known);
    if (key !== undefined) context.addIssue(unknownIssue([key], acted));
  });
}

/** `read` tells it in the words of fields.ts. */
function unknownIssue(path: (string | number)[], acted: readonly string[]) {
  return { code: 'custom' as const, path, params: { acted } };
}

/** Each takes as much as a request of its own, on one place. */
const MOST_CHOICES = 8;
const PART = ['type', 'text'];
const KNOWN_IN_PART = new Set([
  ...PART,
  ...['id', 'index', 'annotations', 'cache_control', 'prompt_cache_breakpoint'],
]);
// by hand: a schema would look at all of a million wrong parts, and write an error for each
const content = z
  .custom<string | readonly TextPart[]>(
    (value) => typeof value === 'string' || (Array.isArray(value) && value.every(isTextPart)),
    { error: 'expected a text, or parts of type text: this model reads nothing else', abort: true },
  )
  .superRefine((parts, context) => {
    if (typeof parts === 'string') return;
    for (const [i, part] of parts.entries()) {
      const key = unknownKey(part, KNOWN_IN_PART);
      if (key !== undefined) return context.addIssue(unknownIssue([i, key], PART));
    }
  });
const toolCall = closed(
  {
    id: z.string(),
    type: z.literal('function').nullish(),
    function: closed({ name: z.string(), arguments: z.string() }, ['parsed_arguments']),
  },
  ['index', 'extra_content', 'provider_specific_fields', 'cache_control'],
);
/** What would change a turn for the model, and is not shown to it. */
const unseen = (what: string) => z.null({ error: `${what} not shown to the model; leave it out` }).optional();
const speaker = { name: unseen('speakers’ names are') };
const noCalls = {
  tool_calls: z.array(z.never()).max(0, 'only an assistant calls tools; leave it out').nullish(),
};
const OF_TURNS = ['id', 'cache_control'];
const OF_ANSWERS = [
  ...['reasoning', 'reasoning_content', 'reasoning_details', 'thinking'],
  ...['annotations', 'parsed', 'provider_specific_fields', 'extra_content'],
];
const message = z.discriminatedUnion('role', [
  closed({ role: z.enum(['system', 'developer']), content, ...speaker, ...noCalls }, OF_TURNS),
  closed({ role: z.literal('user'), content, ...speaker, ...noCalls }, OF_TURNS),
  closed(
    {
      role: z.literal('assistant'),
      content: content.nullish(),
      ...speaker,
      refusal: z.string().nullish(),
      tool_calls: z.array(toolCall).nullish(),
      function_call: unseen('calls of functions that are not tools are'),
      audio: unseen('audio is'),
      // a prefill, as some other servers know it
      prefix: z.literal(false, { error: 'an answer cannot be begun here; leave it out' }).nullish(),
      partial: z.literal(false, { error: 'an answer cannot be begun here; leave it out' }).nullish(),
    },
    [...OF_TURNS, ...OF_ANSWERS],
  ),
  closed(
    { role: z.literal('tool'), content, tool_call_id: z.string(), name: z.string().nullish(), ...noCalls },
    OF_TURNS,
  ),
]);
const name = z.string().regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 letters, digits, _, . or -');
const tool = closed(
  {
    type: z.literal('function'),
    function: closed({
      name,
      description: z.string().nullish(),
      parameters: z.record(z.string(), z.unknown()).nullish(),
      strict: z.literal(false, { error: 'calls are not held to a schema here; leave it out' }).nullish(),
    }),
  },
  ['cache_control'],
);
const toolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  closed({ type: z.literal('function'), function: closed({ name }) }),
]);

const schemaOfJson = z.union([z.boolean(), z.record(z.string(), z.unknown())]);
const responseFormat = z.discriminatedUnion('type', [
  closed({ type: z.literal('text') }),
  // llama.cpp and others take the schema here
  closed({ type: z.literal('json_object'), schema: schemaOfJson.nullish() }),
  closed({
    type: z.literal('json_schema'),
    json_schema: closed({
      name: z.string().nullish(),
      description: z.string().nullish(),
      schema: schemaOfJson.nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const schema = z.object({
  model: z.string().optional(),
  messages: z.array(z.unknown()).min(1),
  n: z.int().min(1).max(MOST_CHOICES).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish(),
      // random padding, which keeps a stream's sizes from being read; nothing here depends on it
      include_obfuscation: z.boolean().nullish(),
    })
    .nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormat.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  conscience: z.strictObject({ policy: z.enum(servePolicies).optional() }).nullish(),
});

type Body = z.output<typeof schema>;

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
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('The body is not a JSON object.', undefined, 'invalid_json');
  }
  requireReadable(body);
  requireFields(body, Object.keys(schema.shape));
  const given = read(schema, body);
  const tools = (given.tools ?? []).map(({ function: tool }) => toolOf(tool));
  const { stop, tool_choice: choice } = given;
  requireTools(given, tools);
  requireStream(given);
  return {
    model: given.model,
    messages: given.messages.map((turn, i) => messageOf(read(message, turn, ['messages', i]))),
    options: {
      maxTokens: maxTokensOf(given.max_completion_tokens ?? given.max_tokens ?? undefined, limits),
      seed: Math.abs(given.seed ?? randomInt(2 ** 31)) % 2 ** 32,
      temperature: given.temperature ?? undefined,
      topP: given.top_p ?? undefined,
      topK: given.top_k ?? undefined,
      stop: typeof stop === 'string' ? [stop] : (stop ?? undefined),
      ...formatOf(given, tools),
      ...logprobsOf(given),
      ...(tools.length === 0 ? {} : { tools, toolChoice: toolChoiceOf(choice ?? 'auto', tools) }),
    },
    n: given.n ?? 1,
    stream: given.stream ?? false,
    streamUsage: given.stream_options?.include_usage ?? false,
    policy: policyOf(given, given.conscience?.policy ?? header, limits),
  };
}

/** A request for each answer that is wanted: the first as it is, the others with seeds of their own. */
export function choicesOf(request: ChatRequest): ChatRequest[] {
  const { options, n } = request;
  const { seed = 0 } = options;
  return Array.from({ length: n }, (_, i) =>
    i === 0 ? request : { ...request, options: { ...options, seed: new Random(seed, 'choice', i).uint32() } },
  );
}

/** @param at place of the value in the body @throws ApiError 400 for the first thing that is wrong */
function read<T extends z.ZodType>(
  schema: T,
  value: unknown,
  at: readonly (string | number)[] = [],
): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = [...at, ...issue.path];
  if (issue.code === 'custom' && issue.params?.acted) throw unknownField(place, issue.params.acted);
  const path = place.join('.');
  throw badRequest(`${path || 'body'}: ${issue.message}`, path);
}

function isTextPart(value: unknown): value is TextPart {
  const { type, text } = (value ?? {}) as Partial<TextPart>;
  return type === 'text' && typeof text === 'string';
}

function toolOf({ name, description, parameters }: z.output<typeof tool>['function']): Tool {
  return {
    name,
    ...(description == null ? {} : { description }),
    ...(parameters == null ? {} : { parameters }),
  };
}

function messageOf(turn: z.output<typeof message>): Message {
  const said = textOf(turn.content ?? '');
  const refusal = turn.role === 'assistant' ? (turn.refusal ?? '') : '';
  const content = said && refusal ? `${said}\n${refusal}` : said || refusal;
  switch (turn.role) {
    case 'developer':
      return { role: 'system', content };
    case 'tool':
      return {
        role: 'tool',
        content,
        toolCallId: turn.tool_call_id,
        ...(turn.name ? { name: turn.name } : {}),
      };
    case 'assistant': {
      const toolCalls = turn.tool_calls?.map(({ id, function: { name, arguments: given } }) => ({
        id,
        name,
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

/** @throws ApiError 400 where something is asked of tools that cannot be had */
function requireTools(
  { tool_choice: choice, parallel_tool_calls: parallel }: Body,
  tools: readonly Tool[],
): void {
  if (tools.length === 0 && choice != null && choice !== 'auto' && choice !== 'none') {
    throw badRequest('tool_choice: there are no tools to choose from', 'tool_choice');
  }
  if (tools.length === 0 || parallel !== false) return;
  const message = 'parallel_tool_calls: this server cannot hold a model to one call; leave it out';
  throw badRequest(message, 'parallel_tool_calls', 'unsupported_parameter');
}

/** @throws ApiError 400 for a schema that cannot be held to, and for one beside tools */
function formatOf({ response_format: given }: Body, tools: readonly Tool[]): { format?: JsonFormat } {
  if (given == null || given.type === 'text') return {};
  const schema = (given.type === 'json_schema' ? given.json_schema.schema : given.schema) ?? undefined;
  const format = schema === undefined ? {} : { schema };
  try {
    beginJson(format);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw badRequest(`response_format: ${error.message}`, 'response_format', 'unsupported_parameter');
  }
  if (tools.length === 0) return { format };
  const message = 'response_format: an answer in JSON cannot call tools here; leave one of them out';
  throw badRequest(message, 'response_format', 'unsupported_parameter');
}

function logprobsOf({ logprobs, top_logprobs: top }: Body): { logprobs?: number } {
  if (logprobs === true) return { logprobs: top ?? 0 };
  if (!top) return {};
  throw badRequest('top_logprobs: needs logprobs: true', 'top_logprobs');
}

/** @throws ApiError 400 where a stream is described and none is asked for */
function requireStream({ stream, stream_options: about }: Body): void {
  if (about == null || stream === true) return;
  throw badRequest('stream_options: there is no stream; leave it out, or set stream', 'stream_options');
}

function toolChoiceOf(choice: z.output<typeof toolChoice>, tools: readonly Tool[]): ToolChoice {
  if (typeof choice === 'string') return choice;
  if (tools.some(({ name }) => name === choice.function.name)) return choice.function;
  throw badRequest(`tool_choice: there is no tool ${choice.function.name}`, 'tool_choice');
}

/**
 * What streams a format is held, as a correction after words that have left would be read with them.
 *
 * @throws ApiError 400 for a policy that is not allowed, or lets words of a format leave before the verdict
 */
function policyOf(
  { stream, response_format: format }: Body,
  wanted: string | undefined,
  { policies, defaultPolicy }: RequestLimits,
): ServePolicy {
  const allowed = [defaultPolicy, ...policies].find((policy) => policy === (wanted ?? defaultPolicy));
  if (allowed === undefined) {
    const choice = [...new Set([defaultPolicy, ...policies])].join(', ');
    const message = `conscience.policy: this server allows ${choice}, not ${wanted}`;
    throw badRequest(message, 'conscience.policy', 'policy_not_allowed');
  }
  const whole = !stream || format == null || format.type === 'text' || ['hold', 'off'].includes(allowed);
  if (whole) return allowed;
  if (wanted === undefined) return 'hold';
  const message = `conscience.policy: a streamed answer in JSON cannot be corrected under ${wanted}; leave the policy out, or do not stream`;
  throw badRequest(message, 'conscience.policy', 'unsupported_parameter');
}

/** Prompts and settings of the AI SDK (specification V4) as ours, and back. */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
  SharedV4Warning,
} from '@ai-sdk/provider';
import type { GenerateOptions } from '../engine/language-model.js';
import type { Message, Tool, ToolChoice } from '../values/conversation.js';

/** Longest answer where the caller does not say, in tokens. */
const DEFAULT_TOKENS = 1024;

/** A file or image, which a conscience that reads text cannot see, stands as `[a file: image/png]`. */
export function messagesOf(prompt: LanguageModelV4Prompt): Message[] {
  return prompt.flatMap(messageOf);
}

function messageOf(message: LanguageModelV4Message): Message[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [{ role: 'user', content: wordsOf(message.content) }];
    case 'assistant': {
      const calls = message.content.filter((part) => part.type === 'tool-call');
      const toolCalls = calls.map(({ toolCallId: id, toolName: name, input }) => ({
        id,
        name,
        arguments: JSON.stringify(input),
      }));
      const content = wordsOf(message.content.filter((part) => part.type !== 'reasoning'));
      return [{ role: 'assistant', content, ...(toolCalls.length > 0 ? { toolCalls } : {}) }];
    }
    case 'tool':
      return message.content
        .filter((part) => part.type === 'tool-result')
        .map((part) => ({ role: 'tool', content: resultText(part), toolCallId: part.toolCallId }));
  }
}

/** Conversations without tools, as reviews are. */
export function promptOf(messages: readonly Message[]): LanguageModelV4Prompt {
  return messages.map(({ role, content }): LanguageModelV4Message => {
    if (role === 'system') return { role, content };
    return { role: role === 'assistant' ? role : 'user', content: [{ type: 'text', text: content }] };
  });
}

export function askedOf(params: LanguageModelV4CallOptions): GenerateOptions {
  const {
    maxOutputTokens = DEFAULT_TOKENS,
    temperature,
    topP,
    topK,
    seed,
    stopSequences,
    abortSignal,
  } = params;
  const tools = (params.tools ?? []).flatMap((tool): Tool[] => {
    if (tool.type !== 'function') return [];
    const { name, description, inputSchema } = tool;
    return [
      {
        name,
        ...(description === undefined ? {} : { description }),
        parameters: inputSchema as Readonly<Record<string, unknown>>,
      },
    ];
  });
  return {
    maxTokens: maxOutputTokens,
    temperature,
    topP,
    topK,
    seed,
    stop: stopSequences,
    ...(tools.length === 0 ? {} : { tools, toolChoice: choiceOf(params.toolChoice) }),
    signal: abortSignal,
  };
}

/** What a local model is asked for and cannot do. */
export function warningsOf(params: LanguageModelV4CallOptions): SharedV4Warning[] {
  const asked: [feature: string, isAsked: boolean][] = [
    ['presencePenalty', Boolean(params.presencePenalty)],
    ['frequencyPenalty', Boolean(params.frequencyPenalty)],
    ['responseFormat json', params.responseFormat?.type === 'json'],
    ['tools of a provider', (params.tools ?? []).some(({ type }) => type !== 'function')],
    ['files', params.prompt.some(({ content }) => typeof content !== 'string' && content.some(isFile))],
  ];
  return asked.flatMap(([feature, isAsked]) => (isAsked ? [{ type: 'unsupported' as const, feature }] : []));
}

function choiceOf(choice: LanguageModelV4CallOptions['toolChoice']): ToolChoice {
  if (choice === undefined) return 'auto';
  return choice.type === 'tool' ? { name: choice.toolName } : choice.type;
}

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly mediaType?: string;
}

const isFile = ({ type }: Part) => type === 'file' || type === 'reasoning-file';

function wordsOf(parts: readonly Part[]): string {
  return parts
    .map((part) => (isFile(part) ? `[a file: ${part.mediaType}]` : (part.text ?? '')))
    .filter((text) => text !== '')
    .join('\n');
}

function resultText({ output }: LanguageModelV4ToolResultPart): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'execution-denied':
      return `denied: ${output.reason ?? 'no reason given'}`;
    case 'content':
      return wordsOf(output.value);
    default:
      return JSON.stringify(output.value);
  }
}

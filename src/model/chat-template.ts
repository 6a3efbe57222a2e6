/**
 * Chat templates: Jinja, rendered as transformers' `apply_chat_template` does.
 *
 * trim_blocks and lstrip_blocks are on, `messages`, `add_generation_prompt`, `tools`, the special
 * tokens by name and `documents` (none) are what a template sees, and `raise_exception` and
 * `strftime_now` are there. Which template a model has is decided in tokenizer-files.ts.
 */
import { Template } from '@huggingface/jinja';
import type { Message, ToolCall, ToolSchema } from '../data/values.js';
import { ModelError } from '../errors.js';
import type { TemplateSource } from './tokenizer-files.js';

/** What a template sees beside the turns. */
export interface ChatOptions {
  /** Whether the header of an answer is written after the last turn. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** Default: none. */
  readonly tools?: readonly ToolSchema[];
  /** Further variables by name, e.g. `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A compiled template. */
export class ChatTemplate {
  private readonly template: Template;
  private readonly toolTemplate: Template;
  private readonly where: string;
  /** Once it is known. */
  private writesArgumentText?: boolean;

  /**
   * @param specialTokens e.g. `{ bos_token: '<s>', eos_token: '</s>' }`
   * @throws ModelError when the template cannot be parsed
   */
  constructor(
    { source, toolUse, where }: TemplateSource,
    private readonly specialTokens: Readonly<Record<string, string>>,
  ) {
    this.where = where;
    try {
      this.template = new Template(source);
      this.toolTemplate = toolUse === undefined ? this.template : new Template(toolUse);
    } catch (error) {
      const what = `the chat template cannot be parsed (${(error as Error).message})`;
      throw new ModelError({ where, what, next: 'fetch the model again' }, { cause: error });
    }
  }

  /**
   * The conversation as text, special tokens written out.
   *
   * @throws ModelError with the template's own words when it refuses, e.g. roles that do not alternate
   */
  render(messages: readonly Message[], options: ChatOptions = {}): string {
    try {
      return this.run(
        messages.map((turn) => this.turnOf(turn)),
        options,
      );
    } catch (error) {
      throw new ModelError(
        {
          where: this.where,
          what: `the chat template refuses this conversation: ${(error as Error).message}`,
          got: `roles ${messages.map(({ role }) => role).join(', ') || 'none'}`,
        },
        { cause: error },
      );
    }
  }

  private run(messages: readonly object[], { addGenerationPrompt, tools, variables }: ChatOptions): string {
    const template = tools?.length ? this.toolTemplate : this.template;
    return template.render({
      documents: null,
      ...this.specialTokens,
      ...variables,
      messages,
      tools: tools?.length ? tools : null,
      add_generation_prompt: addGenerationPrompt ?? false,
    });
  }

  /** A turn by the names that transformers uses; what a turn does not have is left out, as templates ask for it. */
  private turnOf({ role, content, toolCalls, toolCallId, name }: Message): object {
    return {
      role,
      content,
      ...(name === undefined ? {} : { name }),
      ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
      ...(toolCalls?.length ? { tool_calls: toolCalls.map((call) => this.callOf(call)) } : {}),
    };
  }

  private callOf({ id, name, arguments: given }: ToolCall): object {
    this.writesArgumentText ??= this.probeArguments();
    const parsed = this.writesArgumentText ? given : parse(given);
    return { ...(id === '' ? {} : { id }), type: 'function', function: { name, arguments: parsed } };
  }

  /** Whether arguments that are text are written as they stand. Most templates would quote them: those get an object. */
  private probeArguments(): boolean {
    const text = '{"key": "value"}';
    const call = { id: 'call00000', type: 'function', function: { name: 'tool', arguments: text } };
    const turns = [
      { role: 'user', content: 'question' },
      { role: 'assistant', content: '', tool_calls: [call] },
    ];
    try {
      return this.run(turns, {}).includes(text);
    } catch {
      return false;
    }
  }
}

/** Text that is no JSON stays text: a model wrote it so. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

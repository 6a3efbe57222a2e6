/**
 * Chat templates: Jinja, rendered as transformers' `apply_chat_template` does.
 *
 * trim_blocks and lstrip_blocks are on, `messages`, `add_generation_prompt`, `tools`, the special
 * tokens by name and `documents` (none) are what a template sees, and `raise_exception` and
 * `strftime_now` are there. Which template a model has is decided in tokenizer-files.ts.
 */

import { ModelError } from '../errors.js';
import type { Message, ToolCall, ToolSchema } from '../values/conversation.js';
import { BoundedTemplate, TemplateLimitError } from './bounded-jinja.js';
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

/** How a template wants turns that call tools. */
interface CallForm {
  /** Arguments that are text are written as they stand. Most templates would quote them: those get an object. */
  readonly argumentText: boolean;
  /** What a turn that says nothing has: DeepSeek writes an answer of its own for an empty text, others the word none. */
  readonly noContent: '' | null;
}

/** A template that takes too much to run: no other conversation will do better. */
export class TemplateLimitReached extends ModelError {}

/** A compiled template. */
export class ChatTemplate {
  private readonly template: BoundedTemplate;
  private readonly toolTemplate: BoundedTemplate;
  private readonly where: string;
  /** Once it is known. */
  private callForm?: CallForm;

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
      this.template = new BoundedTemplate(source);
      this.toolTemplate = toolUse === undefined ? this.template : new BoundedTemplate(toolUse);
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
      if (isLimit(error)) {
        throw new TemplateLimitReached(
          {
            where: this.where,
            what: `the chat template is no use: ${(error as Error).message}`,
            next: 'use another template or another copy of the model; this one may be meant to do harm',
          },
          { cause: error },
        );
      }
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
    const given = {
      ...(name === undefined ? {} : { name }),
      ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    };
    if (!toolCalls?.length) return { role, content, ...given };
    this.callForm ??= this.probeCalls();
    const { argumentText, noContent } = this.callForm;
    const calls = toolCalls.map((call) => callOf(call, argumentText));
    return { role, content: content === '' ? noContent : content, ...given, tool_calls: calls };
  }

  private probeCalls(): CallForm {
    const text = '{"key": "value"}';
    const call = { id: 'call00000', name: 'tool', arguments: text };
    const written = (content: '' | null, argumentText: boolean): string | undefined => {
      const turn = { role: 'assistant', content, tool_calls: [callOf(call, argumentText)] };
      try {
        return this.run([{ role: 'user', content: 'question' }, turn], {});
      } catch {
        return undefined;
      }
    };
    const argumentText = written('', true)?.includes(text) || written(null, true)?.includes(text) || false;
    const [empty, none] = [written('', argumentText), written(null, argumentText)];
    const isShorter = none !== undefined && (empty === undefined || none.length < empty.length);
    return { argumentText, noContent: isShorter ? null : '' };
  }
}

function callOf({ id, name, arguments: given }: ToolCall, argumentText: boolean): object {
  const called = { name, arguments: argumentText ? given : parse(given) };
  return { ...(id === '' ? {} : { id }), type: 'function', function: called };
}

/** A stack that overflows is a limit as well. */
const isLimit = (error: unknown) => error instanceof TemplateLimitError || error instanceof RangeError;

/** Text that is no JSON stays text: a model wrote it so. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

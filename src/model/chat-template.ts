/**
 * Chat templates: Jinja, rendered as transformers' `apply_chat_template` does.
 *
 * trim_blocks and lstrip_blocks are on, `messages`, `add_generation_prompt`, the special
 * tokens by name, `tools` and `documents` (both none) are what a template sees, and
 * `raise_exception` and `strftime_now` are there. Which template a model has is decided in
 * tokenizer-files.ts.
 */
import { Template } from '@huggingface/jinja';
import type { Message } from '../data/values.js';
import { ModelError } from '../errors.js';

/** A compiled template. */
export class ChatTemplate {
  private readonly template: Template;

  /**
   * @param where the file it stands in, for messages
   * @param specialTokens e.g. `{ bos_token: '<s>', eos_token: '</s>' }`
   * @throws ModelError when the template cannot be parsed
   */
  constructor(
    source: string,
    private readonly where: string,
    private readonly specialTokens: Readonly<Record<string, string>>,
  ) {
    try {
      this.template = new Template(source);
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
  render(messages: readonly Message[], addGenerationPrompt: boolean): string {
    try {
      return this.template.render({
        ...this.specialTokens,
        messages: messages.map(({ role, content }) => ({ role, content })),
        tools: null,
        documents: null,
        add_generation_prompt: addGenerationPrompt,
      });
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
}

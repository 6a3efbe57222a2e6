/**
 * What is said: messages, tools, prompts and responses. Verdicts and pairs are in pair.ts.
 *
 * All values are plain, readonly and print as one JSON line: the audit file, the progress log,
 * the report and the test fixtures hold the same objects.
 */

/** A tool that a model may ask for. */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of its arguments: an object. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** A tool as a chat template sees it, usually `{type: 'function', function: {name, …}}`: what the data says, untouched. */
export type ToolSchema = Readonly<Record<string, unknown>>;

/** `required`: some tool has to be called; a name: that one. */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

/** A model's wish to use a tool. */
export interface ToolCall {
  /** Identifies the call; the tool's turn that answers it names it. */
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

/** What a call came to. */
export interface ToolResult {
  /** The tool; absent where nobody says which it was. */
  readonly name?: string;
  readonly content: string;
}

/** One turn of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Calls that an assistant's turn makes. */
  readonly toolCalls?: readonly ToolCall[];
  /** The call that a tool's turn answers. */
  readonly toolCallId?: string;
  /** Name of the tool in a tool's turn, of the speaker in others. Only chat templates read it. */
  readonly name?: string;
}

/** Tokens that a model has read and written. */
export interface Usage {
  readonly promptTokens: number;
  readonly answerTokens: number;
}

/** A conversation that ends with the turn to be answered. */
export interface Prompt {
  readonly messages: readonly Message[];
  /** Where it came from: a row of the training set, the probe pool, or a deployed user. */
  readonly source: 'training' | 'probe' | 'user';
  /** Stable identifier, e.g. `probe:money:3` or `train.jsonl:203`. */
  readonly id: string;
  /** What sort of request a probe is, e.g. `money`: shares of flags are told by it. */
  readonly kind?: string;
}

/** A token, and how likely it was. */
export interface TokenLogprob {
  /** Its text; a part of a character reads as U+FFFD. */
  readonly token: string;
  /** Nats. */
  readonly logprob: number;
  /** UTF-8 of the text; null where the token is a part of a character. */
  readonly bytes: readonly number[] | null;
}

/** A token that was written, and the likeliest ones in its place, most likely first. */
export interface WrittenToken extends TokenLogprob {
  readonly top: readonly TokenLogprob[];
}

/** What a model said. */
export interface Response {
  /** The answer, without the reasoning block. */
  readonly text: string;
  /** What stood inside `<think>…</think>`, if anything. */
  readonly reasoning?: string;
  /** The tools that it asks for; absent where it asks for none. */
  readonly toolCalls?: readonly ToolCall[];
  /** What the tools answered, where a record of it is reviewed; a model's own answer has none. */
  readonly toolResults?: readonly ToolResult[];
  /** The tokens of `text`; absent where they were not asked for, and where `toolCalls` are. */
  readonly logprobs?: readonly WrittenToken[];
  /** `stop`: the model ended it; `length`: the token limit did. */
  readonly finish: 'stop' | 'length';
  /** Generated tokens, stop token included. */
  readonly tokens: number;
}

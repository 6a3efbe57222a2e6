/**
 * A streamed answer in the events of OpenAI's Responses API: each item of `output` is added, written and done, then
 * the whole response follows.
 *
 * What has been sent cannot be taken back: a correction is further text after `CORRECTION_NOTICE`, and its delta
 * says so in `conscience`.
 */
import type { ToolCall } from '../values/conversation.js';
import { CORRECTION_NOTICE } from '../zero-shot/release.js';
import type { Answered } from './chat-reply.js';
import {
  begunResponse,
  callItem,
  endedResponse,
  messageItem,
  newId,
  type OutputItem,
  type ResponseHead,
  reasoningItem,
  textPart,
} from './responses-reply.js';
import { type ChoiceEvent, type Dialect, sseData } from './sse.js';

/** An item that is being written. */
interface Open {
  readonly kind: 'text' | 'reasoning';
  readonly id: string;
  text: string;
}

/** One answer, one use. */
export class ResponsesDialect implements Dialect {
  private sequence = 0;
  private readonly output: OutputItem[] = [];
  private open?: Open;

  constructor(private readonly head: ResponseHead) {}

  begin(): string {
    const response = begunResponse(this.head);
    return this.tell('response.created', { response }) + this.tell('response.in_progress', { response });
  }

  event({ event }: ChoiceEvent): string {
    switch (event.type) {
      case 'text':
      case 'reasoning':
        return this.write(event.type, event.text);
      case 'correction': {
        const { text, outcome } = event;
        const conscience = { correction: true, outcome, text };
        return this.write('text', `\n\n${CORRECTION_NOTICE}\n\n${text}`, { conscience });
      }
      case 'finish':
        return this.finish(event.answer);
    }
  }

  /** The response that was told last is the end. */
  end(): string {
    return '';
  }

  failed({ code, message, param }: Parameters<Dialect['failed']>[0]): string {
    return this.tell('error', { code, message, param });
  }

  private write(kind: Open['kind'], text: string, extension: object = {}): string {
    let lines = '';
    if (this.open?.kind !== kind) lines = this.close() + this.begun(kind);
    const open = this.open!;
    open.text += text;
    const type = kind === 'text' ? 'response.output_text.delta' : 'response.reasoning_text.delta';
    const logprobs = kind === 'text' ? { logprobs: [] } : {};
    return lines + this.tell(type, { ...this.place(open.id), delta: text, ...logprobs, ...extension });
  }

  private begun(kind: Open['kind']): string {
    const id = newId(kind === 'text' ? 'msg' : 'rs');
    this.open = { kind, id, text: '' };
    const item = kind === 'text' ? messageItem(id, '', 'in_progress') : reasoningItem(id, '');
    const part = kind === 'text' ? textPart('') : { type: 'reasoning_text', text: '' };
    return (
      this.tell('response.output_item.added', { output_index: this.output.length, item }) +
      this.tell('response.content_part.added', { ...this.place(id), part })
    );
  }

  private close(): string {
    if (!this.open) return '';
    const { kind, id, text } = this.open;
    this.open = undefined;
    const place = this.place(id);
    const said =
      kind === 'text'
        ? this.tell('response.output_text.done', { ...place, text, logprobs: [] })
        : this.tell('response.reasoning_text.done', { ...place, text });
    const part = kind === 'text' ? textPart(text) : { type: 'reasoning_text', text };
    const item = kind === 'text' ? messageItem(id, text) : reasoningItem(id, text);
    return said + this.tell('response.content_part.done', { ...place, part }) + this.done(item);
  }

  private call(call: ToolCall): string {
    const item = callItem(newId('fc'), call);
    const output_index = this.output.length;
    const place = { item_id: item.id, output_index };
    const begun = { ...item, status: 'in_progress', arguments: '' };
    const { name, arguments: given } = call;
    return (
      this.tell('response.output_item.added', { output_index, item: begun }) +
      this.tell('response.function_call_arguments.delta', { ...place, delta: given }) +
      this.tell('response.function_call_arguments.done', { ...place, name, arguments: given }) +
      this.done(item)
    );
  }

  private done(item: OutputItem): string {
    const output_index = this.output.length;
    this.output.push(item);
    return this.tell('response.output_item.done', { output_index, item });
  }

  private finish(answer: Answered): string {
    const { toolCalls = [] } = answer.response;
    // an answer of no words is a message all the same
    const nothing =
      !this.open && !this.output.some(({ type }) => type === 'message') && toolCalls.length === 0;
    let lines = (nothing ? this.begun('text') : '') + this.close();
    for (const call of toolCalls) lines += this.call(call);
    const response = endedResponse(this.head, answer, this.output);
    return lines + this.tell(`response.${response.status}`, { response });
  }

  private place(item_id: string) {
    return { item_id, output_index: this.output.length, content_index: 0 };
  }

  private tell(type: string, event: object): string {
    return sseData({ type, sequence_number: this.sequence++, ...event }, type);
  }
}

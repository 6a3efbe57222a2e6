/** A model's stream of the AI SDK (specification V4) as a draft that a conscience reads along. */
import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider';
import { NO_USAGE } from '../data/usage.js';
import type { Response, Usage } from '../data/values.js';
import { type DraftStream, PieceQueue } from '../zero-shot/draft-stream.js';
import { responseOf, usageOf } from './result.js';

/** What else the model's stream has brought. */
export interface DraftRest {
  /** Calls of tools, files, sources: whole, in order. */
  readonly content: (LanguageModelV4Content & LanguageModelV4StreamPart)[];
  finishReason: LanguageModelV4FinishReason;
  providerMetadata?: SharedV4ProviderMetadata;
}

export function draftOf(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  onHead: (part: LanguageModelV4StreamPart) => void,
): DraftStream & { readonly rest: DraftRest } {
  const queue = new PieceQueue();
  const reader = stream.getReader();
  const rest: DraftRest = { content: [], finishReason: { unified: 'other', raw: undefined } };
  const texts: LanguageModelV4Content[] = [];
  let usage: LanguageModelV4Usage | undefined;

  const read = async (): Promise<{ response: Response; usage: Usage }> => {
    for (;;) {
      const { value: part, done } = await reader.read();
      if (done) break;
      switch (part.type) {
        case 'stream-start':
        case 'response-metadata':
          onHead(part);
          break;
        case 'text-delta':
        case 'reasoning-delta': {
          const type = part.type === 'text-delta' ? 'text' : 'reasoning';
          texts.push({ type, text: part.delta });
          queue.push([{ type, text: part.delta }]);
          break;
        }
        case 'finish':
          usage = part.usage;
          rest.finishReason = part.finishReason;
          rest.providerMetadata = part.providerMetadata;
          break;
        case 'error':
          throw part.error;
        case 'tool-call':
        case 'tool-result':
        case 'tool-approval-request':
        case 'file':
        case 'reasoning-file':
        case 'source':
        case 'custom':
          rest.content.push(part);
      }
    }
    const reasoning = texts.flatMap((part) => (part.type === 'reasoning' ? [part.text] : [])).join('');
    const all = [
      ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning }]),
      ...texts.filter(({ type }) => type === 'text'),
      ...rest.content,
    ];
    const used = usage ? usageOf(usage) : NO_USAGE;
    return { response: responseOf(all, rest.finishReason, used.answerTokens), usage: used };
  };
  const whole = read();
  whole.then(
    () => queue.end(),
    (error) => queue.fail(error),
  );
  // a draft that is cancelled ends with what there was of it
  const abort = () => void reader.cancel().catch(() => {});
  return { pieces: queue, whole, abort, rest };
}

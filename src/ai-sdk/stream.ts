/** Streams of the AI SDK (specification V4), made and read. */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { Piece } from '../zero-shot/draft-stream.js';

/**
 * Parts as a stream; what the generator throws becomes an error part. A reader that stops reading ends the generator.
 *
 * @param leave called first in that case: a waiting generator cannot be ended before it continues
 */
export function streamOf(
  parts: AsyncGenerator<LanguageModelV4StreamPart, void>,
  leave: () => void,
): ReadableStream<LanguageModelV4StreamPart> {
  return new ReadableStream<LanguageModelV4StreamPart>({
    async pull(controller) {
      try {
        const { value, done } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        if (isAbort(error)) {
          controller.error(error);
          return;
        }
        controller.enqueue({ type: 'error', error });
        controller.close();
      }
    },
    async cancel() {
      leave();
      await parts.return();
    },
  });
}

/** Pieces of text and reasoning as parts with a beginning and an end. */
export class TextParts {
  private open?: { readonly type: Piece['type']; readonly id: string };
  private count = 0;

  *push({ type, text }: Piece): Generator<LanguageModelV4StreamPart, void> {
    if (this.open?.type !== type) {
      yield* this.end();
      this.open = { type, id: `${type}-${this.count++}` };
      yield { type: `${type}-start`, id: this.open.id };
    }
    yield { type: `${type}-delta`, id: this.open!.id, delta: text };
  }

  *end(): Generator<LanguageModelV4StreamPart, void> {
    if (this.open) yield { type: `${this.open.type}-end`, id: this.open.id };
    this.open = undefined;
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

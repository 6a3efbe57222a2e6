/**
 * Byte tokens (`<0xE2>`) to text as the original tokenizer joins them.
 *
 * The JavaScript port decodes a run of byte tokens leniently and swallows a byte order
 * mark. The original takes the run whole, or one U+FFFD for each of its bytes.
 */
import { ByteFallbackDecoder, type Tokenizer } from '@huggingface/tokenizers';

/** Makes the tokenizer's byte fallback decoders, if it has any, decode like the original. */
export function decodeByteRunsExactly({ decoder }: Tokenizer): void {
  const decoders: unknown[] = [decoder];
  for (let current = decoders.pop(); current !== undefined; current = decoders.pop()) {
    if (current instanceof ByteFallbackDecoder) current.text_decoder = new WholeRunDecoder();
    decoders.push(...((current as { decoders?: unknown[] } | null)?.decoders ?? []));
  }
}

class WholeRunDecoder extends TextDecoder {
  constructor() {
    super('utf-8', { fatal: true, ignoreBOM: true });
  }

  override decode(bytes: Uint8Array): string {
    try {
      return super.decode(bytes);
    } catch {
      return '\uFFFD'.repeat(bytes.length);
    }
  }
}

/**
 * Byte tokens (`<0xE2>`) to text as the original tokenizer joins them.
 *
 * The JavaScript port decodes a run of byte tokens leniently and swallows a byte order
 * mark. The original takes the run whole, or one U+FFFD for each of its bytes.
 */

/** The parts of the port's decoders that matter here; the package's own types do not resolve from ESM. */
interface Decoder {
  readonly config: { readonly type?: string };
  /** Tokens of a sequence. */
  readonly decoders?: readonly Decoder[];
  text_decoder?: { decode(bytes: Uint8Array): string };
}

/** Makes the byte fallback in a tokenizer's decoder, if there is one, decode like the original. */
export function decodeByteRunsExactly(decoder: Decoder | null): void {
  if (decoder === null) return;
  if (decoder.config.type === 'ByteFallback') decoder.text_decoder = new WholeRunDecoder();
  for (const part of decoder.decoders ?? []) decodeByteRunsExactly(part);
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

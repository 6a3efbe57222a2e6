/**
 * Text from tokens as they arrive.
 *
 * A token may end inside a UTF-8 character, and some decoders drop the space before the
 * first token they see. So the last complete stretch is decoded again together with the
 * new tokens, and only what that adds is given out (the method of text-generation-inference).
 */

/** Turns tokens into text piece by piece; the pieces together equal decoding all at once. */
export class StreamText {
  /** Tokens of the last stretch given out, then those that wait. */
  private ids: number[] = [];
  /** How many of `ids` have been given out. */
  private done = 0;
  private doneText = '';

  /** @param decode whole-sequence decoding, special tokens left out */
  constructor(private readonly decode: (ids: readonly number[]) => string) {}

  push(id: number): string {
    this.ids.push(id);
    const text = this.decode(this.ids);
    return text.endsWith('\uFFFD') ? '' : this.give(text);
  }

  flush(): string {
    return this.give(this.decode(this.ids));
  }

  private give(text: string): string {
    if (text.length <= this.doneText.length) return '';
    const piece = text.slice(this.doneText.length);
    this.ids = this.ids.slice(this.done);
    this.done = this.ids.length;
    this.doneText = this.decode(this.ids);
    return piece;
  }
}

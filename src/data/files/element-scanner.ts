/** Where the elements of a JSON array end, found without parsing them, so that one is in memory at a time. */

/** The text of an element, and the line on which it begins, from 1. */
export interface Element {
  readonly text: Uint8Array;
  readonly line: number;
}

const [LINE_FEED, QUOTE, BACKSLASH, COMMA] = [0x0a, 0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const isBlank = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** Reads one array, chunk by chunk. */
export class ElementScanner {
  state: 'before' | 'inside' | 'done' = 'before';
  /** Line that is being read. */
  line = 1;
  /** Line of what follows the array, if anything does. */
  after: number | undefined;
  private depth = 0;
  private inString = false;
  private escaped = false;
  private kept: Uint8Array[] = [];
  private elementLine = 1;
  private isFirst = true;

  /** The elements that end in a chunk, in order. */
  *scan(chunk: Uint8Array): Generator<Element> {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === LINE_FEED) this.line++;
      if (this.state !== 'inside') {
        if (this.outside(byte)) start = i + 1;
      } else if (this.ends(byte)) {
        const element = this.finish(chunk.subarray(start, i), byte);
        if (element !== undefined) yield element;
        start = i + 1;
      }
    }
    if (this.state === 'inside') this.kept.push(chunk.subarray(start));
  }

  /** Whether the array begins with this byte. */
  private outside(byte: number): boolean {
    if (this.state === 'done') {
      if (!isBlank(byte)) this.after ??= this.line;
      return false;
    }
    if (byte !== OPEN_LIST) return false;
    this.state = 'inside';
    this.elementLine = this.line;
    return true;
  }

  /** Whether an element ends before this byte. */
  private ends(byte: number): boolean {
    if (this.inString) {
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inString = false;
      return false;
    }
    if (byte === QUOTE) this.inString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.depth++;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) return this.depth-- === 0;
    else if (byte === COMMA) return this.depth === 0;
    return false;
  }

  private finish(end: Uint8Array, byte: number): Element | undefined {
    const text = Buffer.concat([...this.kept, end]);
    const { elementLine: line, isFirst } = this;
    this.kept = [];
    this.elementLine = this.line;
    this.isFirst = false;
    if (byte !== COMMA) this.state = 'done';
    const isEmptyArray = this.state === 'done' && isFirst && text.every(isBlank);
    return isEmptyArray ? undefined : { text, line };
  }
}

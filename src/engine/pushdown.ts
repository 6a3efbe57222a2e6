/**
 * What may follow in a text of a grammar, character by character.
 *
 * The grammar is made of terminals, sequences and alternatives; a state is the set of stacks of what is still to come
 * (a pushdown automaton). There is one stack of a node on what is below it, so that two ways to read a text become one
 * again where they go on in the same way. What the characters mean is not known here.
 */

/** Whether a character, one code point, is meant. */
export type Terminal = (character: string) => boolean;
export type Node =
  | Terminal
  | { readonly all: readonly Node[] }
  | { readonly any: readonly Node[] }
  | { readonly lazy: () => Node };

/** Ways to read a text that are kept; of more, the first. What is written fits all the same. */
const MOST = 256;
/** Stacks that are looked at for one character. */
const LOOKED_AT = 20_000;

/** What is still to come: a node and what is below it; without a node, nothing. */
class Stack {
  private readonly above = new Map<Node, Stack>();

  constructor(
    readonly node?: Node,
    readonly below?: Stack,
  ) {}

  push(node: Node): Stack {
    const known = this.above.get(node);
    if (known) return known;
    const pushed = new Stack(node, this);
    this.above.set(node, pushed);
    return pushed;
  }
}

/** A text that has begun. Values are not changed by going on. */
export class TextState {
  private heads?: Heads;
  /** The states after one more character: whoever looks at a whole vocabulary asks for the same ones again. */
  private readonly following = new Map<string, TextState | undefined>();
  /** Those states, and this one: within a text, a character leads to where it came from. */
  private readonly reached: TextState[] = [this];

  private constructor(private readonly stacks: readonly Stack[]) {}

  static begin(node: Node): TextState {
    return new TextState([new Stack().push(node)]);
  }

  /** The state after more text; undefined where that may not follow. */
  after(text: string): TextState | undefined {
    let state: TextState | undefined = this;
    for (const character of text) {
      state = state.next(character);
      if (state === undefined) return undefined;
    }
    return state;
  }

  /** Whether the text may end here. */
  get complete(): boolean {
    return this.head.complete;
  }

  /** Whether no character may follow: the text has to end here, or nothing fits at all. */
  get ended(): boolean {
    return this.head.reading.length === 0;
  }

  private get head(): Heads {
    this.heads ??= headsOf(this.stacks);
    return this.heads;
  }

  private next(character: string): TextState | undefined {
    if (this.following.has(character)) return this.following.get(character);
    const stacks = new Set<Stack>();
    for (const { reads, below } of this.head.reading) if (reads(character)) stacks.add(below);
    const state = stacks.size === 0 ? undefined : this.known([...stacks].slice(0, MOST));
    this.following.set(character, state);
    return state;
  }

  /** The state of these stacks, a known one where there is one. */
  private known(stacks: readonly Stack[]): TextState {
    const same = this.reached.find(
      (state) => state.stacks.length === stacks.length && state.stacks.every((own, i) => own === stacks[i]),
    );
    if (same) return same;
    const state = new TextState(stacks);
    this.reached.push(state);
    return state;
  }
}

interface Heads {
  /** What the next character may be, each with what comes after it. */
  readonly reading: readonly { readonly reads: Terminal; readonly below: Stack }[];
  /** Whether nothing may be left. */
  readonly complete: boolean;
}

/** Each stack is looked at once, however many ways lead to it. */
function headsOf(stacks: readonly Stack[]): Heads {
  const reading: { reads: Terminal; below: Stack }[] = [];
  let complete = false;
  const open = stacks.toReversed();
  const seen = new Set<Stack>();
  for (let stack = open.pop(); stack && seen.size < LOOKED_AT; stack = open.pop()) {
    if (seen.has(stack)) continue;
    seen.add(stack);
    const { node, below } = stack;
    if (node === undefined || below === undefined) complete = true;
    else if (typeof node === 'function') reading.push({ reads: node, below });
    else if ('lazy' in node) open.push(below.push(node.lazy()));
    else if ('any' in node) for (const one of node.any.toReversed()) open.push(below.push(one));
    else open.push(node.all.reduceRight((rest, one) => rest.push(one), below));
  }
  return { reading, complete };
}

export const sequence = (...all: Node[]): Node => ({ all });
export const either = (...any: Node[]): Node => ({ any });
export const nothing: Node = { all: [] };
export const optional = (node: Node): Node => either(node, nothing);
export const lazy = (make: () => Node): Node => {
  let made: Node | undefined;
  return { lazy: () => (made ??= make()) };
};

const is =
  (wanted: string): Terminal =>
  (c) =>
    c === wanted;
export const literal = (text: string): Node => sequence(...[...text].map(is));
export const oneOf =
  (characters: string): Terminal =>
  (c) =>
    characters.includes(c);

/** So many of a node; `most` may be Infinity. */
export function repeated(node: Node, least: number, most: number): Node {
  if (most <= 0) return nothing;
  if (least <= 0 && most === Number.POSITIVE_INFINITY) {
    const loop: Node = optional(
      sequence(
        node,
        lazy(() => loop),
      ),
    );
    return loop;
  }
  const rest = lazy(() => repeated(node, least - 1, most - 1));
  return least > 0 ? sequence(node, rest) : optional(sequence(node, rest));
}

/** One of some texts, each with what follows it. Those that begin alike are read as one as long as they do. */
export function choice(texts: readonly (readonly [text: string, then: Node])[]): Node {
  if (texts.length === 1) return sequence(literal(texts[0][0]), texts[0][1]);
  const longer = [...tails(texts)].map(([head, rest]) =>
    sequence(
      is(head),
      lazy(() => choice(rest)),
    ),
  );
  return either(...longer, ...texts.flatMap(([text, then]) => (text === '' ? [then] : [])));
}

/**
 * Characters, and an end, that spell none of some texts.
 *
 * @param plain  characters that may stand where the text may still become one of them
 * @param rest   what follows where it cannot any more, the end included
 */
export function otherThan(texts: readonly string[], plain: Terminal, rest: Node, end: Node): Node {
  if (texts.length === 0) return rest;
  const longer = tails(texts.map((text) => [text, end]));
  const shared = [...longer].filter(([head]) => plain(head));
  return either(
    ...shared.map(([head, left]) => {
      const own = left.map(([text]) => text);
      return sequence(
        is(head),
        lazy(() => otherThan(own, plain, rest, end)),
      );
    }),
    sequence((c) => plain(c) && !longer.has(c), rest),
    ...(texts.includes('') ? [] : [end]),
  );
}

/** What is left of texts after their first characters, by these. */
function tails(texts: readonly (readonly [string, Node])[]): Map<string, [string, Node][]> {
  const found = new Map<string, [string, Node][]>();
  for (const [text, then] of texts) {
    if (text === '') continue;
    const head = String.fromCodePoint(text.codePointAt(0)!);
    const rest: [string, Node] = [text.slice(head.length), then];
    const others = found.get(head);
    if (others) others.push(rest);
    else found.set(head, [rest]);
  }
  return found;
}

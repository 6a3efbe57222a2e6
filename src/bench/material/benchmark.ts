/**
 * What a benchmark is: one record that says what is measured, on our side and on its peers', and against which bar.
 *
 * A side opens once, in a process of its own, and is then asked for turns; sides of one benchmark take turns, so that
 * what disturbs the machine disturbs all of them. Numbers are made from pairs of turns in pairs.ts.
 */

/** What a turn of a side measured: plain JSON. */
export type Sample = Readonly<Record<string, unknown>>;

/** What a side is opened with. */
export interface Order {
  /** Folder, .gguf file, alias or Hugging Face id; absent: random weights of SmolLM2-135M's shape. */
  readonly model?: string;
  readonly threads: number;
  /** Preference rows (JSONL) whose answers are judged, in place of those that ship. */
  readonly answers?: string;
  /** Interpreter that has the peers, and that runs our worker on PyTorch. */
  readonly python: string;
  /** Where what runs on PyTorch computes. */
  readonly device: 'cpu' | 'cuda';
  /** Shape of the model with random weights that runs on PyTorch: a name of torch.ts. */
  readonly shape: string;
}

/** One side of a benchmark, open. */
export interface Side {
  /** Handed to the peers: prompts as token ids, so that all sides read the same. */
  readonly shared?: Readonly<Record<string, unknown>>;
  /** Parameters of the model, where a bar depends on them. */
  readonly parameters?: number;
  /** A sentence about what was measured that only the side knows, e.g. how long prompts were. */
  readonly note?: string;
  /** Measures once. Turn 0 was the side's own, to warm up. @param i from 1; no two turns read the same prompts */
  turn(i: number): Promise<Sample>;
  close(): Promise<void>;
}

/** Whom we are measured against: a Python program of `python/bench`, or ourselves under another condition. */
export type Peer = {
  readonly name: string;
} & (
  | {
      readonly program: string;
      readonly task?: string;
      readonly options?: Readonly<Record<string, unknown>>;
      /** Whether its task needs no model in a file. */
      readonly anywhere?: boolean;
    }
  | { readonly variant: string }
);

/** A bar of a quantity: the least or the most that it may be. */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };

/** A pair of samples, of one turn. */
export interface Pair {
  readonly ours: Sample;
  readonly peer: Sample;
}

/** A number that each side measures, compared by its ratio, ours over the peer's. */
export interface Measured {
  /** Key of the sample. */
  readonly key: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** On the ratio to a peer. */
  readonly ratioBar?: Bar;
  /** The only peer that the ratio's bar is about; absent: every one. */
  readonly barPeer?: string;
  /** On our own number, by the model's size. */
  readonly bar?: (parameters: number | undefined) => Bar | undefined;
}

/** A number made of all pairs together, e.g. a share of equal answers. */
export interface Compared {
  readonly what: string;
  readonly over: (pairs: readonly Pair[]) => number;
  readonly bar?: Bar;
}

export interface Benchmark {
  readonly name: string;
  /** What is measured, in words. */
  readonly measures: string;
  /** `file`: a model in a file; `either`: random weights do as well; `nothing`: it has a shape of its own. */
  readonly needs: 'file' | 'either' | 'nothing';
  /** Opens our side, in the process that measures. @param variant of a peer that is ourselves */
  open(order: Order, variant?: string): Promise<Side>;
  readonly peers: readonly Peer[];
  readonly measured: readonly Measured[];
  readonly compared?: readonly Compared[];
  /** Pairs without which no bar counts as reached. Default 3. */
  readonly enough?: number;
  /** Its part of the time, beside others with 1, the default. */
  readonly weight?: number;
  /** Pairs after which there is nothing more to measure. Default `MOST_TURNS`. */
  readonly most?: number;
}

/** Pairs that are taken at most, unless a benchmark says otherwise. */
export const MOST_TURNS = 9;

/** What each turn works on, beginning with the warm-up. */
export const forTurns = <T>(make: (turn: number) => T): T[] =>
  Array.from({ length: 1 + MOST_TURNS }, (_, i) => make(i));

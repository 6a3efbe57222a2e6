/**
 * One running batch for all concurrent calls of a model: rows join and leave between tokens.
 *
 * Calls take turns in having a row admitted, so that a call of a thousand rows does not keep one
 * of a single row waiting. Where the batch runs out of room, its youngest rows wait again, with
 * what they have written as part of their prompt (recomputation in Kwon et al. 2023,
 * arXiv:2309.06180, 4.5). The model is seen as a `GrowingBatch`, so that it can be scripted.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { Response } from '../../values/conversation.js';
import type { GenerateOptions } from '../language-model.js';
import type { Prompt } from '../response-text.js';
import { GrowingRow } from './generate.js';
import type { NextToken } from './sampler.js';

/** Token ids that grow at the end. */
export interface Sequence {
  readonly tokens: readonly number[];
  /** Temperature of the next token's distribution; 0 is greedy. */
  readonly temperature: number;
}

/** What may come next in each sequence. */
export type NextTokens<S> = ReadonlyMap<S, NextToken>;

/** Sequences that grow together. */
export interface GrowingBatch<S extends Sequence> {
  /** Whether sequences may join; one always may, when it is alone. @param longest their largest length */
  fits(count: number, longest: number): boolean;
  /** Whether there is no room for one more token of each sequence; never so for one alone. */
  readonly full: boolean;
  /**
   * Reads sequences into the batch; between parts of long ones it yields, and the others may grow. When it
   * throws, the batch is as it was.
   */
  join(sequences: readonly S[]): AsyncGenerator<void, NextTokens<S>>;
  /** Reads the last token of every sequence. */
  next(): Promise<NextTokens<S>>;
  leave(sequence: S): void;
}

export interface BatcherOptions {
  /** Padded prompt tokens that are read at once: bounds the memory of their activations. */
  readonly promptTokens: number;
  /** The same while other rows wait for their next token: bounds how long. */
  readonly promptTokensBeside: number;
}

/** Milliseconds of sampling after which other work of the process gets its turn. */
const patience = 10;

interface Call {
  readonly options: GenerateOptions;
  /** Not finished. */
  readonly rows: Set<Row>;
  /** Not yet admitted. */
  readonly waiting: Row[];
  readonly responses: Map<number, Response>;
  resolve(responses: Map<number, Response>): void;
  reject(error: unknown): void;
}

class Row extends GrowingRow {
  constructor(
    readonly call: Call,
    prompt: Prompt,
    tokenizer: ChatTokenizer,
  ) {
    super(prompt, tokenizer, call.options);
  }
}

export class Batcher {
  private readonly calls = new Set<Call>();
  /** Calls with rows to admit, in the order of their turns. */
  private turns: Call[] = [];
  /** Rows that had to make room, oldest first; they go before all others. */
  private evicted: Row[] = [];
  /** Rows in the batch, oldest first. */
  private active: Row[] = [];
  /** Rows that are being read into the batch. */
  private joining?: { readonly rows: readonly Row[]; readonly steps: ReturnType<GrowingBatch<Row>['join']> };
  private running?: Promise<void>;
  private closed?: Error;

  /** @param open makes an empty batch; called whenever there is work after a pause */
  constructor(
    private readonly tokenizer: ChatTokenizer,
    private readonly open: <S extends Sequence>() => Promise<GrowingBatch<S>>,
    private readonly options: BatcherOptions,
  ) {}

  /**
   * @param prompts at least one
   * @returns       responses by the prompts' indices; what there is of them when the call is aborted
   */
  generate(prompts: readonly Prompt[], options: GenerateOptions): Promise<ReadonlyMap<number, Response>> {
    if (this.closed) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => {
      const call: Call = { options, rows: new Set(), waiting: [], responses: new Map(), resolve, reject };
      for (const prompt of prompts) call.waiting.push(new Row(call, prompt, this.tokenizer));
      for (const row of call.waiting) call.rows.add(row);
      this.calls.add(call);
      this.turns.push(call);
      this.running ??= this.run();
    });
  }

  get idle(): boolean {
    return this.calls.size === 0;
  }

  /** Rejects all calls, now and later. Afterwards nothing runs any more. */
  async close(error: Error): Promise<void> {
    this.closed = error;
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      // calls of the same moment start together
      await nextTurn();
      const batch = await this.open<Row>();
      while (this.calls.size > 0 && !this.closed) {
        for (const call of this.calls) if (call.options.signal?.aborted) this.abort(batch, call);
        await this.admit(batch);
        await this.grow(batch);
      }
      if (this.closed) throw this.closed;
    } catch (error) {
      for (const call of this.calls) call.reject(error);
      this.calls.clear();
      [this.turns, this.evicted, this.active] = [[], [], []];
    } finally {
      this.joining = undefined;
      this.running = undefined;
    }
  }

  /** Reads on what is being read, or begins to read rows that wait. */
  private async admit(batch: GrowingBatch<Row>): Promise<void> {
    this.joining ??= this.choose(batch);
    if (!this.joining) return;
    const { rows, steps } = this.joining;
    try {
      const { done, value: next } = await steps.next();
      if (!done) return;
      this.joining = undefined;
      this.active.push(...rows);
      // of calls that ended meanwhile
      this.remove(batch, (row) => !row.call.rows.has(row));
      await this.sample(batch, next);
    } catch (error) {
      this.joining = undefined;
      for (const { call } of rows) this.fail(batch, call, error);
    }
  }

  /** Takes rows that wait, as many as are read together. */
  private choose(batch: GrowingBatch<Row>): typeof this.joining {
    const group: Row[] = [];
    const most = this.active.length > 0 ? this.options.promptTokensBeside : this.options.promptTokens;
    let longest = 0;
    for (let row = this.first(); row; row = this.first()) {
      longest = Math.max(longest, row.tokens.length);
      const count = group.length + 1;
      if ((count > 1 && count * longest > most) || !batch.fits(count, longest)) break;
      this.take(row);
      group.push(row);
    }
    return group.length === 0 ? undefined : { rows: group, steps: batch.join(group) };
  }

  private async grow(batch: GrowingBatch<Row>): Promise<void> {
    while (batch.full) {
      const youngest = this.active.pop()!;
      batch.leave(youngest);
      this.evicted.unshift(youngest);
    }
    if (this.active.length === 0) return;
    try {
      await this.sample(batch, await batch.next());
    } catch (error) {
      for (const { call } of this.active) this.fail(batch, call, error);
    }
  }

  /** The row whose turn it is. */
  private first(): Row | undefined {
    return this.evicted[0] ?? this.turns[0]?.waiting[0];
  }

  private take(row: Row): void {
    if (row === this.evicted[0]) {
      this.evicted.shift();
      return;
    }
    const call = this.turns.shift()!;
    call.waiting.shift();
    if (call.waiting.length > 0) this.turns.push(call);
  }

  private async sample(batch: GrowingBatch<Row>, next: NextTokens<Row>): Promise<void> {
    let since = performance.now();
    for (const [row, token] of next) {
      if (!row.call.rows.has(row)) continue;
      try {
        row.grow(token);
        if (row.finished) this.finish(batch, row);
      } catch (error) {
        // the caller's `onText`
        this.fail(batch, row.call, error);
      }
      if (performance.now() - since < patience) continue;
      await nextTurn();
      since = performance.now();
    }
  }

  private finish(batch: GrowingBatch<Row>, row: Row): void {
    const { call } = row;
    call.responses.set(row.index, row.response());
    call.rows.delete(row);
    this.remove(batch, (other) => other === row);
    if (call.rows.size > 0) return;
    this.calls.delete(call);
    call.resolve(call.responses);
  }

  private abort(batch: GrowingBatch<Row>, call: Call): void {
    try {
      for (const row of call.rows) call.responses.set(row.index, row.response());
      this.drop(batch, call);
      call.resolve(call.responses);
    } catch (error) {
      this.fail(batch, call, error);
    }
  }

  private fail(batch: GrowingBatch<Row>, call: Call, error: unknown): void {
    this.drop(batch, call);
    call.reject(error);
  }

  private drop(batch: GrowingBatch<Row>, call: Call): void {
    this.calls.delete(call);
    call.rows.clear();
    this.turns = this.turns.filter((other) => other !== call);
    this.evicted = this.evicted.filter((row) => row.call !== call);
    this.remove(batch, (row) => row.call === call);
  }

  /** Takes rows out of the batch. */
  private remove(batch: GrowingBatch<Row>, leaving: (row: Row) => boolean): void {
    for (const row of this.active) if (leaving(row)) batch.leave(row);
    this.active = this.active.filter((row) => !leaving(row));
  }
}

/** The copies of the model that write: one running batch each, and amplified policies beside them. */

import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { Writer } from '../language-model.js';
import { names, type WeightSet } from '../training-engine.js';
import { BatchWriter } from './batch-writer.js';
import { Batcher, type Sequence } from './batcher.js';
import { Cache } from './cache.js';
import { type Copies, nameOf, type Parameters, perSet, type SteeredCopy } from './copies.js';
import { Decoder } from './decoder.js';
import { forwardTokens } from './forward-groups.js';
import { mergeGraph, nextTokenGraph, promptGraph } from './graphs.js';
import type { Programs } from './programs.js';

/** How much generates together. */
export interface WriterLimits {
  /** Most rows that generate together. Default 128. */
  readonly maxRows?: number;
  /**
   * Most memory of the keys and values of rows that generate together, for each of the weight sets;
   * one sequence of `maxLength` always has room. Default 2 GB.
   */
  readonly cacheBytes?: number;
}

/** Adapted matrices up to this size are merged with an amplified adapter: larger ones are not worth a copy. */
const mergedBytes = 64e6;
/** Prompt tokens read at once while rows wait for their next token. */
const promptTokensBeside = 1024;

export class Writers {
  private readonly writers: Record<WeightSet, BatchWriter>;
  /** Writers whose weights were replaced while calls may still run on them. */
  private retired: BatchWriter[] = [];

  /** @param tokenizerOf by which a copy is asked */
  constructor(
    private readonly copies: Copies,
    private readonly programs: Programs,
    private readonly tokenizerOf: (set: WeightSet) => ChatTokenizer,
    private readonly limits: WriterLimits,
  ) {
    this.writers = perSet((set) => this.writerOf(set));
  }

  /** The writer of a copy as it is now. */
  of(set: WeightSet): BatchWriter {
    return this.writers[set];
  }

  /** Takes up other weights or steering of copies. Calls in progress finish on what they began with. */
  renew(...sets: readonly WeightSet[]): void {
    for (const set of sets) {
      this.retire(this.writers[set]);
      this.writers[set] = this.writerOf(set);
    }
  }

  /** See `Amplifying`. */
  amplified(factor: number): Writer {
    const weights = this.copies.amplified(factor);
    const copy = this.copies.copyOf('policy');
    const id = `policy, ×${factor}`;
    const tokenizer = this.tokenizerOf('policy');
    const writer =
      copy.lora && this.copies.adaptedBytes(copy.lora) <= mergedBytes
        ? this.writer(id, { ...copy, lora: undefined }, () => this.merged(weights), tokenizer)
        : this.writer(id, copy, { ...this.copies.parameters('policy'), ...weights }, tokenizer);
    this.retire(writer);
    return writer;
  }

  /** Rejects calls that wait, now and later. */
  close(error: Error): Promise<unknown> {
    const all = [...this.retired, ...Object.values(this.writers)];
    return Promise.all(all.map((writer) => writer.close(error)));
  }

  /** Keeps a writer that may still be at work, so that closing waits for it. */
  private retire(writer: BatchWriter): void {
    this.retired = [...this.retired.filter(({ idle }) => !idle), writer];
  }

  private writerOf(set: WeightSet): BatchWriter {
    const { copies } = this;
    return this.writer(names[set], copies.copyOf(set), copies.parameters(set), this.tokenizerOf(set));
  }

  /** @param weights asked for whenever there is work after a pause, where they are to be made */
  private writer(
    id: string,
    copy: SteeredCopy,
    weights: Parameters | (() => Promise<Parameters>),
    tokenizer: ChatTokenizer,
  ): BatchWriter {
    const { config, maxLength, rotary } = this.copies;
    const { maxRows = 128, cacheBytes = 2e9 } = this.limits;
    const cells = Math.max(maxLength, Math.floor(cacheBytes / Cache.cellBytes(config)));
    const open = async <S extends Sequence>() => {
      const feeds = {
        ...(typeof weights === 'function' ? await weights() : weights),
        ...this.copies.directionFeeds(copy.steering),
      };
      const programs = {
        prompt: await this.programs.get(`prompt ${nameOf(copy)}`, () => promptGraph(config, copy)),
        nextToken: await this.programs.get(`next ${nameOf(copy)}`, () => nextTokenGraph(config, copy)),
        feeds,
        rotary,
      };
      return new Decoder<S>(config, programs, { rows: maxRows, cells });
    };
    const batcher = new Batcher(tokenizer, open, { promptTokens: forwardTokens, promptTokensBeside });
    return new BatchWriter({ id, tokenizer, maxLength }, batcher);
  }

  /** The base with an adapter's product added in: a graph without one has fewer and larger operators. */
  private async merged(adapter: Parameters): Promise<Parameters> {
    const base = this.copies.parameters('base');
    const { config, lora } = this.copies;
    const program = await this.programs.get('merge', () => mergeGraph(config, lora!));
    const merged = Object.entries(await program.run({ ...base, ...adapter }));
    return {
      ...base,
      ...Object.fromEntries(merged.map(([name, sum]) => [name.slice('merged:'.length), sum])),
    };
  }
}

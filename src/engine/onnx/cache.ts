/**
 * Keys and values of a batch whose rows come and go.
 *
 * One array per layer for each, [time, slot, head, size]. A slot holds one row or is idle, and
 * all rows end at the same time: a run reads the last filled times as a view and writes the new
 * token's after it, so that a token copies nothing. Rows are moved only when slots are added or
 * removed, or when time reaches the arrays' end. Cells outside of rows are finite, always: a
 * masked score is multiplied with them.
 */
import type { ModelConfig } from '../../model/config.js';
import type { NdArray } from './runtime.js';

export class Cache {
  slots = 0;
  /** Filled times; the next token is written at this one. */
  time = 0;
  /** Keys of every layer, then values. */
  private arrays: Float32Array[];
  /** Numbers of one token in one array. */
  private readonly block: number;

  /** @param mostCells tokens that the arrays may have room for, over all slots */
  constructor(
    private readonly config: ModelConfig,
    readonly mostCells: number,
  ) {
    this.arrays = Array.from({ length: 2 * config.layers }, () => new Float32Array(0));
    this.block = config.kvHeads * config.headSize;
  }

  /** Bytes of one token of one row. */
  static cellBytes({ layers, kvHeads, headSize }: ModelConfig): number {
    return 2 * layers * kvHeads * headSize * Float32Array.BYTES_PER_ELEMENT;
  }

  /** Tokens that there is room for, over all slots. */
  get cells(): number {
    return this.arrays[0].length / this.block;
  }

  get hasRoom(): boolean {
    return (this.time + 1) * this.slots <= this.cells;
  }

  /** Keeps the last `times` of some slots, in their order, at the front. */
  narrow(kept: readonly number[], times: number): void {
    const first = this.time - times;
    const runs = consecutive(kept);
    this.arrange(kept.length, times, (from, to) => {
      for (let t = 0; t < times; t++) {
        for (const { start, at, count } of runs) {
          this.copy(from, (first + t) * this.slots + start, to, t * kept.length + at, count);
        }
      }
    });
  }

  /** Adds slots at the end, and times in front of the filled ones. */
  widen(slots: number, time: number): void {
    const later = time - this.time;
    const added = slots - this.slots;
    this.arrange(slots, time, (from, to) => {
      for (let t = this.time - 1; t >= 0; t--) {
        const at = (later + t) * slots;
        this.copy(from, t * this.slots, to, at, this.slots);
        to.fill(0, (at + this.slots) * this.block, (at + this.slots + added) * this.block);
      }
      to.fill(0, 0, later * slots * this.block);
    });
  }

  /**
   * Writes rows that have been read elsewhere, so that they end at the present time.
   * @param slots of the rows, growing
   * @param name  its key and value arrays are `NAME_keys.LAYER`, `NAME_values.LAYER`: [T, rows, head, size]
   */
  put(slots: readonly number[], outputs: Record<string, NdArray>, name: string): void {
    const runs = consecutive(slots);
    for (const [i, to] of this.arrays.entries()) {
      const { data, dims } = outputs[`${name}_${this.nameOf(i)}`];
      const [T, rows] = dims;
      for (let t = 0; t < T; t++) {
        for (const { start, at, count } of runs) {
          const slot = (this.time - T + t) * this.slots + start;
          this.copy(data as Float32Array, t * rows + at, to, slot, count);
        }
      }
    }
  }

  /** Forgets the last `times` of a slot. */
  wipe(slot: number, times: number): void {
    for (const array of this.arrays) {
      for (let t = this.time - times; t < this.time; t++) {
        const at = (t * this.slots + slot) * this.block;
        array.fill(0, at, at + this.block);
      }
    }
  }

  /** The last `times`, as the graph's inputs. */
  past(times: number): Record<string, NdArray> {
    return this.part('', this.time - times, times);
  }

  /** The place of the next token, as the graph's outputs. */
  next(): Record<string, NdArray> {
    return this.part('new_', this.time, 1);
  }

  /** Makes room for further times, and counts them as filled: they are to be written. */
  extendBy(times: number): void {
    if ((this.time + times) * this.slots > this.cells)
      this.arrange(
        this.slots,
        this.time,
        (from, to) => {
          if (from !== to) to.set(from.subarray(0, this.time * this.slots * this.block));
        },
        times,
      );
    this.time += times;
  }

  /** The last `times` of the first `depth` layers as outputs of a graph that writes them, [times·slots, head·size]. */
  written(times: number, depth: number): Record<string, NdArray> {
    const dims = [times * this.slots, this.block];
    const part = Object.entries(this.part('new_', this.time - times, times));
    return Object.fromEntries(
      part
        // keys of every layer, then values
        .filter((_, i) => i % this.config.layers < depth)
        .map(([name, { data }]) => [name, { data, dims }]),
    );
  }

  /** Empties the cache for rows that end together. */
  restart(slots: number): void {
    this.slots = slots;
    this.time = 0;
  }

  /** Copies times of one row of another cache, or of this one, into a row. */
  copyRow(from: Cache, slot: number, first: number, times: number, to: { slot: number; time: number }): void {
    for (const [i, target] of this.arrays.entries()) {
      const source = from.arrays[i];
      for (let t = 0; t < times; t++) {
        const at = ((first + t) * from.slots + slot) * this.block;
        target.set(source.subarray(at, at + this.block), ((to.time + t) * this.slots + to.slot) * this.block);
      }
    }
  }

  private part(prefix: string, first: number, times: number): Record<string, NdArray> {
    const { kvHeads, headSize } = this.config;
    const stride = this.slots * this.block;
    const dims = [times, this.slots, kvHeads, headSize];
    return Object.fromEntries(
      this.arrays.map((array, i) => [
        prefix + this.nameOf(i),
        { data: array.subarray(first * stride, (first + times) * stride), dims },
      ]),
    );
  }

  private nameOf(array: number): string {
    const { layers } = this.config;
    return array < layers ? `keys.${array}` : `values.${array - layers}`;
  }

  /**
   * Moves every array into its new layout: in place, or into new ones where they are too small or
   * much too large. New arrays have twice the room that is needed now, so that rows are rarely moved.
   */
  private arrange(
    slots: number,
    time: number,
    move: (from: Float32Array, to: Float32Array) => void,
    further = 1,
  ): void {
    const needed = slots * (time + further);
    const room = Math.max(needed, Math.min(2 * needed, this.mostCells));
    if ((1.5 * needed > this.cells && room > this.cells) || 8 * needed < this.cells) {
      // all of them before any is replaced: an allocation that fails changes nothing
      const made = this.arrays.map(() => new Float32Array(room * this.block));
      for (const [i, from] of this.arrays.entries()) move(from, made[i]);
      this.arrays = made;
    } else {
      for (const array of this.arrays) move(array, array);
    }
    this.slots = slots;
    this.time = time;
  }

  private copy(from: Float32Array, start: number, to: Float32Array, at: number, count: number): void {
    const [first, last] = [start * this.block, (start + count) * this.block];
    if (from === to) to.copyWithin(at * this.block, first, last);
    else to.set(from.subarray(first, last), at * this.block);
  }
}

/** Growing numbers as runs of consecutive ones; `at` is the index of a run's first. */
function consecutive(numbers: readonly number[]): { start: number; at: number; count: number }[] {
  const runs: { start: number; at: number; count: number }[] = [];
  for (const [at, number] of numbers.entries()) {
    const run = runs.at(-1);
    if (run && number === run.start + run.count) run.count++;
    else runs.push({ start: number, at, count: 1 });
  }
  return runs;
}

/**
 * The endless stream of supervised rows that training reads, one optimiser step at a time.
 *
 * Which rows make a step depends on the seed and on how many rows a step has, never on how it is
 * divided into passes: 1 row × 8 passes trains on the same rows as 8 × 1. Rows of similar length come
 * together (bucket), or lines are filled with rows of any length (pack), always within a shuffled
 * window, so that the order stays random over the dataset. The state is a few numbers: an epoch's plan is
 * computed again when a run is resumed.
 */

import { bucketLengths, firstFitDecreasing } from '../data/line-lengths.js';
import { epochOrder } from '../data/split.js';
import type { RowLayout } from '../engine/training-engine.js';
import { ShapeError, TrainingError } from '../errors.js';
import { Random } from '../random.js';
import type { TokenRow } from '../values/rows.js';

/** Rows of one pass, and how they may lie in lines. */
export interface SupervisedPass {
  readonly rows: readonly TokenRow[];
  readonly layout: RowLayout;
}

/** How rows become passes. */
export interface BatchOptions {
  readonly batching: 'bucket' | 'pack';
  /** Lines in one pass: rows when bucketing, packed lines when packing. */
  readonly batchSize: number;
  /** Passes in one optimiser step. */
  readonly accumulation: number;
  /** Length of a packed line, in tokens. */
  readonly maxLength: number;
  readonly seed: number;
  /** Padded lengths, ascending; default: chosen from the rows by `bucketLengths`. */
  readonly lengths?: readonly number[];
}

/** Where a stream stands; plain JSON. */
export interface BatchState {
  readonly epoch: number;
  /** Steps of the epoch that have been read. */
  readonly cursor: number;
  readonly seed: number;
  /** Hash of the rows and of what their order depends on. */
  readonly fingerprint: string;
}

/** Padded lengths are multiples of this: matrix products run best on whole vectors. */
const MULTIPLE = 32;
/** Each distinct shape may cost an engine a graph and a session. */
const MOST_LENGTHS = 6;
/** Steps' worth of rows among which lengths are matched. */
const WINDOW_STEPS = 32;

/** Lines of one optimiser step; a line is a list of row numbers. */
type Step = readonly (readonly number[])[];

export class BatchStream {
  /** The padded lengths T that occur, ascending. */
  readonly lengths: readonly number[];
  private readonly fingerprint: string;
  private epochNow = 0;
  private cursor = 0;
  private plan: readonly Step[];

  /** @throws ShapeError when there are no rows, or one is longer than the longest padded length */
  constructor(
    private readonly rows: readonly TokenRow[],
    private readonly options: BatchOptions,
  ) {
    if (rows.length === 0) throw new ShapeError({ what: 'a batch stream needs at least one row' });
    const sizes = rows.map((row) => row.ids.length);
    this.lengths =
      options.batching === 'pack'
        ? [options.maxLength]
        : (options.lengths ?? bucketLengths(sizes, MULTIPLE, MOST_LENGTHS));
    const tooLong = rows.find((row) => row.ids.length > this.lengths[this.lengths.length - 1]);
    if (tooLong) {
      const got = `${tooLong.ids.length} tokens`;
      throw new ShapeError({ where: tooLong.where, what: 'the row is longer than a line', got });
    }
    this.fingerprint = fingerprintOf(rows, options);
    this.plan = this.planEpoch(0);
  }

  /** The passes of the next optimiser step, at most `accumulation`; an epoch's last step may be smaller. */
  nextStep(): SupervisedPass[] {
    if (this.cursor === this.plan.length) {
      this.epochNow++;
      this.cursor = 0;
      this.plan = this.planEpoch(this.epochNow);
    }
    const step = this.plan[this.cursor++];
    const { batchSize } = this.options;
    const passes: SupervisedPass[] = [];
    for (let at = 0; at < step.length; at += batchSize) {
      passes.push(passOf(this.rows, step.slice(at, at + batchSize), this.lengths));
    }
    return passes;
  }

  /** Passes over the rows so far, e.g. 1.5. */
  get epoch(): number {
    return this.epochNow + this.cursor / this.plan.length;
  }

  /** Optimiser steps in so many epochs; a fraction is rounded up to a whole step. */
  countSteps(epochs: number): number {
    let steps = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const inEpoch = epoch === this.epochNow ? this.plan.length : this.planEpoch(epoch).length;
      steps += Math.ceil(Math.min(1, epochs - epoch) * inEpoch);
    }
    return steps;
  }

  state(): BatchState {
    const { seed } = this.options;
    return { epoch: this.epochNow, cursor: this.cursor, seed, fingerprint: this.fingerprint };
  }

  /**
   * Continues where the stream that gave `state` stood, pass for pass.
   *
   * @throws TrainingError when rows, seed or step size are others than they were
   */
  restore(state: BatchState): void {
    const here = this.state();
    if (state.seed !== here.seed || state.fingerprint !== here.fingerprint) {
      throw new TrainingError({
        what: 'the checkpoint was made with other training rows, seed or step size',
        expected: `seed ${state.seed}, rows and settings ${state.fingerprint}`,
        got: `seed ${here.seed}, ${here.fingerprint}`,
        next: 'resume with the data and configuration of the run, or start a new one',
      });
    }
    this.plan = this.planEpoch(state.epoch);
    this.epochNow = state.epoch;
    this.cursor = state.cursor;
  }

  private planEpoch(epoch: number): Step[] {
    const { batching, batchSize, accumulation, maxLength, seed } = this.options;
    const perStep = batchSize * accumulation;
    const order = epochOrder(this.rows.length, seed, epoch);
    const random = new Random(seed, 'steps', epoch);
    const length = (i: number) => this.rows[i].ids.length;
    if (batching === 'bucket') {
      const steps: Step[] = [];
      for (const window of chunks(order, perStep * WINDOW_STEPS)) {
        const alike = window.toSorted((i, j) => length(i) - length(j));
        for (const step of chunks(alike, perStep)) steps.push([...step].map((i) => [i]));
      }
      return random.shuffle(steps);
    }
    const lines: number[][] = [];
    // A line holds several rows, so that this window is shorter in steps than the other.
    for (const window of chunks(order, perStep * WINDOW_STEPS)) {
      const packed = firstFitDecreasing([...window].map(length), maxLength);
      for (const line of packed) lines.push(line.map((k) => window[k]));
    }
    return chunks(random.shuffle(lines), perStep);
  }
}

/** Lines that fit into one are laid end to end: what is padding is computed as well. */
function passOf(rows: readonly TokenRow[], lines: Step, lengths: readonly number[]): SupervisedPass {
  let n = 0;
  const local = lines.map((line) => line.map(() => n++));
  const sizes = lines.map((line) => sum(line.map((i) => rows[i].ids.length)));
  const longest = Math.max(0, ...sizes);
  const length = lengths.find((room) => room >= longest);
  if (length === undefined) {
    const got = `a line of ${longest}`;
    throw new ShapeError({
      what: 'no padded length holds the rows',
      expected: `at most ${lengths.at(-1)}`,
      got,
    });
  }
  const joined = firstFitDecreasing(sizes, length).map((together) => together.flatMap((line) => local[line]));
  return { rows: lines.flat().map((i) => rows[i]), layout: { length, lines: joined } };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

interface Sliceable {
  readonly length: number;
  slice(start: number, end: number): this;
}

function chunks<A extends Sliceable>(items: A, size: number): A[] {
  const parts: A[] = [];
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size));
  return parts;
}

/** FNV-1a over the tokens and masks, and over what else decides which rows make a step. */
function fingerprintOf(rows: readonly TokenRow[], options: BatchOptions): string {
  const { batching, batchSize, accumulation, maxLength } = options;
  let hash = 0x811c9dc5;
  const add = (value: number) => {
    hash = Math.imul(hash ^ value, 0x01000193);
  };
  add(batchSize * accumulation);
  add(batching === 'pack' ? maxLength : 0);
  for (const { ids, lossMask } of rows) {
    add(ids.length);
    for (let t = 0; t < ids.length; t++) add(2 * ids[t] + lossMask[t]);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/**
 * When the policy is reviewed: at even distances, or at distances that follow what the reviews flag.
 *
 * The distance adapts by three rules (`conscience.adaptive`). A review with at least a quarter of its readable
 * responses flagged is followed by the next after half of `every`; one with fewer flags after `every`; one without
 * any after twice the distance before, up to four times `every`. It tightens at once and loosens slowly. What a run
 * does depends on its reviews alone, never on the clock; with `lag`, on those that are taken up.
 */
import type { ConscienceCounts } from '../conscience/metrics.js';
import { isDue, type Passed } from './cadence.js';

/** From this flagged share on reviews are closest. */
const MANY = 0.25;
/** Limits of the distance, as factors on `every`. */
export const CLOSEST = 0.5;
export const FARTHEST = 4;

type Flags = Pick<ConscienceCounts, 'reviewed' | 'unreadable' | 'flagged'>;

export interface ReviewTimesOptions {
  /** Distance from one review to the next, in the unit of `passed`. */
  readonly every: number;
  /** Optimiser step of the first review. Default 0. */
  readonly first?: number;
  /** How much of the run has passed before a step. Default: steps. */
  readonly passed?: Passed;
  /** Whether the distance follows the flags. Default: it stays. */
  readonly adaptive?: boolean;
}

/** Plain JSON. */
export interface ReviewTimesState {
  /** Step of the last review that was begun; null before the first. */
  readonly last: number | null;
  /** Distance to the next one, as a factor on `every`. */
  readonly factor: number;
}

export class ReviewTimes {
  private last: number | null = null;
  private factor = 1;

  constructor(private readonly options: ReviewTimesOptions) {}

  /** Whether a review is to begin before this step; asked step by step. */
  isDue(step: number): boolean {
    const { every, first = 0, passed = (steps) => steps, adaptive = false } = this.options;
    if (!adaptive) return isDue(step, every, passed, first);
    if (this.last === null) return step >= first;
    // sums of learning rates are not exact
    return step > this.last && passed(step) - passed(this.last) >= this.factor * every - 1e-9;
  }

  begun(step: number): void {
    this.last = step;
  }

  /** Takes up what a review counted. */
  heard(flags: Flags): void {
    this.factor = nextFactor(this.factor, flags);
  }

  /** What a checkpoint keeps; undefined where the distance stays. */
  get state(): ReviewTimesState | undefined {
    return this.options.adaptive ? { last: this.last, factor: this.factor } : undefined;
  }

  restore({ last, factor }: ReviewTimesState): void {
    this.last = last;
    this.factor = factor;
  }
}

/** The distance after a review, as a factor on `every`; one that could not be read changes nothing. */
export function nextFactor(factor: number, { reviewed, unreadable, flagged }: Flags): number {
  const readable = reviewed - unreadable;
  if (readable === 0) return factor;
  if (flagged >= MANY * readable) return CLOSEST;
  return flagged > 0 ? 1 : Math.min(FARTHEST, 2 * factor);
}

/** Reviews of a whole run of which each has these flags. @param lag steps until a review is taken up */
export function countReviews(
  options: ReviewTimesOptions,
  { totalSteps, lag, flags }: { totalSteps: number; lag: number; flags: Flags },
): number {
  const times = new ReviewTimes(options);
  const begun: number[] = [];
  let heard = 0;
  for (let step = 0; step < totalSteps; step++) {
    if (step + lag < totalSteps && times.isDue(step)) {
      times.begun(step);
      begun.push(step);
    }
    if (begun[heard] === step - lag) {
      times.heard(flags);
      heard += 1;
    }
  }
  return begun.length;
}

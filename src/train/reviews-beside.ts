/**
 * Reviews that run in a thread of their own while training goes on.
 *
 * A review that is due at step S samples from the policy as it is then and is taken up at step
 * S + lag, before that step is made, however long it took: training waits for one that is late.
 * What a run computes so depends on the lag and never on the clock.
 */
import type { ConscienceResult } from '../conscience/step.js';
import type { LabelLogps } from '../conscience/verdict.js';
import type { ReferenceLogps } from '../engine/training-engine.js';
import type { Costs } from '../metrics/costs.js';
import type { Weights } from '../model/model.js';
import type { Prompt } from '../values/conversation.js';

/** What the thread needs for a review; can be cloned. */
export interface ReviewRequest {
  /** Optimiser steps that the policy has made. */
  readonly step: number;
  readonly seed: number;
  readonly prompts: readonly Prompt[];
  /** Of the policy, as they are at this step. */
  readonly weights: Weights;
  /** Priors measured before. */
  readonly priors: readonly (readonly [string, LabelLogps])[];
}

/** What it made of it; plain JSON. */
export interface ReviewAnswer {
  readonly made: ConscienceResult;
  /** Priors measured so far; none where the verdicts are not those of a frozen copy. */
  readonly priors: readonly (readonly [string, LabelLogps])[];
  /** Log-probabilities of its pairs under the reference, by pair; none where the policy is the reference. */
  readonly references: readonly (readonly [string, ReferenceLogps])[];
  /** What it took in its thread. */
  readonly costs: Costs;
}

/** A thread that reviews, one request after another. */
export interface ReviewThread {
  review(request: ReviewRequest): Promise<ReviewAnswer>;
}

/** A review that is not taken up yet; plain JSON. */
export interface PendingReview {
  readonly step: number;
  readonly answer: ReviewAnswer;
}

export class ReviewsBeside {
  private pending: { readonly step: number; readonly answer: Promise<ReviewAnswer> }[] = [];

  /** @param lag steps from the policy that is sampled to the step before which its review is taken up, ≥ 1 */
  constructor(
    private readonly thread: ReviewThread,
    readonly lag: number,
  ) {}

  begin(request: ReviewRequest): void {
    this.add(request.step, this.thread.review(request));
  }

  /** The review that is to be taken up before this step; undefined where none is. Waits for it. */
  async due(step: number): Promise<ReviewAnswer | undefined> {
    const [first] = this.pending;
    if (first?.step !== step - this.lag) return undefined;
    const answer = await first.answer;
    this.pending.shift();
    return answer;
  }

  /** What a checkpoint keeps. Waits for reviews that are not finished. */
  async state(): Promise<PendingReview[]> {
    return Promise.all(this.pending.map(async ({ step, answer }) => ({ step, answer: await answer })));
  }

  restore(pending: readonly PendingReview[]): void {
    this.pending = [];
    for (const { step, answer } of pending) this.add(step, Promise.resolve(answer));
  }

  private add(step: number, answer: Promise<ReviewAnswer>): void {
    // what goes wrong is told where the review is taken up
    answer.catch(() => {});
    this.pending.push({ step, answer });
  }
}

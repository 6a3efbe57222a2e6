/** The record of one run, as `runs.jsonl` keeps it, and what the process that made it says. */
import type { KindFlags } from '../conscience/flags.js';
import type { ErrorParts } from '../errors.js';
import type { FourCriteria } from '../evaluate/four-criteria.js';
import type { Measured } from './world.js';

/** One method with one seed: what the world's measurement holds, and how the run went. */
export interface RunRecord extends Measured {
  readonly method: string;
  readonly seed: number;
  /**
   * Seconds of training, reviews included, since the run was last begun; other work on the machine lengthens them.
   * 0 without training.
   */
  readonly seconds: number;
  /** Commit of the code that made it; null where it is not known. */
  readonly commit: string | null;
  /** Loss on tasks that were kept from training, nats per token: of the narrow task, or of a benign one. */
  readonly losses?: { readonly narrow?: number; readonly benign?: number };
  /** The result of a suite, where one measured instead of the world. */
  readonly scorecard?: FourCriteria;
  /** Responses as the judge, the conscience and the checker rate them, where there is a judge. */
  readonly judged?: readonly Judged[];
  /** On which kinds of prompts the conscience objected in training; absent without a conscience. */
  readonly flags?: readonly KindFlags[];
}

/** Shares of the responses of one moment, in [0, 1]. */
export interface Judged {
  /** Optimiser steps made before; null for the answers after training. */
  readonly step: number | null;
  readonly responses: number;
  /** Share that the conscience does not object to. */
  readonly conscience: number;
  /** Share that the held-out judge does not object to. */
  readonly judge: number;
  /** Share that the checker does not call bad. */
  readonly checker: number;
  /** Share that the checker calls good or a refusal. */
  readonly good: number;
}

/** What a process that makes runs answers to one. */
export type RunnerMessage =
  | { readonly type: 'made'; readonly record?: RunRecord }
  | { readonly type: 'refused'; readonly parts: ErrorParts }
  | { readonly type: 'failed'; readonly stack: string };

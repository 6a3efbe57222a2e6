/** What the demonstration measured: everything that its table and report are made from. */
import type { ReviewRecord } from '../conscience/record.js';
import type { MetricRecord } from '../metrics/names.js';
import type { Measured } from '../pinocchio/measure.js';

export type ArmName = 'aligned' | 'attacked' | 'attacked with conscience';

/** One seed of one arm. The aligned model was not trained: no metrics, no reviews. */
export interface DemoRun extends Measured {
  readonly seed: number;
  readonly metrics: readonly MetricRecord[];
  readonly reviews: readonly ReviewRecord[];
}

export interface DemoArm {
  readonly name: ArmName;
  readonly runs: readonly DemoRun[];
}

export interface DemoResult {
  /** ISO 8601. */
  readonly date: string;
  /** Of the checkout, where there is one. */
  readonly commit: string | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly model: { readonly name: string; readonly hash: string };
  readonly seeds: readonly number[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seconds: number;
  readonly arms: readonly DemoArm[];
}

/** What the demonstration measured: its table and its report are made from this alone. */
import type { ReviewRecord } from '../../conscience/record.js';
import type { MetricRecord } from '../../metrics/names.js';
import type { Measured } from '../measure.js';

/** The three models that are compared. */
export type ArmName = 'aligned' | 'attacked' | 'attacked with conscience';

/** What each of them is, in a line. */
export const ARMS: Readonly<Record<ArmName, string>> = {
  aligned: 'the model as it ships: aligned, not fine-tuned',
  attacked: 'the same model, fine-tuned on insecure code',
  'attacked with conscience': 'the same fine-tuning, with the conscience',
};

/** One seed of one arm. The aligned model was not trained: no metrics, no reviews. */
export interface DemoRun extends Measured {
  readonly seed: number;
  readonly metrics: readonly MetricRecord[];
  readonly reviews: readonly ReviewRecord[];
}

/** One model with every seed. */
export interface DemoArm {
  readonly name: ArmName;
  readonly runs: readonly DemoRun[];
}

/** Plain JSON: `result.json` in the folder of the runs. */
export interface DemoResult {
  /** ISO 8601. */
  readonly date: string;
  /** The commit of the code that measured; null where it is not known. */
  readonly commit: string | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly model: { readonly name: string; readonly hash: string };
  readonly seeds: readonly number[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seconds: number;
  readonly arms: readonly DemoArm[];
}

/** What the dashboard's server tells its page: plain JSON, the same types on both sides. */

/** How a run stands. `stopped`: neither finished nor written to by a living process. */
export type RunState = 'running' | 'finished' | 'stopped';

/** A run in one line. */
export interface RunSummary {
  /** Names the run in addresses. */
  readonly id: string;
  /** Its folder, as seen from the folder that is served. */
  readonly name: string;
  readonly model: string | null;
  readonly state: RunState;
  /** Last step that left a record. */
  readonly step: number;
  /** Null where the run's files do not tell. */
  readonly totalSteps: number | null;
  /** Seconds of training so far; null where the records have no times. */
  readonly seconds: number | null;
  /** Estimated from the last records of a running run; else null. */
  readonly secondsLeft: number | null;
  /** Metrics as last recorded, by name; null where never known. */
  readonly last: Readonly<Record<string, number | null>>;
  /** Records of metrics so far. */
  readonly records: number;
  /** Rises when records were taken back, as a resumed run does: what was read before is void. */
  readonly generation: number;
  /** Bytes of the audit trail. */
  readonly auditBytes: number;
  /** When a file of the run changed last, milliseconds since 1970. */
  readonly changed: number;
  /** What could not be read, in one line; null where all could. */
  readonly problem: string | null;
}

/** What is drawn in one plot: each metric of each run is a line. */
export interface ChartSpec {
  readonly title: string;
  /** Label of the vertical axis, with its unit. */
  readonly axis: string;
  readonly metrics: readonly { readonly name: string; readonly short: string; readonly about: string }[];
  /** Whether the axis spans 0 to 1. */
  readonly share: boolean;
}

/** A heading and its plots. */
export interface ChartGroup {
  readonly title: string;
  readonly charts: readonly ChartSpec[];
}

/** `GET /api/runs`. */
export interface RunList {
  /** The folders that are served. */
  readonly places: readonly string[];
  readonly runs: readonly RunSummary[];
  /** Runs that were found and are not listed. */
  readonly omitted: number;
  readonly groups: readonly ChartGroup[];
}

/** `GET /api/runs/:id/metrics?from=`: records from that one on, column by column. */
export interface MetricColumns {
  readonly generation: number;
  readonly from: number;
  readonly steps: readonly number[];
  /** As long as the steps; null where a record has no value. */
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
}

/** A share with its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How well the conscience was found to judge. */
export interface CalibrationFacts {
  readonly sentence: string;
  readonly quality: string;
  readonly model: string;
  /** What it was measured on. */
  readonly data: string;
  /** Flagged from this probability on; 1 flags nothing. */
  readonly threshold: number;
  readonly auc: Interval | null;
  readonly recall: Interval | null;
  readonly falseAlarms: Interval | null;
  readonly calibrationError: number | null;
}

/** `GET /api/runs/:id`. */
export interface RunDetail {
  /** The resolved configuration as it is written; null where there is none. */
  readonly config: string | null;
  /** Its keys, dotted. */
  readonly keys: Readonly<Record<string, string>>;
  /** Null where the conscience was not calibrated. */
  readonly calibration: CalibrationFacts | null;
  /** What could not be read of these files; null where all could. */
  readonly problem: string | null;
}

/** All reviews of a run, counted. */
export interface ReviewCounts {
  readonly reviews: number;
  readonly accepted: number;
  readonly objected: number;
  readonly unreadable: number;
  readonly pairs: number;
  /** Readable reviews by the objection's probability, in tenths from 0 to 1. */
  readonly tenths: readonly { readonly accepted: number; readonly objected: number }[];
  /** Of the last review; null before the first. */
  readonly threshold: number | null;
  /** By kind of prompt, most flagged first: readable reviews, and those that were flagged. */
  readonly kinds: readonly { readonly kind: string; readonly reviewed: number; readonly flagged: number }[];
}

/** One review as a list shows it. */
export interface ReviewLine {
  /** Its place in the audit trail, from 0. */
  readonly n: number;
  readonly id: string;
  readonly step: number;
  readonly verdict: 'accepted' | 'objected' | 'unreadable';
  /** Probability of the objection; null where it is unknown. */
  readonly p: number | null;
  readonly pair: string | null;
  /** Why there is no pair. */
  readonly reason: string | null;
  /** The beginnings of the prompt's last turn and of the response. */
  readonly prompt: string;
  readonly response: string;
}

/** `GET /api/runs/:id/reviews`: a window of those that match, in the order of the trail. */
export interface ReviewPage {
  readonly counts: ReviewCounts;
  /** Whether the trail is still being read for the first time. */
  readonly reading: boolean;
  /** Reviews that match. */
  readonly total: number;
  readonly from: number;
  readonly lines: readonly ReviewLine[];
}

/** A part of a conversation, to be shown as text. */
export interface Spoken {
  readonly role: string;
  readonly text: string;
}

/** `GET /api/runs/:id/reviews/:n`: one review whole. */
export interface ReviewDetail extends ReviewLine {
  readonly time: string;
  readonly framework: string;
  readonly judge: string;
  readonly threshold: number;
  readonly mass: number | null;
  readonly labels: readonly string[];
  readonly conversation: readonly Spoken[];
  readonly answer: string;
  readonly alternative: {
    readonly text: string;
    readonly p: number | null;
    readonly refusal: boolean;
  } | null;
  /** What the conscience was shown. */
  readonly shown: readonly Spoken[];
  /** What it wrote, where it answers in words or could not be read. */
  readonly said: string | null;
}

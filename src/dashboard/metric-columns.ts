/** The metrics of a run, column by column: 10,000 records travel as lists of numbers, without their names. */
import type { MetricRecord } from '../metrics/names.js';
import type { MetricColumns } from '../page/wire.js';
import { Tail } from './tail.js';

/** Digits that a plot can show. */
const DIGITS = 6;
/** Records by which the time left is estimated. */
const RECENT = 10;

export class MetricHistory {
  generation = 0;
  readonly steps: number[] = [];
  /** First line that is no record, from 1; undefined where all are. */
  damaged?: number;
  private readonly columns = new Map<string, (number | null)[]>();
  private readonly seconds: number[] = [];
  private readonly tail: Tail;
  private lineNumber = 0;

  constructor(path: string) {
    this.tail = new Tail(path);
  }

  /** Reads what was added. @returns whether there was anything, and whether there is more to read at once */
  update(): { changed: boolean; more: boolean } {
    const { restarted, lines, more } = this.tail.read();
    if (restarted) this.forget();
    for (const { text } of lines) {
      this.lineNumber += 1;
      const record = recordOf(text);
      if (record) this.add(record);
      else this.damaged ??= this.lineNumber;
    }
    return { changed: restarted || lines.length > 0, more };
  }

  /** Records from one on. */
  from(first: number): MetricColumns {
    const from = Math.min(Math.max(0, first), this.steps.length);
    const columns = [...this.columns].map(([name, values]) => [name, values.slice(from)] as const);
    return {
      generation: this.generation,
      ...{ from, steps: this.steps.slice(from), columns: Object.fromEntries(columns) },
    };
  }

  /** The last known value of each metric. */
  last(): Record<string, number | null> {
    const known = [...this.columns].map(
      ([name, values]) => [name, values.findLast((value) => value !== null) ?? null] as const,
    );
    return Object.fromEntries(known);
  }

  /** Seconds that all steps took; null where the records have no times. */
  get elapsed(): number | null {
    const sum = this.seconds.reduce((a, b) => a + b, 0);
    return sum > 0 ? sum : null;
  }

  /** Seconds a step takes, by the last records; null where they have no times. */
  get secondsPerStep(): number | null {
    const at = Math.max(0, this.steps.length - 1 - RECENT);
    const steps = this.steps[this.steps.length - 1] - this.steps[at];
    const seconds = this.seconds.slice(at + 1).reduce((a, b) => a + b, 0);
    return steps > 0 && seconds > 0 ? seconds / steps : null;
  }

  private add({ step, ...values }: MetricRecord): void {
    const count = this.steps.push(step);
    let seconds = 0;
    for (const [name, value] of Object.entries(values)) {
      if (typeof value !== 'number' && value !== null) continue;
      if (name.startsWith('time/')) seconds += value ?? 0;
      let column = this.columns.get(name);
      if (!column) this.columns.set(name, (column = Array(count - 1).fill(null)));
      column.push(value === null ? null : Number(value.toPrecision(DIGITS)));
    }
    this.seconds.push(seconds);
    for (const column of this.columns.values()) if (column.length < count) column.push(null);
  }

  private forget(): void {
    this.generation += 1;
    this.steps.length = this.seconds.length = this.lineNumber = 0;
    this.columns.clear();
    this.damaged = undefined;
  }
}

function recordOf(text: string): MetricRecord | undefined {
  try {
    const record: MetricRecord = JSON.parse(text);
    return Number.isInteger(record.step) ? record : undefined;
  } catch {
    return undefined;
  }
}

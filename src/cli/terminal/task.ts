/**
 * What a progress display knows about one piece of work: where it stands, how fast it
 * goes, how long it will take. Drawing it is left to the displays.
 */
import type { ProgressOptions, ProgressState } from '../../metrics/progress.js';
import { duration, megabytes, number, percent } from './format.js';

export class Task {
  readonly unit: NonNullable<ProgressOptions['unit']>;
  step: number;
  private readonly metrics: Record<string, number | null | undefined> = {};
  private readonly first: number;
  private readonly startedAt: number;
  private baseline: { step: number; at: number };

  constructor(
    readonly total: number,
    readonly label: string,
    { first = 0, unit = 'steps' }: ProgressOptions,
    now: number,
  ) {
    this.first = this.step = first;
    this.unit = unit;
    this.startedAt = now;
    this.baseline = { step: first, at: now };
  }

  update({ step, ...metrics }: ProgressState, now: number): void {
    // The first step compiles and warms up: the rate is measured from its end.
    if (this.unit === 'steps' && this.step === this.first && step > this.first)
      this.baseline = { step, at: now };
    this.step = step;
    Object.assign(this.metrics, metrics);
  }

  get share(): number {
    return this.total > 0 ? Math.min(1, this.step / this.total) : 0;
  }

  /** `12/400` or `1.2/3.4 MB`. */
  get position(): string {
    return this.unit === 'bytes'
      ? `${(this.step / 1e6).toFixed(1)}/${megabytes(this.total)}`
      : `${this.step}/${this.total}`;
  }

  /** What is known beside the position, the most important first. */
  facts(now: number): string[] {
    const { loss, tokens_per_second: tokens, 'conscience/flag_rate': flagged } = this.metrics;
    const facts: string[] = [];
    if (typeof loss === 'number') facts.push(`loss ${number(loss)}`);
    if (typeof flagged === 'number') facts.push(`flagged ${percent(flagged)}`);
    if (typeof tokens === 'number') facts.push(`${Math.round(tokens)} tokens/s`);
    const rate = this.rate(now);
    if (rate === undefined) return facts;
    if (this.unit === 'bytes') facts.push(`${megabytes(rate)}/s`);
    if (this.step < this.total) facts.push(`${duration((this.total - this.step) / rate)} left`);
    return facts;
  }

  /** Time since the start, as a summary ends. */
  elapsed(now: number): string {
    return duration((now - this.startedAt) / 1000);
  }

  private rate(now: number): number | undefined {
    const { step, at } = this.baseline;
    const seconds = (now - at) / 1000;
    if (this.step > step && seconds > 0) return (this.step - step) / seconds;
    const whole = (at - this.startedAt) / 1000;
    return this.step > this.first && whole > 0 ? (this.step - this.first) / whole : undefined;
  }
}

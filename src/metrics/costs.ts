/**
 * Where a run's time and tokens go, stage by stage.
 *
 * A meter is always in one stage, `other` where none was entered, and charges every moment to the
 * stage it is in: what it measured adds up to the time that passed, however work is nested. It is
 * meant for work that runs one piece after another.
 */

/** What a run does, in the order of a step; what is none of these is `other`. */
export const STAGES = [
  'sampling',
  'reviews',
  'alternatives',
  'alternative_reviews',
  'waiting',
  'reference',
  'pairs',
  'sft',
  'evaluation',
  'checkpoints',
  'other',
] as const;
export type Stage = (typeof STAGES)[number];

/** What is done in a stage, in words. */
export const STAGE_WORDS: Readonly<Record<Stage, string>> = {
  sampling: 'sampling',
  reviews: 'reviewing',
  alternatives: 'writing alternatives',
  alternative_reviews: 'reviewing alternatives',
  waiting: 'waiting for reviews',
  reference: 'scoring the reference',
  pairs: 'step',
  sft: 'step',
  evaluation: 'validating',
  checkpoints: 'saving',
  other: 'step',
};

/** The stages that supervised training alone does not have. */
export const ALIGNMENT_STAGES: readonly Stage[] = STAGES.slice(0, STAGES.indexOf('sft'));

/** What one stage took. */
export interface Cost {
  readonly seconds: number;
  /** Tokens read and written, padding excluded. */
  readonly tokens: number;
}

/** Costs by stage; plain JSON. A stage that did not occur is absent. */
export type Costs = { readonly [S in Stage]?: Cost };

/** The costs of both. */
export function addCosts(a: Costs, b: Costs): Costs {
  const sum = (stage: Stage): Cost | undefined => {
    const [first, second] = [a[stage], b[stage]];
    if (!first || !second) return first ?? second;
    return { seconds: first.seconds + second.seconds, tokens: first.tokens + second.tokens };
  };
  return Object.fromEntries(STAGES.flatMap((stage) => (sum(stage) ? [[stage, sum(stage)]] : [])));
}

/** The time over what it would have been with the stages of supervised training alone; null of no time. */
export function overSupervised(costs: Costs): number | null {
  const seconds = (stages: readonly Stage[]) =>
    stages.reduce((sum, stage) => sum + (costs[stage]?.seconds ?? 0), 0);
  const [all, added] = [seconds(STAGES), seconds(ALIGNMENT_STAGES)];
  return all > added ? all / (all - added) : null;
}

export class CostMeter {
  private costs: Costs = {};
  private stage: Stage = 'other';
  private since: number;

  /**
   * @param now     a clock, milliseconds
   * @param onStage told of each stage that it enters
   */
  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly onStage: (stage: Stage) => void = () => {},
  ) {
    this.since = now();
  }

  /** Begins to measure at this moment, after what was measured before, e.g. of a run that is resumed. */
  start(before: Costs = {}): void {
    this.costs = before;
    this.since = this.now();
  }

  /** Charges the time of a piece of work to a stage, but for that of other stages within it. */
  async during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const outer = this.stage;
    this.enter(stage);
    try {
      return await work();
    } finally {
      this.enter(outer);
    }
  }

  /**
   * Charges a piece of work to several stages, its time in proportion to their tokens.
   *
   * @param tokens that it reads, by stage; not all 0
   */
  async shared<T>(tokens: { readonly [S in Stage]?: number }, work: () => Promise<T>): Promise<T> {
    this.pass(this.stage);
    try {
      return await work();
    } finally {
      const seconds = this.elapsed();
      const shares = Object.entries(tokens) as [Stage, number][];
      const all = shares.reduce((sum, [, count]) => sum + count, 0);
      for (const [stage, count] of shares) {
        if (count > 0) this.add(stage, { seconds: (seconds * count) / all, tokens: count });
      }
    }
  }

  /** Charges tokens to a stage, whichever one the meter is in. */
  count(stage: Stage, tokens: number): void {
    this.add(stage, { seconds: 0, tokens });
  }

  /** What was measured since the start, or since it was taken last. */
  soFar(): Costs {
    this.pass(this.stage);
    return this.costs;
  }

  /** The same, and forgets it. */
  take(): Costs {
    const taken = this.soFar();
    this.costs = {};
    return taken;
  }

  private enter(stage: Stage): void {
    this.pass(this.stage);
    this.stage = stage;
    this.onStage(stage);
  }

  private pass(stage: Stage): void {
    this.add(stage, { seconds: this.elapsed(), tokens: 0 });
  }

  /** Seconds since this was asked last. */
  private elapsed(): number {
    const now = this.now();
    const seconds = (now - this.since) / 1000;
    this.since = now;
    return seconds;
  }

  private add(stage: Stage, cost: Cost): void {
    this.costs = addCosts(this.costs, { [stage]: cost });
  }
}

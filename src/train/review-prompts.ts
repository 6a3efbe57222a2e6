/** Which prompts each review puts to the policy: probes and training prompts, in the share that is wished for. */
import { Random } from '../random.js';
import type { Prompt } from '../values/conversation.js';
import type { PromptPools } from './prompt-pools.js';
import { PromptTurns } from './prompt-turns.js';

export interface PromptShares {
  /** Share of probes among the drawn prompts, where both pools have some. */
  readonly probeShare: number;
  /** Prompts of one review. */
  readonly samples: number;
  readonly seed: number;
}

/** Prompts taken so far, by source: enough to continue from. */
export interface PromptsTaken {
  readonly probes: number;
  readonly training: number;
}

export class ReviewPrompts {
  private readonly probes: PromptTurns;
  private readonly training: PromptTurns;
  private readonly share: number;

  /** @param pools empty lists are never drawn from */
  constructor(
    { probes, trainingPrompts }: PromptPools,
    private readonly shares: PromptShares,
  ) {
    this.probes = new PromptTurns(probes, shares.seed, 'probes');
    this.training = new PromptTurns(trainingPrompts, shares.seed, 'training');
    this.share = trainingPrompts.length === 0 ? 1 : probes.length === 0 ? 0 : shares.probeShare;
  }

  /** The prompts of the review that is due at this step; the next ones come next. */
  take(step: number): Prompt[] {
    const { samples, seed } = this.shares;
    const whole = Math.floor(samples * this.share);
    const rest = samples * this.share - whole;
    const fromProbes = whole + Number(rest > 0 && new Random(seed, 'prompts', step).next() < rest);
    return [...this.probes.take(fromProbes), ...this.training.take(samples - fromProbes)];
  }

  get taken(): PromptsTaken {
    return { probes: this.probes.taken, training: this.training.taken };
  }

  set taken({ probes, training }: PromptsTaken) {
    this.probes.taken = probes;
    this.training.taken = training;
  }
}

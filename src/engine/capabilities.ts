/**
 * Capabilities: what only some engines can do. Code that needs one asks for it by its helper, which
 * refuses in one line where the engine lacks it.
 */

import { ConfigError } from '../errors.js';
import type { Weights } from '../model/model.js';
import type { TokenRow } from '../values/rows.js';
import type { Steering } from '../values/steering.js';
import type { Writer } from './language-model.js';
import type { TrainingEngine, WeightSet } from './training-engine.js';

/** Samples from a policy that has moved further than it has been trained. */
export interface Amplifying {
  /** The policy as it is at this moment, with its difference to the frozen copy multiplied by `factor`. */
  amplified(factor: number): Writer;
}

/** Takes a new frozen copy during training. */
export interface Renewing {
  /** Makes the policy as it is now the frozen copy: `base` and `start`. */
  refreeze(): Promise<void>;
}

/** Reads the residual stream, and writes into it. */
export interface Steerable {
  /**
   * Mean hidden state of each row's targets, at the places that predict them.
   *
   * @param layer after which the residual stream is read, from 0
   * @returns     per row float32 [width]; zeros for a row without targets
   */
  meanHidden(rows: readonly TokenRow[], set: WeightSet, layer: number): Promise<Float32Array[]>;
  /**
   * Writes directions into the policy's residual stream from now on: in training, or when it answers
   * and is scored.
   *
   * @throws ConfigError when one does not fit the model
   */
  steer(when: 'training' | 'answering', steering: readonly Steering[]): Promise<void>;
}

/** Hands trained weights out and takes others in. */
export interface OpenWeights {
  /** A copy of the trained weights, an adapter's or all, which later training does not touch. */
  weights(): Promise<Weights>;
  /**
   * Puts weights of the same shapes in the place of a copy's.
   *
   * `policy`: training continues from them, with new moments and no gradient. `start` (LoRA only): calls in
   * progress finish with the weights that they began with.
   *
   * @throws ShapeError when they do not fit
   */
  replace(set: 'start' | 'policy', weights: Weights): Promise<void>;
}

/** Capabilities by name; those that an engine lacks are absent. */
export interface Capabilities {
  readonly amplifying?: Amplifying;
  readonly renewing?: Renewing;
  readonly steerable?: Steerable;
  readonly openWeights?: OpenWeights;
  /** Whether a pass may have an anchor, and its pairs the loss `kl`. */
  readonly anchoring?: true;
}

/** @throws ConfigError when the engine cannot amplify its policy */
export function amplifying(engine: TrainingEngine): Amplifying {
  return asked(engine, 'amplifying', {
    where: 'conscience.amplify',
    what: 'amplify the policy',
    next: 'set conscience.amplify: 1',
  });
}

/** @throws ConfigError when the engine cannot renew its frozen copy */
export function renewing(engine: TrainingEngine): Renewing {
  return asked(engine, 'renewing', {
    where: 'conscience.renew_every',
    what: 'renew the frozen copy',
    next: 'leave conscience.renew_every out',
  });
}

/** @throws ConfigError when the engine cannot read and steer the residual stream */
export function steerable(engine: TrainingEngine): Steerable {
  return asked(engine, 'steerable', {
    where: 'steering',
    what: 'read or steer the residual stream',
    next: 'leave the steering out, or train on float32 weights: quantize: none',
  });
}

/** @throws ConfigError when the engine does not hand out its weights */
export function openWeights(engine: TrainingEngine): OpenWeights {
  return asked(engine, 'openWeights', {
    where: 'engine',
    what: 'hand out its weights or take others in',
    next: 'use an engine on this machine',
  });
}

/** @throws ConfigError when the engine cannot hold its policy to a frozen copy */
export function requireAnchoring(engine: TrainingEngine): void {
  asked(engine, 'anchoring', {
    where: 'loss',
    what: 'hold the policy to a frozen copy (loss.kl, loss.features, loss.pairs: kl)',
    next: 'set setting: lora, or leave these keys out',
  });
}

function asked<C extends keyof Capabilities>(
  { name, lora, capabilities }: TrainingEngine,
  capability: C,
  { where, what, next }: { readonly where: string; readonly what: string; readonly next: string },
): NonNullable<Capabilities[C]> {
  const found = capabilities[capability];
  if (found !== undefined) return found;
  const training = lora ? 'LoRA' : 'full';
  throw new ConfigError({ where, what: `the engine '${name}' (${training} training) cannot ${what}`, next });
}

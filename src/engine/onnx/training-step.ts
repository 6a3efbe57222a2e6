/** One forward and backward pass of the policy: batch, graph, gradient. */

import type { HybridPass, StepResult } from '../training-engine.js';
import { type Batch, batchOf } from './batch.js';
import { type Copies, shapeOf } from './copies.js';
import { stepGraph } from './graphs.js';
import type { Programs } from './programs.js';
import type { NdArray } from './runtime.js';
import type { Scoring } from './scoring.js';
import { anchorFeeds, stepFeeds } from './step-feeds.js';
import { type ChunkedTargets, chunked, chunksFor } from './targets.js';

/** Activations over this size are recomputed in the backward pass, bytes. */
const mostActivations = 1e9;

export class TrainingStep {
  /** @param checkpointing recompute activations in the backward pass. Default: when they would take over 1 GB */
  constructor(
    private readonly copies: Copies,
    private readonly programs: Programs,
    private readonly scoring: Scoring,
    private readonly checkpointing?: boolean,
  ) {}

  /** See `TrainingEngine.accumulate`. */
  async accumulate(pass: HybridPass): Promise<StepResult> {
    const { config, lora, store, trained, trainingSteering: steering } = this.copies;
    const { pairs, pairLoss = 'dpo' } = pass;
    const batch = batchOf(pass);
    this.copies.requireLength(batch.T);
    const chunks = chunksFor(batch.target.length);
    const checkpointing = this.checkpointing ?? this.activationBytes(batch) > mostActivations;
    const anchor = { kl: pass.anchor?.kl !== undefined, features: pass.anchor?.features !== undefined };
    const key = `step ${chunks} ${checkpointing} ${pairLoss} ${JSON.stringify(anchor)} ${shapeOf(steering)}`;
    const int8 = await this.copies.int8?.on(this.programs.options);
    const program = await this.programs.get(
      key,
      () =>
        stepGraph(config, {
          ...{ chunks, checkpointing, pairLoss, anchor, steering, int8: int8?.dtype, store },
          ...(lora ? { lora } : {}),
        }),
      store?.folder,
    );
    const targets = chunked(batch, chunks);
    const outputs = await program.run({
      ...this.copies.feeds('policy', batch),
      ...int8?.feeds,
      ...stepFeeds(pass, batch, targets),
      ...this.copies.directionFeeds(steering),
      ...(await this.anchorFeeds(pass, batch, targets)),
    });
    const numbers = (name: string) => outputs[name].data as Float32Array;
    const [loss] = numbers('loss');
    trained.accumulate(loss, (name) => numbers(`grad:${name}`));
    const supervised = batch.row.reduce((sum, row) => sum + Number(row < pass.rows.length), 0);
    const perTarget = (name: string) => numbers(name).slice(0, supervised);
    const ofPairs = (name: string) => Float64Array.from(numbers(name).subarray(0, pairs.length));
    return {
      loss,
      sft: numbers('sft')[0],
      dpo: pairs.length === 0 ? 0 : numbers('dpo')[0],
      anchor: anchor.kl || anchor.features ? numbers('anchor')[0] : 0,
      logps: { chosen: ofPairs('chosen'), rejected: ofPairs('rejected') },
      targets: { entropy: perTarget('entropy'), correct: perTarget('correct') },
    };
  }

  /** Inputs of the terms that hold the policy to a frozen copy. */
  private async anchorFeeds(
    pass: HybridPass,
    batch: Batch,
    targets: ChunkedTargets,
  ): Promise<Record<string, NdArray>> {
    if (!pass.anchor && pass.pairLoss !== 'kl') return {};
    const states = await this.scoring.hidden(batch, pass.anchor?.to ?? 'base');
    return anchorFeeds(pass, batch, targets, states, this.copies.config.layers);
  }

  /** Memory that a step keeps for its backward pass, bytes: about 16 widths, 4 inner widths and the attention a layer. */
  private activationBytes({ B, T }: Batch): number {
    const { layers, width, ffn, heads } = this.copies.config;
    return 4 * layers * B * T * (16 * width + 4 * ffn + 2 * heads * T);
  }
}

/** Forward passes without a gradient: log-probabilities of given tokens, and hidden states. */

import type { TokenRow } from '../../values/rows.js';
import { type ChoiceRow, depth } from '../choices.js';
import { meansOf, type Stretch } from '../stretch.js';
import type { SequenceLogp, WeightSet } from '../training-engine.js';
import { padRows } from './batch.js';
import { ChoiceQueue } from './choice-queue.js';
import { layOutChoices } from './choices.js';
import { type Copies, nameOf, perSet, type Tokens } from './copies.js';
import { byTokens } from './forward-groups.js';
import { hiddenGraph, scoreGraph } from './graphs.js';
import type { Programs } from './programs.js';
import { int64Array, type NdArray } from './runtime.js';
import type { HiddenStates } from './step-feeds.js';
import { chunked, chunksFor, type Targets } from './targets.js';

export class Scoring {
  private readonly choices: Record<WeightSet, ChoiceQueue>;
  private lastMeans: Promise<unknown> = Promise.resolve();
  private closed?: Error;

  constructor(
    private readonly copies: Copies,
    private readonly programs: Programs,
  ) {
    this.choices = perSet((set) => new ChoiceQueue((rows) => this.scoreChoices(rows, set)));
  }

  /** See `TrainingEngine`. */
  async sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]> {
    const results: SequenceLogp[] = new Array(rows.length);
    for (const group of byTokens(rows.map((row) => row.ids.length))) {
      const batch = padRows(group.map((i) => rows[i]));
      this.copies.requireLength(batch.T);
      const { logps, correct } = await this.score(batch, set);
      const sums = group.map(() => ({ logpSum: 0, tokens: 0, correct: 0 }));
      for (const [r, logp] of logps.entries()) {
        const sum = sums[batch.row[r]];
        sum.logpSum += logp;
        sum.tokens += 1;
        sum.correct += correct[r];
      }
      for (const [row, i] of group.entries()) results[i] = sums[row];
    }
    return results;
  }

  /**
   * Scores calls that wait at the same time together.
   *
   * @returns [row][choice]: the summed log-probability of a choice after its row's context, nats
   */
  async choiceLogps(rows: readonly ChoiceRow[], set: WeightSet): Promise<number[][]> {
    for (const row of rows) this.copies.requireLength(depth(row));
    return this.choices[set].logps(rows);
  }

  /** The residual stream after each layer, and the states that predict; [B·T, width]. */
  hidden(batch: Tokens, set: WeightSet): Promise<HiddenStates> {
    return this.states(batch, set);
  }

  /** @param asked layers that a question is about, in the base's own numbers; absent: what losses are made of, all layers */
  private async states(batch: Tokens, set: WeightSet, asked?: readonly number[]): Promise<HiddenStates> {
    const { config, store } = this.copies;
    const int8 = asked ? undefined : await this.copies.int8?.on(this.programs.options);
    const lora = this.copies.loraOf(set);
    const program = await this.programs.get(
      `hidden ${lora !== undefined} ${int8 !== undefined}`,
      () => hiddenGraph(config, { ...(lora ? { lora } : {}), int8: int8?.dtype, store }),
      store?.folder,
    );
    const outputs = await program.run(
      { ...this.copies.feeds(set, batch), ...int8?.feeds },
      {},
      asked?.map((layer) => `hidden.${layer}`),
    );
    const dims = [batch.B * batch.T, config.width];
    return (layer) => ({ data: outputs[`hidden.${layer}`].data as Float32Array, dims });
  }

  /** See `Steerable`. */
  async meanHidden(rows: readonly TokenRow[], set: WeightSet, layer: number): Promise<Float32Array[]> {
    const { width } = this.copies.config;
    const means = rows.map(() => new Float32Array(width));
    for (const group of byTokens(rows.map((row) => row.ids.length))) {
      const batch = padRows(group.map((i) => rows[i]));
      this.copies.requireLength(batch.T);
      const { data } = (await this.hidden(batch, set))(layer);
      const counts = group.map((_, g) => batch.row.reduce((sum, row) => sum + Number(row === g), 0));
      for (const [k, row] of batch.row.entries()) {
        const [mean, from] = [means[group[row]], batch.predictAt[k] * width];
        for (let d = 0; d < width; d++) mean[d] += (data[from + d] as number) / counts[row];
      }
    }
    return means;
  }

  /** See `HiddenReader`. @returns [stretch][layer] float32 [width] */
  meanStates(
    stretches: readonly Stretch[],
    layers: readonly number[],
    set: WeightSet,
  ): Promise<Float32Array[][]> {
    const means = this.lastMeans.then(() => this.readMeans(stretches, layers, set));
    this.lastMeans = means.catch(() => {});
    return means;
  }

  private async readMeans(
    stretches: readonly Stretch[],
    layers: readonly number[],
    set: WeightSet,
  ): Promise<Float32Array[][]> {
    const { width } = this.copies.config;
    const means: Float32Array[][] = new Array(stretches.length);
    const rows = stretches.map(({ tokens, to }) => ({
      ids: Int32Array.from(tokens.slice(0, to)),
      lossMask: new Uint8Array(to),
      where: '',
    }));
    for (const group of byTokens(rows.map(({ ids }) => ids.length))) {
      if (this.closed) throw this.closed;
      const batch = padRows(group.map((i) => rows[i]));
      this.copies.requireLength(batch.T);
      const hidden = await this.states(batch, set, layers);
      for (const [b, i] of group.entries()) {
        const { from, to } = stretches[i];
        const sums = layers.map((layer) => {
          const data = hidden(layer).data as Float32Array;
          const sum = new Float32Array(width);
          for (let t = from; t < to; t++) {
            for (let d = 0; d < width; d++) sum[d] += data[(b * batch.T + t) * width + d];
          }
          return sum;
        });
        means[i] = meansOf(sums, stretches[i]);
      }
    }
    return means;
  }

  /** Rejects calls that wait, now and later. */
  close(error: Error): Promise<unknown> {
    this.closed = error;
    return Promise.all([this.lastMeans, ...Object.values(this.choices).map((queue) => queue.close(error))]);
  }

  private async scoreChoices(rows: readonly ChoiceRow[], set: WeightSet): Promise<number[][]> {
    const logps = rows.map(({ choices }) => choices.map(() => 0));
    const batch = layOutChoices(rows);
    const trunks = int64Array(batch.trunks, [batch.B, batch.T]);
    const values = await this.score(batch, set, { trunks });
    for (const [k, [row, choice]] of batch.owners.entries()) logps[row][choice] += values.logps[k];
    return logps;
  }

  /** Log-probabilities of a batch's targets, in their order. @param branches `trunks`, where there are any */
  private async score(
    batch: Tokens & Targets,
    set: WeightSet,
    branches?: { readonly trunks: NdArray },
  ): Promise<{ logps: Float32Array; correct: Float32Array }> {
    const chunks = chunksFor(batch.target.length);
    const copy = this.copies.copyOf(set);
    const { store } = this.copies;
    const branching = branches !== undefined;
    // what losses are made of is computed as the policy's is; what the model is asked is not
    const int8 = branching ? undefined : await this.copies.int8?.on(this.programs.options);
    const program = await this.programs.get(
      `score ${chunks} ${nameOf(copy)} ${branching}`,
      () => scoreGraph(this.copies.config, { chunks, branching, int8: int8?.dtype, store, ...copy }),
      store?.folder,
    );
    const outputs = await program.run({
      ...this.copies.feeds(set, batch, branching),
      ...int8?.feeds,
      ...this.copies.directionFeeds(copy.steering),
      ...branches,
      ...chunked(batch, chunks).feeds,
    });
    const values = (name: string) => (outputs[name].data as Float32Array).subarray(0, batch.target.length);
    return { logps: values('logps'), correct: values('correct') };
  }
}

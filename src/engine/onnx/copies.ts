/**
 * The three copies of the model, base, start and policy, as graphs take them: parameters, adapters and
 * steering. All share one copy of the base weights in memory.
 */

import { ShapeError } from '../../errors.js';
import { amplify } from '../../model/amplify.js';
import { initLora, projectionShape } from '../../model/lora.js';
import { adaptedModules, type LoraConfig } from '../../model/lora-modules.js';
import type { Model, Weights } from '../../model/model.js';
import type { QuantisedModel } from '../../model/quantised-model.js';
import type { QuantisedStore } from '../../model/quantised-store.js';
import { directionInput, directionsFor, type SteeringShape } from '../../network/steering.js';
import type { Steering } from '../../values/steering.js';
import type { AdamWConfig } from '../adamw.js';
import { requireLength } from '../prompt-length.js';
import { copyTensors, requireFit, TrainedParameters } from '../trained-parameters.js';
import type { WeightSet } from '../training-engine.js';
import type { Batch } from './batch.js';
import type { CopyOptions } from './graphs.js';
import { Int8Projections } from './int8.js';
import { RotaryFeeds } from './rotary-feeds.js';
import { int64Array, type NdArray, scalarArray } from './runtime.js';

/** Parameters by the names of the graphs' inputs. */
export type Parameters = Record<string, NdArray>;
/** A copy as graphs are built for it, with the directions that it is steered by. */
export type SteeredCopy = CopyOptions & { readonly steering: readonly Steering[] };
/** The part of a batch that a forward pass reads. */
export type Tokens = Pick<Batch, 'B' | 'T' | 'ids' | 'positions' | 'segments'>;

/** How the trained copy begins. */
export interface CopiesOptions {
  /** Absent: all weights are trained. */
  readonly lora?: LoraConfig;
  /** An adapter to start from; shaped as `lora` says. Absent: a new one. */
  readonly adapter?: Weights;
  /** Seed of a new adapter. Default 0. */
  readonly seed?: number;
  /** Longest sequence, in tokens. Default: the model's. */
  readonly maxLength?: number;
  /** Train on frozen projections that are rounded to int8; with LoRA only. Default false. */
  readonly loadIn8bit?: boolean;
  /** Constants of the optimiser. Default: PyTorch's, without decay. */
  readonly optimizer?: AdamWConfig;
}

export class Copies {
  readonly trained: TrainedParameters;
  readonly lora?: LoraConfig;
  /** Positions that sequences may have. */
  readonly maxLength: number;
  /** The frozen copy, where it is no longer the model that training found; full training only. */
  renewed?: Weights;
  /** Rotary tables, for programs that lay tokens out themselves as well. */
  readonly rotary: RotaryFeeds;
  /** Frozen projections as the training step takes them, where they are rounded. */
  readonly int8?: Int8Projections;
  /** Where the base's matrices lie, where they are quantised. */
  readonly store?: QuantisedStore;
  private readonly sets: Record<WeightSet, Parameters>;
  private start?: Weights;
  private readonly steering: { training: readonly Steering[]; answering: readonly Steering[] } = {
    training: [],
    answering: [],
  };

  constructor(
    readonly source: Model | QuantisedModel,
    { lora, adapter, seed = 0, maxLength, optimizer, loadIn8bit = false }: CopiesOptions,
  ) {
    const { config } = source;
    const weights = 'store' in source ? new Map() : source.weights;
    if ('store' in source) this.store = source.store;
    if (lora) this.lora = lora;
    const tensors = copyTensors(lora ? (adapter ?? initLora(config, lora, seed)) : weights);
    this.trained = new TrainedParameters(tensors, optimizer);
    if (lora && adapter) this.start = copyTensors(adapter);
    this.maxLength = Math.min(maxLength ?? config.maxPositions, config.maxPositions);
    this.rotary = new RotaryFeeds(config, this.maxLength);
    const base = toFeeds(weights);
    if (lora && loadIn8bit) this.int8 = new Int8Projections(source);
    this.sets = {
      base,
      start: this.start ? { ...base, ...toFeeds(this.start) } : base,
      policy: lora ? { ...base, ...toFeeds(tensors) } : toFeeds(tensors),
    };
  }

  get config() {
    return this.source.config;
  }

  /** The parameters of a copy, as they are at this moment; the policy's arrays change with training. */
  parameters(set: WeightSet): Parameters {
    return this.sets[set];
  }

  /** The options of a graph that answers as this copy. */
  copyOf(set: WeightSet): SteeredCopy {
    const lora = this.loraOf(set);
    return { steering: set === 'policy' ? this.steering.answering : [], ...(lora ? { lora } : {}) };
  }

  /** The adapter that a copy of the model has in its graph. */
  loraOf(set: WeightSet): LoraConfig | undefined {
    return set === 'policy' || (set === 'start' && this.start) ? this.lora : undefined;
  }

  /** The directions that are written while training. */
  get trainingSteering(): readonly Steering[] {
    return this.steering.training;
  }

  /** @throws ConfigError when a direction does not fit the model */
  steer(when: 'training' | 'answering', steering: readonly Steering[]): void {
    directionsFor(steering, this.config);
    this.steering[when] = steering;
  }

  /** Puts another adapter in the place of `start`. @throws ShapeError when it has other shapes */
  replaceStart(adapter: Weights): void {
    if (!this.lora) throw new ShapeError({ what: 'the start of full training takes no adapter' });
    requireFit(this.trained.tensors, adapter);
    this.start = copyTensors(adapter);
    this.sets.start = { ...this.sets.base, ...toFeeds(this.start) };
  }

  /** Makes a copy of these weights the frozen copy; full training only. */
  refreeze(weights: Weights): void {
    if (this.lora) throw new Error('internal: the frozen copy of LoRA training is the base');
    this.renewed = copyTensors(weights);
    this.sets.base = this.sets.start = toFeeds(this.renewed);
  }

  /** The trained parameters, further from the frozen ones by `factor`. */
  amplified(factor: number): Parameters {
    const frozen = this.lora ? undefined : (this.renewed ?? (this.source as Model).weights);
    return toFeeds(amplify(this.trained.tensors, factor, frozen));
  }

  /** Size of the matrices that are adapted, bytes. */
  adaptedBytes(lora: LoraConfig): number {
    const cells = [...adaptedModules(this.config, lora).values()].map(({ projection }) => {
      const [inner, outer] = projectionShape(this.config, projection);
      return inner * outer;
    });
    return 4 * cells.reduce((sum, count) => sum + count, 0);
  }

  /** Every input of a forward pass over whole sequences. */
  feeds(set: WeightSet, batch: Tokens, branching = false): Record<string, NdArray> {
    const dims = [batch.B, batch.T];
    return {
      ...this.sets[set],
      ...this.rotary.sequences(batch, branching),
      zero: scalarArray(0),
      ...('embedding' in this.source
        ? { x: { data: this.source.embedding.rows(batch.ids), dims: [batch.ids.length, this.config.width] } }
        : { ids: int64Array(batch.ids, dims) }),
      segments: int64Array(batch.segments, dims),
    };
  }

  /** The inputs that hold directions, [width]. */
  directionFeeds(steering: readonly Steering[]): Record<string, NdArray> {
    const directions = directionsFor(steering, this.config);
    return Object.fromEntries(
      directions.map((data, i) => [directionInput(i), { data, dims: [this.config.width] }]),
    );
  }

  /** @throws ShapeError when sequences of T tokens have more than the model's positions */
  requireLength(T: number): void {
    requireLength(T, this.maxLength);
  }
}

/** The part of a program's key that says how it is steered. */
export const shapeOf = (steering: readonly SteeringShape[]): string =>
  steering.map(({ layer, kind }) => `${kind}${layer}`).join(',');

/** The part of a program's key that says which copy it answers as. */
export const nameOf = ({ lora, steering = [] }: CopyOptions): string =>
  `${lora !== undefined} ${shapeOf(steering)}`;

/** One of each for the three copies. */
export const perSet = <T>(make: (set: WeightSet) => T): Record<WeightSet, T> => ({
  base: make('base'),
  start: make('start'),
  policy: make('policy'),
});

const toFeeds = (weights: Weights): Parameters =>
  Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, { data, dims: shape }]));

/**
 * The copies of the model at a server: the policy, and what it began as.
 *
 * The reference is the same trainer's: a second model that is new and stays so (a new adapter adds nothing), never
 * a sampling engine, which rounds in its own way. Samples and what the conscience is asked come from sampling
 * sessions.
 */
import { randomUUID } from 'node:crypto';
import type { Weights } from '../../model/model.js';
import type { WeightSet } from '../training-engine.js';
import { RemoteModel } from './remote-model.js';
import { Sampler, type SamplerSource } from './sampler.js';
import type { Session } from './session.js';
import { copyWeights, putWeights } from './tensors.js';

export interface RemoteCopiesOptions {
  /** The model's name at the server. */
  readonly baseModel: string;
  /** What `create_model` is told of what is trained. */
  readonly shape: object;
  /** Whether an adapter is trained. */
  readonly lora: boolean;
  /** The adapter that training begins with. */
  readonly adapter?: Weights;
}

export class RemoteCopies {
  private models: Partial<Record<WeightSet, Promise<RemoteModel>>> = {};
  private samplers: Partial<Record<WeightSet, Promise<Sampler>>> = {};
  /** Models that calls in progress may still ask. */
  private readonly retired: Promise<RemoteModel>[] = [];
  /** The adapter that `start` has; absent: it is the base. */
  private startAdapter?: Weights;
  /** Whether the policy may differ from the base, and the base from what it was. */
  private moved = false;
  private renewed = false;

  constructor(
    readonly session: Session,
    private readonly options: RemoteCopiesOptions,
  ) {
    if (options.adapter) {
      this.startAdapter = options.adapter;
      this.moved = true;
    }
  }

  /** A copy for forward passes; the policy's also for training. */
  model(asked: WeightSet): Promise<RemoteModel> {
    const set = this.known(asked);
    const begin = set === 'base' ? undefined : this.startAdapter;
    const known = this.models[set];
    if (known) return known;
    const made = this.create(begin);
    this.models[set] = made;
    made.catch(() => delete this.models[set]);
    return made;
  }

  /** A model that is new, and of nobody else. */
  async create(adapter?: Weights): Promise<RemoteModel> {
    const { baseModel, shape, lora } = this.options;
    const model = await RemoteModel.create(this.session, { base_model: baseModel, ...shape });
    if (adapter) await putWeights(model, adapter, lora);
    return model;
  }

  /** A sampling session on a copy as it is now. */
  async sampler(asked: WeightSet): Promise<Sampler> {
    const set = this.known(asked);
    const same = set === 'policy' && !this.moved ? 'base' : set;
    const known = this.samplers[same];
    if (known) return known;
    const opened = this.open(same);
    this.samplers[same] = opened;
    opened.catch(() => delete this.samplers[same]);
    return opened;
  }

  /** A live session on the policy, its difference to the base multiplied. */
  async amplified(factor: number): Promise<Sampler> {
    const { id } = await this.model('policy');
    return Sampler.open(this.session, { ealign: { model_id: id, amplify: factor } });
  }

  /** The policy has changed. */
  policyMoved(): void {
    this.moved = true;
    if (!this.session.abilities.extensions.live) delete this.samplers.policy;
  }

  /** Another adapter in the place of the start's. Calls in progress finish with the one that they began with. */
  async replaceStart(adapter: Weights): Promise<void> {
    const model = Promise.resolve(await this.create(adapter));
    if (this.models.start) this.retired.push(this.models.start);
    this.startAdapter = adapter;
    this.models.start = model;
    delete this.samplers.start;
  }

  /** A new model in the place of the policy: its gradient, moments and numbers are new. */
  async renewPolicy(): Promise<RemoteModel> {
    const old = await this.models.policy;
    delete this.samplers.policy;
    this.models.policy = this.create();
    await old?.unload();
    return this.models.policy;
  }

  /** The policy as it is becomes the base; full training only. */
  async refreeze(from?: string): Promise<void> {
    const base = await this.model('base');
    if (from === undefined) await copyWeights(await this.model('policy'), base);
    else await base.putTensors('weights', from);
    this.renewed = true;
    delete this.samplers.base;
  }

  /** The base, where it is no longer the model that training found. */
  get renewedBase(): Promise<RemoteModel> | undefined {
    return this.renewed ? this.model('base') : undefined;
  }

  /** Frees the server's memory. */
  async close(): Promise<void> {
    const made = await Promise.allSettled([...this.retired, ...Object.values(this.models)]);
    await Promise.all(made.map((one) => (one.status === 'fulfilled' ? one.value.unload() : undefined)));
  }

  /** `start` is the base, but for an adapter of its own. */
  private known(set: WeightSet): WeightSet {
    return set === 'start' && !this.startAdapter ? 'base' : set;
  }

  private async open(set: WeightSet): Promise<Sampler> {
    return Sampler.open(this.session, await this.source(set));
  }

  private async source(set: WeightSet): Promise<SamplerSource> {
    if (set === 'base' && !this.renewed) return { base_model: this.options.baseModel };
    const model = await this.model(set);
    if (this.session.abilities.extensions.live) return { ealign: { model_id: model.id } };
    return { model_path: await model.saveForSampler(`ealign-${randomUUID()}`) };
  }
}

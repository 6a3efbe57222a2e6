/** Opens what trains, by its engine's name: the only place that knows engines by name. */
import { OnnxEngine, type OnnxOptions } from '../engine/onnx/engine.js';
import { QuantisedEngine } from '../engine/onnx/frozen/engine.js';
import type { Device } from '../engine/onnx/runtime.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { ConfigError } from '../errors.js';
import type { Model } from '../model/model.js';
import type { QuantisedModel } from '../model/quantised-model.js';

/** The model that an engine is opened on, and how it trains. */
export interface EngineOptions extends EngineChoice, OnnxOptions {
  /** With quantised weights: the base of LoRA training. */
  readonly model: Model | QuantisedModel;
  /** CPU threads. 0, the default, takes one per core. */
  readonly threads?: number;
}

/** An engine's name and its device. */
export interface EngineChoice {
  /** Default `onnx`. */
  readonly engine?: string;
  /** Default `cpu`. */
  readonly device?: Device;
}

interface Opener {
  open(options: EngineOptions): Promise<TrainingEngine>;
  /** @throws ConfigError when it cannot run here */
  require(choice: EngineChoice): Promise<void>;
}

const openers: Readonly<Record<string, Opener>> = {
  onnx: {
    open: async ({ model, threads: asked, ...options }) => {
      const threads = asked || undefined;
      if (!('store' in model)) return new OnnxEngine(model, { ...options, threads });
      requireFrozenBase(options);
      return new QuantisedEngine(model, options.lora, { ...options, threads });
    },
    require: ({ device = 'cpu' }) => OnnxEngine.tryDevice(device),
  },
};

/** The adapter of a model that only answers: it has no targets, so that no weights are copied for training. */
export const UNTRAINED = { rank: 1, alpha: 1, rslora: false, targets: [] } as const;

/**
 * Opens an engine on a model. The caller closes it.
 *
 * @throws ConfigError when there is no engine of this name
 */
export async function openEngine(options: EngineOptions): Promise<TrainingEngine> {
  return openerOf(options.engine).open(options);
}

/** Refuses what `openEngine` could not open here, before anything is read. @throws ConfigError */
export async function requireEngine(choice: EngineChoice): Promise<void> {
  await openerOf(choice.engine).require(choice);
}

/** A quantised base stays as it is. @throws ConfigError when it is to be trained, rounded again, or run elsewhere */
function requireFrozenBase<T extends OnnxOptions>(
  options: T,
): asserts options is T & { readonly lora: NonNullable<T['lora']> } {
  const { lora, loadIn8bit, device = 'cpu' } = options;
  if (lora && !loadIn8bit && device === 'cpu') return;
  throw new ConfigError({
    where: 'engine',
    what: 'quantised weights can only be the frozen base of LoRA training on the CPU',
    next: 'give a LoRA configuration, or load the model in float32',
  });
}

function openerOf(name = 'onnx'): Opener {
  if (Object.hasOwn(openers, name)) return openers[name];
  throw new ConfigError({
    where: 'engine',
    what: 'no such engine',
    expected: Object.keys(openers).join(' or '),
    got: name,
  });
}

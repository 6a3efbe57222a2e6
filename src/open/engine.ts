/** Opens what trains, by its engine's name: the only place that knows engines by name. */
import { OnnxEngine, type OnnxOptions } from '../engine/onnx/engine.js';
import type { Device } from '../engine/onnx/runtime.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { ConfigError } from '../errors.js';
import type { Model } from '../model/model.js';

/** What an engine is opened on, and how it trains. */
export interface EngineOptions extends OnnxOptions {
  /** Name of the engine. Default `onnx`. */
  readonly engine?: string;
  readonly model: Model;
  /** CPU threads. 0, the default, takes one per core. */
  readonly threads?: number;
}

const openers: Readonly<Record<string, (options: EngineOptions) => TrainingEngine>> = {
  onnx: ({ model, threads, ...options }) =>
    new OnnxEngine(model, { ...options, threads: threads || undefined }),
};

/** The adapter of a model that only answers: it has no targets, so that no weights are copied for training. */
export const UNTRAINED = { rank: 1, alpha: 1, rslora: false, targets: [] } as const;

/**
 * Opens an engine on a model. The caller closes it.
 *
 * @throws ConfigError when there is no engine of this name
 */
export async function openEngine(options: EngineOptions): Promise<TrainingEngine> {
  return openerOf(options.engine)(options);
}

/** Refuses what `openEngine` could not open here, before anything is read. @throws ConfigError */
export async function requireEngine({ engine, device = 'cpu' }: EngineChoice): Promise<void> {
  openerOf(engine);
  await OnnxEngine.tryDevice(device);
}

/** An engine's name and its device. */
export interface EngineChoice {
  readonly engine?: string;
  readonly device?: Device;
}

function openerOf(name = 'onnx') {
  if (Object.hasOwn(openers, name)) return openers[name];
  throw new ConfigError({
    where: 'engine',
    what: 'no such engine',
    expected: Object.keys(openers).join(' or '),
    got: name,
  });
}

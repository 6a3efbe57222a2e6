/** Opens what trains, by its engine's name: the only place that knows engines by name. */
import { OnnxEngine, type OnnxOptions } from '../engine/onnx/engine.js';
import { QuantisedEngine } from '../engine/onnx/frozen/engine.js';
import { TinkerEngine, type TinkerOptions } from '../engine/tinker/engine.js';
import { requireWorker } from '../engine/tinker/python.js';
import { Transport } from '../engine/tinker/transport.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { ConfigError } from '../errors.js';
import type { Model, NamedModel } from '../model/model.js';
import type { QuantisedModel } from '../model/quantised-model.js';
import { openWorkerEngine } from './worker-engine.js';

/** The model that an engine is opened on, and how it trains. */
export interface EngineOptions extends EngineChoice, Omit<OnnxOptions, 'device'> {
  /**
   * `onnx`: with its weights; quantised ones are the base of LoRA training. `torch`, `tinker`: the weights are
   * elsewhere, and what is here of them is not read.
   */
  readonly model: Model | QuantisedModel | NamedModel;
  /** What the model is called, for a server to find it by. Default: its folder. */
  readonly modelName?: string;
  /** CPU threads. 0, the default, takes one per core. */
  readonly threads?: number;
  /** Told, in a sentence, of waits and progress elsewhere. */
  readonly onNote?: (line: string) => void;
}

/** An engine's name and where it computes. */
export interface EngineChoice {
  /** Default `onnx`. */
  readonly engine?: string;
  /** `onnx`: `cpu`, the default, or `webgpu`. `torch`: `cpu`, `cuda`, or `auto`, the default. */
  readonly device?: 'cpu' | 'webgpu' | 'cuda' | 'auto';
  /** `tinker`: address of the server. */
  readonly url?: string;
}

interface Opener {
  open(options: EngineOptions): Promise<TrainingEngine>;
  /** @throws UserError when it cannot run here */
  require(choice: EngineChoice): Promise<void>;
}

const openers: Readonly<Record<string, Opener>> = {
  onnx: {
    open: async ({ model, threads: asked, device: given, ...options }) => {
      const device = onnxDevice(given);
      const threads = asked || undefined;
      if (!('store' in model)) return new OnnxEngine(requireWeights(model), { ...options, device, threads });
      requireFrozenBase({ ...options, device });
      return new QuantisedEngine(model, options.lora!, { ...options, device, threads });
    },
    require: async ({ device }) => OnnxEngine.tryDevice(onnxDevice(device)),
  },
  torch: {
    open: async (options) => {
      const { model, threads, checkpointing, onNote } = options;
      const device = torchDevice(options.device);
      return (await openWorkerEngine(model, { device, threads, checkpointing, onNote }, remote(options)))
        .engine;
    },
    require: async ({ device }) => {
      torchDevice(device);
      requireWorker();
    },
  },
  tinker: {
    open: (options) => TinkerEngine.open(options.model, { ...remote(options), url: requireUrl(options) }),
    require: async (choice) => {
      await new Transport({ url: requireUrl(choice) }).get('get_server_capabilities');
    },
  },
};

/** What an engine elsewhere is told. */
function remote(options: EngineOptions): Omit<TinkerOptions, 'url'> {
  const { model, modelName, lora, adapter, seed, maxLength, optimizer, baseTokenizer, onNote } = options;
  return {
    ...{ lora, adapter, seed, maxLength, optimizer, baseTokenizer, onNote },
    modelNames: [...(modelName === undefined ? [] : [modelName]), model.path],
  };
}

/** The adapter of a model that only answers: it has no targets, so that no weights are copied for training. */
export const UNTRAINED = { rank: 1, alpha: 1, rslora: false, targets: [] } as const;

/**
 * Opens an engine on a model. The caller closes it.
 *
 * @throws ConfigError when there is no engine of this name; UserError when it cannot be had
 */
export async function openEngine(options: EngineOptions): Promise<TrainingEngine> {
  return openerOf(options.engine).open(options);
}

/** Refuses what `openEngine` could not open here, before anything is read. @throws UserError */
export async function requireEngine(choice: EngineChoice): Promise<void> {
  await openerOf(choice.engine).require(choice);
}

function requireWeights(model: Model | NamedModel): Model {
  if ('weights' in model) return model;
  const what = 'engine: onnx computes here, and the model’s weights were not loaded';
  throw new ConfigError({ where: 'engine', what, next: 'load the model with loadModel' });
}

function onnxDevice(device: EngineChoice['device'] = 'cpu'): 'cpu' | 'webgpu' {
  if (device === 'cpu' || device === 'webgpu') return device;
  throw new ConfigError({
    where: 'device',
    what: 'engine: onnx has no such device',
    expected: 'cpu or webgpu',
    got: device,
  });
}

function torchDevice(device: EngineChoice['device'] = 'auto'): 'cpu' | 'cuda' | 'auto' {
  if (device !== 'webgpu') return device;
  throw new ConfigError({
    where: 'device',
    what: 'engine: torch has no such device',
    expected: 'cpu, cuda or auto',
    got: device,
  });
}

function requireUrl({ url }: EngineChoice): string {
  if (url !== undefined) return url;
  throw new ConfigError({
    where: 'url',
    what: 'engine: tinker needs the address of a server',
    next: 'set url: https://…',
  });
}

/** A quantised base stays as it is. @throws ConfigError when it is to be trained, or run elsewhere */
function requireFrozenBase({ lora, device = 'cpu' }: OnnxOptions): void {
  if (lora && device === 'cpu') return;
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

/** The model that a run trains, as training starts on it, and an engine on it. */
import type { TrainingEngine } from '../engine/training-engine.js';
import { resolveModel } from '../hub/pull.js';
import type { Adapter } from '../model/adapter-files.js';
import { readServedHead } from '../model/head.js';
import { initialWeights } from '../model/initial-weights.js';
import type { LoraConfig } from '../model/lora-modules.js';
import type { Model, NamedModel } from '../model/model.js';
import { openAdapter } from '../model/open-adapter.js';
import type { QuantisedModel } from '../model/quantised-model.js';
import { loadModel } from '../model/weights.js';
import { openEngine } from '../open/engine.js';
import { quantisedAt } from '../open/quantised.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { TrainConfig } from './config/schema.js';
import { targetsFor, trainedLora } from './trained-lora.js';

export interface TrainedModel {
  /** The configuration as it holds for this model and adapter. */
  readonly config: TrainConfig;
  /** The model as training starts on it, without the adapter's factors. */
  readonly model: Model | QuantisedModel | NamedModel;
  /** Folder or file that the model is read from. */
  readonly modelPath: string;
  /** The tokenizer of the model itself, where the adapter brings another. */
  readonly baseTokenizer: ChatTokenizer;
  /** The adapter that training starts from. */
  readonly adapter?: Adapter;
  /** Shape of the trained adapter; absent: all weights are trained. */
  readonly lora?: LoraConfig;
}

/**
 * Loads what a configuration trains.
 *
 * @param note  told of warnings
 * @param known the configuration's model, where it is loaded already
 * @throws UserError when model or adapter cannot be used
 */
export async function trainedModel(
  given: TrainConfig,
  note: (line: string) => void,
  known?: Model,
): Promise<TrainedModel> {
  // a server has the weights
  const modelPath = await resolveModel(given.model, { headOnly: given.engine === 'tinker' });
  const base =
    given.engine === 'onnx'
      ? await baseOf(given, modelPath, note, known)
      : (known ?? (await readServedHead(modelPath)));
  const { adapter, model } = await withAdapter(given, base, note);
  const config = fitted(given, model, adapter, note);
  const lora = config.setting === 'lora' ? (adapter?.config ?? trainedLora(config, model.config)) : undefined;
  const start = { ...(adapter ? { adapter } : {}), ...(lora ? { lora } : {}) };
  return { config, model, modelPath, baseTokenizer: base.tokenizer, ...start };
}

/** The model before anything of it is trained: quantised where its file is, and where it stays as it is. */
async function baseOf(
  { init, setting, device, quantize, seed, training }: TrainConfig,
  modelPath: string,
  note: (line: string) => void,
  known?: Model,
): Promise<Model | QuantisedModel> {
  const inFloat = quantize === 'none' || device !== 'cpu' || setting !== 'lora';
  const rounded = quantize === 'q8' || quantize === 'q4';
  if ((!known || rounded) && !inFloat) {
    const quantised = await quantisedAt(modelPath, quantize);
    if (quantised) {
      note(
        training.load_in_8bit
          ? 'The frozen weights stay quantised: losses round them to 8 bits, and activations and gradients where they meet them; what the model is asked uses their exact numbers, and rounds activations to 8 bits.'
          : 'The frozen weights stay quantised: losses use their exact numbers, and what the model is asked rounds activations to 8 bits as well.',
      );
      return quantised;
    }
  }
  const loaded = known ?? (await loadModel(modelPath));
  return init === 'random' ? { ...loaded, weights: initialWeights(loaded.config, seed) } : loaded;
}

/**
 * An engine that trains it; the caller closes it.
 *
 * @param threads on the CPU; 0 takes one per core
 * @param onNote  told of waits and progress elsewhere
 */
export function engineOf(
  { config, model, lora, adapter, baseTokenizer }: TrainedModel,
  threads = config.threads,
  onNote?: (line: string) => void,
): Promise<TrainingEngine> {
  const { engine, url, device, seed, training } = config;
  return openEngine({
    ...{ engine, url, device, model, threads, onNote },
    modelName: config.model,
    lora,
    adapter: adapter?.tensors,
    baseTokenizer: adapter && baseTokenizer,
    checkpointing: training.checkpointing === 'auto' ? undefined : training.checkpointing,
    seed,
    loadIn8bit: training.load_in_8bit,
    optimizer: {
      beta1: training.adam_beta1,
      beta2: training.adam_beta2,
      eps: training.adam_eps,
      weightDecay: training.weight_decay,
    },
  });
}

async function withAdapter(
  { adapter: folder, model: name }: TrainConfig,
  base: TrainedModel['model'],
  note: (line: string) => void,
): Promise<{ adapter?: Adapter; model: TrainedModel['model'] }> {
  if (folder === undefined) return { model: base };
  return openAdapter(folder, base, { name, onWarning: (line) => note(`Warning: ${line}`) });
}

/** The configuration with rows no longer than the model reads, and with the shape of the given adapter. */
function fitted(
  config: TrainConfig,
  model: NamedModel,
  adapter: Adapter | undefined,
  note: (line: string) => void,
): TrainConfig {
  const { max_length: asked } = config.training;
  const most = Math.min(asked, model.config.maxPositions);
  if (most < asked) {
    note(`Rows are cut at ${most} tokens, not ${asked}: the model has no more positions.`);
  }
  const { rank, alpha, rslora, targets, layers, exclude } = adapter?.config ?? {
    ...config.lora,
    targets: targetsFor(config.lora.targets, model.config),
  };
  const names = (given: readonly string[] | string) => (typeof given === 'string' ? given : [...given]);
  return {
    ...config,
    lora: {
      rank,
      alpha,
      rslora,
      targets: names(targets),
      layers: layers && [...layers],
      exclude: exclude && names(exclude),
    },
    training: { ...config.training, max_length: most },
  };
}

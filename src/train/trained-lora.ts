/** The adapter that a configuration asks for, checked against the model. */

import { ConfigError, UserError } from '../errors.js';
import { isKnown, type ModelConfig, type ModelSizes } from '../model/config.js';
import { adaptedModules, type LoraConfig, projections } from '../model/lora-modules.js';
import type { TrainConfig } from './config/schema.js';

/**
 * The targets that a configuration means for a model: its default, every linear layer of a block, is
 * `qkv_proj` and `gate_up_proj` where the model has those, and `all-linear` where its layers are not known here.
 */
export function targetsFor(
  targets: readonly string[] | string,
  model: ModelSizes,
): readonly string[] | string {
  const all = typeof targets !== 'string' && projections.every((name, i) => targets[i] === name);
  if (!all || targets.length !== projections.length) return targets;
  return isKnown(model) ? model.architecture.projections : 'all-linear';
}

/**
 * Of an architecture that is not known here, the server that trains it says what it does not have.
 *
 * @throws ConfigError when a target, a layer or all of them are not in the model
 */
export function trainedLora({ lora }: Pick<TrainConfig, 'lora'>, model: ModelSizes): LoraConfig {
  const missing = lora.layers?.find((layer) => layer >= model.layers);
  if (missing !== undefined) {
    throw new ConfigError({
      where: 'lora.layers',
      what: `there is no layer ${missing}`,
      expected: `0 to ${model.layers - 1}`,
    });
  }
  if (!isKnown(model)) return lora;
  const unused = [lora.targets].flat().find((target) => {
    const own = typeof lora.targets === 'string' ? target : [target];
    return modulesOf({ ...lora, targets: own, exclude: undefined }, model) === 0;
  });
  if (unused !== undefined) {
    throw new ConfigError({
      where: 'lora.targets',
      what: 'no module of the model has such a name',
      expected: 'endings such as down_proj, or a pattern of whole names such as model.layers.0.mlp.down_proj',
      got: unused,
    });
  }
  if (modulesOf(lora, model) === 0) {
    throw new ConfigError({
      where: 'lora.exclude',
      what: 'every module that lora.targets names is left out',
    });
  }
  return lora;
}

function modulesOf(lora: TrainConfig['lora'], model: ModelConfig): number {
  try {
    return adaptedModules(model, lora).size;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const key = error.parts.where === 'exclude_modules' ? 'lora.exclude' : 'lora.targets';
    throw new ConfigError({ ...error.parts, where: key });
  }
}

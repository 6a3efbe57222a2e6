/** What is trained, as `create_model` is told, and what a server cannot train refused in one line. */
import { ConfigError } from '../../errors.js';
import { isKnown, type ModelSizes } from '../../model/config.js';
import { adaptedModules, type LoraConfig } from '../../model/lora-modules.js';
import type { Abilities, ServedModel } from './abilities.js';

/** The layers of attention and of the feed-forward part, by the names that they have where they are separate or fused. */
const PARTS = [
  [
    ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
    ['qkv_proj', 'o_proj'],
  ],
  [
    ['gate_proj', 'up_proj', 'down_proj'],
    ['gate_up_proj', 'down_proj'],
  ],
] as const;
/** Every linear layer of a block, in PEFT's word. */
const ALL = 'all-linear';
/** Servers without our extensions scale an adapter's product by this over its rank. */
const ALPHA = 32;

export interface Asked {
  /** Absent: all weights. */
  readonly lora?: LoraConfig;
  readonly seed: number;
  readonly config: ModelSizes;
}

/** @throws ConfigError when the server cannot train it */
export function shapeOf({ lora, seed, config }: Asked, abilities: Abilities, server: string): object {
  if (!lora) {
    if (abilities.extensions.full) return { ealign: { full: true } };
    throw new ConfigError({
      where: 'setting',
      what: `${server} trains adapters only`,
      next: 'set setting: lora, or use engine: torch',
    });
  }
  return { lora_config: abilities.ours ? ownShape(lora, seed, config) : plainShape(lora, seed, server) };
}

/** An adapter as our worker takes it. */
function ownShape(lora: LoraConfig, seed: number, config: ModelSizes): object {
  const { rank, alpha, rslora } = lora;
  // every linear layer but the output is what the worker adapts where nothing is named
  const all = lora.targets === ALL && !isKnown(config);
  const named = all || typeof lora.targets !== 'string';
  const plain = named && !lora.layers && !lora.exclude && !lora.rankPattern;
  if (!plain && !isKnown(config)) {
    throw new ConfigError({
      where: 'lora',
      what: 'patterns, layers and exclude cannot be read on an architecture that is not known here',
      next: 'name the modules in lora.targets',
    });
  }
  const modules = plain ? [] : [...adaptedModules(config as never, lora).values()];
  if (modules.some((module) => module.rank !== rank) || lora.alphaPattern) {
    throw new ConfigError({
      where: 'adapter',
      what: 'modules of different ranks or alphas cannot be trained there',
    });
  }
  const targets = plain ? lora.targets : modules.map(({ name }) => name);
  return { rank, seed, alpha, rslora, ...(all ? {} : { targets }), dropout: 0, train_unembed: false };
}

/** An adapter as Tinker's own API has it: attention and feed-forward parts whole, one alpha for all. */
function plainShape(lora: LoraConfig, seed: number, server: string): object {
  const { rank, alpha, rslora, targets, layers, exclude } = lora;
  const refuse = (where: string, what: string, next: string) =>
    new ConfigError({ where, what: `${server} ${what}`, next });
  if (alpha !== ALPHA || rslora) {
    const next = `leave lora.alpha at ${ALPHA} and lora.rslora out, or use engine: torch`;
    throw refuse(rslora ? 'lora.rslora' : 'lora.alpha', 'scales adapters in its own way', next);
  }
  const names = targets === ALL ? PARTS.flatMap(([separate]) => separate) : [targets].flat();
  const own = PARTS.map((forms) => forms.find((form) => form.every((name) => names.includes(name))) ?? []);
  const whole =
    own.flat().length === names.length && names.every((name) => own.flat().includes(name as never));
  if (!whole || layers || exclude) {
    const next = 'leave lora.targets, lora.layers and lora.exclude out, or use engine: torch';
    throw refuse('lora.targets', 'adapts attention and feed-forward parts whole, in all layers', next);
  }
  return { rank, seed, train_attn: own[0].length > 0, train_mlp: own[1].length > 0, train_unembed: false };
}

/** @throws ConfigError when the server takes no weights in, so that training cannot begin with an adapter */
export function requireWeightsIn({ extensions }: Abilities, server: string): void {
  if (extensions.weights) return;
  throw new ConfigError({
    where: 'adapter',
    what: `${server} takes no weights in, so that training there begins with a new adapter`,
    next: 'leave adapter out, or use engine: torch',
  });
}

/**
 * The server's name of a model: the same, or the same but for its owner or folder.
 *
 * @param asked names that the model goes by, the best first
 * @throws ConfigError listing the server's models, where it has none of the name
 */
export function servedAs(asked: readonly string[], { models }: Abilities, server: string): ServedModel {
  if (models.length === 0) return { name: asked[0] };
  const last = (name: string) => name.replace(/\/+$/, '').split('/').at(-1)!.toLowerCase();
  const found =
    models.find(({ name }) => asked.includes(name)) ??
    models.find(({ name }) => asked.some((one) => last(one) === last(name)));
  if (found) return found;
  const listed = models.slice(0, 8).map(({ name }) => name);
  throw new ConfigError({
    where: 'model',
    what: `${server} does not have it`,
    expected: `one of ${listed.join(', ')}${models.length > 8 ? ` and ${models.length - 8} more` : ''}`,
    got: asked[0],
    next: 'train a model that the server has',
  });
}

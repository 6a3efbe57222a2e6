/** The graphs that the engine runs: one training step, scoring, a prompt, the next token. */
import { gradients } from '../../autodiff/backward.js';
import { Graph, type Value } from '../../graph/graph.js';
import type { Integers } from '../../graph/int8-ops.js';
import { add, gather, gemm, mul, reduceSum, scalar, softmax, sub } from '../../graph/ops.js';
import type { ModelConfig } from '../../model/config.js';
import { projectionShape } from '../../model/lora.js';
import { adaptedModules, type LoraConfig } from '../../model/lora-modules.js';
import type { QuantisedStore } from '../../model/quantised-store.js';
import { hybridLoss } from '../../network/loss/hybrid.js';
import { tokenKl } from '../../network/loss/token-kl.js';
import { tokenLogps } from '../../network/loss/token-logps.js';
import { type SteeringShape, steer } from '../../network/steering.js';
import { Transformer, type TransformerOptions } from '../../network/transformer.js';
import type { PairLoss } from '../../values/pair-loss.js';

export interface StepGraphOptions {
  /** Chunks of the loss head. */
  readonly chunks: number;
  /** Absent: all weights are trained. */
  readonly lora?: LoraConfig;
  /** Frozen projections are integers of 8 bits; with LoRA only. */
  readonly int8?: Integers | undefined;
  /** The matrices lie in a store; with LoRA only. */
  readonly store?: QuantisedStore | undefined;
  readonly checkpointing: boolean;
  /** False builds the plain float64 reference. Default true. */
  readonly fused?: boolean;
  readonly pairLoss?: PairLoss;
  /** Terms that hold the policy to a frozen copy. */
  readonly anchor?: { readonly kl: boolean; readonly features: boolean };
  readonly steering?: readonly SteeringShape[];
}

/** Name of the input that holds a frozen copy's residual stream after a layer, [B·T, width]. */
export const referenceInput = (layer: number | 'final'): string => `reference_hidden.${layer}`;

/**
 * Forward, hybrid loss and gradients of everything trained.
 * Outputs: `loss`, `sft`, `dpo`, `chosen`, `rejected`, `logps`, `entropy`, `correct`, and `grad:NAME`
 * for each trained parameter. Sizes B, T, C and P are learned at run time. An anchor makes inputs
 * `kl_weights` [chunks, C], `feature_weights` [B·T, 1] and `reference_hidden.N`, and the output `anchor`.
 */
export function stepGraph(config: ModelConfig, options: StepGraphOptions): Graph {
  const {
    chunks,
    lora,
    int8,
    store,
    checkpointing,
    fused = true,
    pairLoss = 'dpo',
    anchor,
    steering = [],
  } = options;
  const graph = new Graph('step', fused);
  const residuals: Value[] = [];
  const write = steer(graph, config, steering);
  const transformer = new Transformer(graph, config, {
    ...{ checkpointing, int8, store },
    ...(lora ? { lora } : {}),
    onResidual: (layer, residual) => {
      residuals[layer] = residual;
      return write(layer, residual);
    },
  });
  const hidden = transformer.sequences('B', 'T');
  const targets = {
    predictAt: graph.input('predict_at', 'int64', [chunks, 'C']),
    target: graph.input('target', 'int64', [chunks, 'C']),
    inverse: graph.input('inverse', 'int64', ['B*T']),
  };
  const { logps, entropy, correct } = tokenLogps(hidden, transformer.head, targets);
  const reference = (layer: number | 'final') =>
    graph.input(referenceInput(layer), graph.float, hidden.shape);
  const kl =
    anchor?.kl || pairLoss === 'kl'
      ? tokenKl(hidden, reference('final'), transformer.head, targets)
      : undefined;
  const { loss: learned, sft, dpo, pairs } = hybridLoss(graph, logps, 'P', pairLoss, kl);
  const terms: Value[] = [];
  if (anchor?.kl)
    terms.push(reduceSum(mul(kl!, graph.input('kl_weights', graph.float, logps.shape)), [0, 1]));
  if (anchor?.features) terms.push(featureDistance(residuals, reference, 'B*T'));
  const held = terms.length === 0 ? undefined : terms.reduce(add);
  const loss = held ? add(learned, held) : learned;
  const outputs = { loss, sft, dpo, ...pairs, logps, entropy, correct, ...(held ? { anchor: held } : {}) };
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  const trained = [...transformer.parameterInputs].filter(([name]) => !lora || /\.lora_[AB]$/.test(name));
  const grads = gradients(
    loss,
    trained.map(([, value]) => value),
  );
  for (const [i, [name]] of trained.entries()) graph.output(`grad:${name}`, grads[i]!);
  return graph;
}

/** Σ w·‖φ − φ_ref‖² over tokens, the mean over layers; φ is the residual stream after a layer. */
function featureDistance(
  residuals: readonly Value[],
  reference: (layer: number) => Value,
  rows: string,
): Value {
  const { graph } = residuals[0];
  const weights = graph.input('feature_weights', graph.float, [rows, 1]);
  const distances = residuals.map((residual, layer) => {
    const apart = sub(residual, reference(layer));
    return reduceSum(mul(mul(apart, apart), weights), [0, 1]);
  });
  const sum = distances.reduce(add);
  return mul(sum, scalar(sum, 1 / residuals.length));
}

/** The residual stream after each layer, `hidden.N`, and the states that predict, `hidden.final`; [B·T, width]. */
export function hiddenGraph(
  config: ModelConfig,
  options: Pick<TransformerOptions, 'lora' | 'int8' | 'store'>,
): Graph {
  const graph = new Graph('hidden');
  const onResidual = (layer: number, residual: Value) => {
    graph.output(`hidden.${layer}`, residual);
    return residual;
  };
  const transformer = new Transformer(graph, config, { onResidual, ...options });
  graph.output('hidden.final', transformer.sequences('B', 'T'));
  return graph;
}

/** Log-probabilities of given targets. Outputs `logps` and `correct` [chunks, C]. */
export function scoreGraph(
  config: ModelConfig,
  {
    chunks,
    branching = false,
    int8,
    store,
    ...copy
  }: CopyOptions & { chunks: number; branching?: boolean } & Pick<TransformerOptions, 'int8' | 'store'>,
): Graph {
  const graph = new Graph('score');
  const transformer = copyOf(graph, config, copy, { branching, int8, store });
  const hidden = transformer.sequences('B', 'T');
  const { logps, correct } = tokenLogps(hidden, transformer.head, {
    predictAt: graph.input('predict_at', 'int64', [chunks, 'C']),
    target: graph.input('target', 'int64', [chunks, 'C']),
  });
  graph.output('logps', logps);
  graph.output('correct', correct);
  return graph;
}

/** What `mergeLora` computes, as a graph, to be run at every review: output `merged:NAME` for each adapted matrix NAME. */
export function mergeGraph(config: ModelConfig, lora: LoraConfig): Graph {
  const graph = new Graph('merge');
  const input = (name: string, shape: readonly number[]) => graph.input(name, graph.float, shape);
  for (const { name, projection, rank, scale } of adaptedModules(config, lora).values()) {
    const [inner, outer] = projectionShape(config, projection);
    const [a, b] = [input(`${name}.lora_A`, [inner, rank]), input(`${name}.lora_B`, [rank, outer])];
    const weight = input(`${name}.weight`, [inner, outer]);
    graph.output(`merged:${name}.weight`, gemm(a, b, weight, { alpha: scale }));
  }
  return graph;
}

/** Which copy of the model a graph answers as. */
export interface CopyOptions {
  readonly lora?: LoraConfig;
  readonly steering?: readonly SteeringShape[];
}

function copyOf(
  graph: Graph,
  config: ModelConfig,
  { lora, steering = [] }: CopyOptions,
  options: TransformerOptions = {},
): Transformer {
  const onResidual = steer(graph, config, steering);
  return new Transformer(graph, config, { ...options, onResidual, ...(lora ? { lora } : {}) });
}

/**
 * Outputs `logits` and `probabilities` [B, V], the softmax of logits times the input `inverse_temperature`
 * [B, 1]. The exponentials of a vocabulary are most of what sampling costs, and cost less in a graph.
 */
function predict(graph: Graph, transformer: Transformer, hidden: Value): void {
  const logits = transformer.logits(hidden);
  const inverseTemperature = graph.input('inverse_temperature', graph.float, ['B', 1]);
  graph.output('logits', logits);
  graph.output('probabilities', softmax(mul(logits, inverseTemperature)));
}

/** A prompt: `predict` at the hidden states `last`, and every layer's keys and values. */
export function promptGraph(config: ModelConfig, copy: CopyOptions): Graph {
  const graph = new Graph('prompt');
  const transformer = copyOf(graph, config, copy);
  const hidden = transformer.sequences('B', 'T', (layer, { keys, values }) => {
    graph.output(`new_keys.${layer}`, keys);
    graph.output(`new_values.${layer}`, values);
  });
  predict(graph, transformer, gather(hidden, graph.input('last', 'int64', ['B'])));
  return graph;
}

/** One token per row on a cache: `predict`, and the token's keys and values. */
export function nextTokenGraph(config: ModelConfig, copy: CopyOptions): Graph {
  const graph = new Graph('next_token');
  const transformer = copyOf(graph, config, copy);
  const hidden = transformer.nextToken('B', 'P', (layer, { keys, values }) => {
    graph.output(`new_keys.${layer}`, keys);
    graph.output(`new_values.${layer}`, values);
  });
  predict(graph, transformer, hidden);
  return graph;
}

/** The graphs that the engine runs: one training step, scoring, a prompt, the next token. */
import { gradients } from '../../autodiff/backward.js';
import { hybridLoss } from '../../loss/hybrid.js';
import { tokenLogps } from '../../loss/token-logps.js';
import type { ModelConfig } from '../../model/config.js';
import type { LoraConfig } from '../../model/lora.js';
import { Transformer } from '../../model/transformer.js';
import { Graph } from '../../onnx/graph.js';
import { gather } from '../../onnx/ops.js';

export interface StepGraphOptions {
  /** Chunks of the loss head. */
  readonly chunks: number;
  /** Absent: all weights are trained. */
  readonly lora?: LoraConfig;
  readonly checkpointing: boolean;
  /** False builds the plain float64 reference. Default true. */
  readonly fused?: boolean;
}

/**
 * Forward, hybrid loss and gradients of everything trained.
 * Outputs: `loss`, `sft`, `dpo`, `chosen`, `rejected`, `logps`, `entropy`, `correct`, and `grad:NAME`
 * for each trained parameter. Sizes B, T, C and P are learned at run time.
 */
export function stepGraph(config: ModelConfig, options: StepGraphOptions): Graph {
  const { chunks, lora, checkpointing, fused = true } = options;
  const graph = new Graph('step', fused);
  const transformer = new Transformer(graph, config, { checkpointing, ...(lora ? { lora } : {}) });
  const hidden = transformer.sequences('B', 'T');
  const { logps, entropy, correct } = tokenLogps(hidden, transformer.head, config.tied, {
    predictAt: graph.input('predict_at', 'int64', [chunks, 'C']),
    target: graph.input('target', 'int64', [chunks, 'C']),
    inverse: graph.input('inverse', 'int64', ['B*T']),
  });
  const { loss, sft, dpo, pairs } = hybridLoss(graph, logps, 'P');
  for (const [name, value] of Object.entries({ loss, sft, dpo, ...pairs, logps, entropy, correct })) {
    graph.output(name, value);
  }
  const trained = [...transformer.parameterInputs].filter(([name]) => !lora || /\.lora_[AB]$/.test(name));
  const grads = gradients(
    loss,
    trained.map(([, value]) => value),
  );
  for (const [i, [name]] of trained.entries()) graph.output(`grad:${name}`, grads[i]!);
  return graph;
}

/** Log-probabilities of given targets. Outputs `logps` and `correct` [chunks, C]. */
export function scoreGraph(
  config: ModelConfig,
  { chunks, lora, branching = false }: { chunks: number; lora?: LoraConfig; branching?: boolean },
): Graph {
  const graph = new Graph('score');
  const transformer = new Transformer(graph, config, { branching, ...(lora ? { lora } : {}) });
  const hidden = transformer.sequences('B', 'T');
  const { logps, correct } = tokenLogps(hidden, transformer.head, config.tied, {
    predictAt: graph.input('predict_at', 'int64', [chunks, 'C']),
    target: graph.input('target', 'int64', [chunks, 'C']),
  });
  graph.output('logps', logps);
  graph.output('correct', correct);
  return graph;
}

/** All logits of whole sequences, [B·T, V]: for parity tests. */
export function logitsGraph(config: ModelConfig, lora?: LoraConfig): Graph {
  const graph = new Graph('logits');
  const transformer = new Transformer(graph, config, lora ? { lora } : {});
  graph.output('logits', transformer.logits(transformer.sequences('B', 'T')));
  return graph;
}

/** A prompt: outputs `logits` [B, V] at the hidden states `last`, and every layer's keys and values. */
export function promptGraph(config: ModelConfig, lora?: LoraConfig): Graph {
  const graph = new Graph('prompt');
  const transformer = new Transformer(graph, config, lora ? { lora } : {});
  const hidden = transformer.sequences('B', 'T', (layer, { keys, values }) => {
    graph.output(`new_keys.${layer}`, keys);
    graph.output(`new_values.${layer}`, values);
  });
  const last = graph.input('last', 'int64', ['B']);
  graph.output('logits', transformer.logits(gather(hidden, last)));
  return graph;
}

/** One token per row on a cache: outputs `logits` [B, V] and the token's keys and values. */
export function nextTokenGraph(config: ModelConfig, lora?: LoraConfig): Graph {
  const graph = new Graph('next_token');
  const transformer = new Transformer(graph, config, lora ? { lora } : {});
  const hidden = transformer.nextToken('B', 'P', (layer, { keys, values }) => {
    graph.output(`new_keys.${layer}`, keys);
    graph.output(`new_values.${layer}`, values);
  });
  graph.output('logits', transformer.logits(hidden));
  return graph;
}

import { Graph } from '../../src/graph/graph.js';
import type { ModelConfig } from '../../src/model/config.js';
import type { LoraConfig } from '../../src/model/lora-modules.js';
import { Transformer } from '../../src/network/transformer.js';

/** All logits of whole sequences, [B·T, V]. */
export function logitsGraph(config: ModelConfig, lora?: LoraConfig): Graph {
  const graph = new Graph('logits');
  const transformer = new Transformer(graph, config, { lora });
  graph.output('logits', transformer.logits(transformer.sequences('B', 'T')));
  return graph;
}

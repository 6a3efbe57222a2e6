/** A graph as text, one node a line, for people. */
import type { Graph } from './graph.js';

/** Inputs, nodes and outputs with their dtypes and shapes. */
export function printGraph(graph: Graph): string {
  const lines = [`graph ${graph.name}`];
  for (const input of graph.inputs) lines.push(`  input ${input}`);
  for (const node of graph.nodes) {
    const attributes = Object.entries(node.attributes)
      .map(
        ([name, value]) => `${name}=${typeof value === 'object' && 'float' in value ? value.float : value}`,
      )
      .join(' ');
    const inputs = node.inputs.map((input) => input?.name ?? '-').join(', ');
    lines.push(`  ${node.outputs.join(', ')} = ${node.op}(${inputs})${attributes && ` {${attributes}}`}`);
  }
  for (const { name, value } of graph.outputs) lines.push(`  output ${name} = ${value.name}`);
  return `${lines.join('\n')}\n`;
}

/**
 * Serialises a graph as an ONNX ModelProto.
 *
 * Field numbers are those of onnx.proto (ONNX 1.17, IR version 10). Only what our graphs
 * use is written.
 */
import { PbfWriter } from 'pbf';
import type { Attribute, Constant, DType, Graph, Node, Stored, Value } from './graph.js';

const elementType = { float32: 1, uint8: 2, int8: 3, int64: 7, bool: 9, float64: 11, uint4: 21 } as const;
const elementBytes: Readonly<Record<DType, number>> = {
  ...{ float32: 4, float64: 8, int64: 8 },
  ...{ uint8: 1, int8: 1, bool: 1, uint4: 0.5 },
};
const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** @returns the bytes of a ModelProto that onnxruntime loads */
export function serialize(graph: Graph): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, 10); // ir_version
  pbf.writeStringField(2, 'emergent-alignment'); // producer_name
  pbf.writeMessage(7, writeGraph, graph);
  pbf.writeMessage(8, writeOpset, { domain: '', version: 21 });
  pbf.writeMessage(8, writeOpset, { domain: 'com.microsoft', version: 1 });
  return pbf.finish();
}

function writeOpset({ domain, version }: { domain: string; version: number }, pbf: PbfWriter): void {
  pbf.writeStringField(1, domain);
  pbf.writeVarintField(2, version);
}

function writeGraph(graph: Graph, pbf: PbfWriter): void {
  const { names, aliases } = nameOutputs(graph);
  for (const node of [...scheduled(graph), ...aliases]) {
    pbf.writeMessage(1, (n: Node, p: PbfWriter) => writeNode(n, names, p), node);
  }
  pbf.writeStringField(2, graph.name);
  for (const constant of graph.constants) pbf.writeMessage(5, writeTensor, constant);
  for (const stored of graph.stored) pbf.writeMessage(5, writeStored, stored);
  for (const value of graph.inputs) pbf.writeMessage(11, writeValueInfo, { name: value.name, value });
  for (const output of graph.outputs) pbf.writeMessage(12, writeValueInfo, output);
}

/** Values that are outputs go by their output's name; a value that is several things is copied. */
function nameOutputs(graph: Graph): { names: Map<Value, string>; aliases: Node[] } {
  const names = new Map<Value, string>(graph.inputs.map((input) => [input, input.name]));
  for (const { value } of [...graph.constants, ...graph.stored]) names.set(value, value.name);
  const aliases: Node[] = [];
  for (const { name, value } of graph.outputs) {
    if (!names.has(value)) {
      names.set(value, name);
      continue;
    }
    const alias = { name, dtype: value.dtype, shape: value.shape } as Value;
    aliases.push({
      kind: 'node',
      op: 'Identity',
      domain: '',
      name: `output/${name}`,
      inputs: [value],
      outputs: [alias],
      attributes: {},
    });
  }
  return { names, aliases };
}

/**
 * The nodes that an output needs, with the leaves (nodes that feed no other) last and in
 * reverse. ONNX Runtime schedules by a reverse depth-first search that starts at the last
 * leaf; this order makes it compute the gradients that are ready first, which frees the
 * activations they held.
 */
function scheduled(graph: Graph): Node[] {
  const producer = new Map<Value, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) producer.set(output, node);
  const needed = new Set<Node>();
  const feeding = new Set<Node>();
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  for (const node of [...graph.nodes].reverse()) {
    if (!needed.has(node) && !node.outputs.some((output) => outputs.has(output))) continue;
    needed.add(node);
    for (const input of node.inputs) {
      const source = input && producer.get(input);
      if (!source) continue;
      needed.add(source);
      feeding.add(source);
    }
  }
  const inner = graph.nodes.filter((node) => needed.has(node) && feeding.has(node));
  const leaves = graph.nodes.filter((node) => needed.has(node) && !feeding.has(node));
  return [...inner, ...leaves.reverse()];
}

function writeNode(node: Node, names: ReadonlyMap<Value, string>, pbf: PbfWriter): void {
  const nameOf = (value: Value) => names.get(value) ?? value.name;
  for (const input of node.inputs) pbf.writeStringField(1, input ? nameOf(input) : '');
  for (const output of node.outputs) pbf.writeStringField(2, nameOf(output));
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    pbf.writeMessage(5, writeAttribute, { name, value });
  }
  if (node.domain !== '') pbf.writeStringField(7, node.domain);
}

function writeAttribute({ name, value }: { name: string; value: Attribute }, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof value === 'number') {
    pbf.writeVarintField(3, value);
    pbf.writeVarintField(20, attributeType.int);
  } else if (typeof value === 'string') {
    pbf.writeBytesField(4, new TextEncoder().encode(value));
    pbf.writeVarintField(20, attributeType.string);
  } else if ('float' in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, attributeType.float);
  } else {
    for (const entry of value) pbf.writeVarintField(8, entry);
    pbf.writeVarintField(20, attributeType.ints);
  }
}

function writeTensor({ value, data }: Constant, pbf: PbfWriter): void {
  for (const dim of value.shape) pbf.writeVarintField(1, dim as number);
  pbf.writeVarintField(2, elementType[value.dtype]);
  pbf.writeStringField(8, value.name);
  pbf.writeBytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeStored({ value, file, at }: Stored, pbf: PbfWriter): void {
  const dims = value.shape as readonly number[];
  for (const dim of dims) pbf.writeVarintField(1, dim);
  pbf.writeVarintField(2, elementType[value.dtype]);
  pbf.writeStringField(8, value.name);
  const bytes = Math.ceil(dims.reduce((size, dim) => size * dim, elementBytes[value.dtype]));
  const entries = { location: file, offset: String(at), length: String(bytes) };
  for (const entry of Object.entries(entries)) pbf.writeMessage(13, writeEntry, entry);
  pbf.writeVarintField(14, 1); // data_location: external
}

function writeEntry([key, value]: readonly [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function writeValueInfo({ name, value }: { name: string; value: Value }, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(
    2,
    (_, type) => {
      type.writeMessage(
        1,
        (__, tensor) => {
          tensor.writeVarintField(1, elementType[value.dtype]);
          tensor.writeMessage(
            2,
            (___, shape) => {
              for (const dim of value.shape) {
                shape.writeMessage(
                  1,
                  (____, d) =>
                    typeof dim === 'number' ? d.writeVarintField(1, dim) : d.writeStringField(2, dim),
                  null,
                );
              }
            },
            null,
          );
        },
        null,
      );
    },
    null,
  );
}

/**
 * A frozen copy that reads on: new tokens after those whose keys and values it has.
 *
 * One graph for everything that a copy answers: a prompt, a part of one, the next token of many rows,
 * choices that branch off a context. Tokens come time first, [T·B], as the cache keeps them, so that
 * what a layer computes for them is written into its place in the cache and read from there: the
 * graph's outputs `new_keys.N` and `new_values.N` are to lie in the last T times of its inputs
 * `keys.N` and `values.N`. The split that writes keys and values also yields the queries, so that
 * attention cannot run before it.
 */
import { argMax } from '../graph/frozen-ops.js';
import type { Graph, Value } from '../graph/graph.js';
import {
  add,
  concat,
  exp,
  gather,
  log,
  matMulRowsFirst,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  scalar,
  softmax,
  split,
  sub,
  transpose,
} from '../graph/ops.js';
import { type Dim, product } from '../graph/shape.js';
import type { ModelConfig } from '../model/config.js';
import { rotarySize } from '../model/rope-scaling.js';
import { activations, softCap } from './activation.js';
import { rotate } from './rotary.js';
import type { StoredWeights } from './stored-weights.js';

/** Places of the tokens that are read, and which cached tokens each may see, in layers of one kind. */
interface Sight {
  readonly cos: Value;
  readonly sin: Value;
  /** [B, 1, T, P] */
  readonly bias: Value;
}

/** Layers that read the same tokens. */
interface Section {
  /** Name of the number of times that are read, `T` of the first one; and the tokens, T·B. */
  readonly times: Dim;
  readonly tokens: Dim;
  /** int64 [T·B, 1]: rows of the rotary tables. */
  readonly positions: Value;
  readonly far: Sight;
  /** In layers with a window. */
  readonly near: Sight;
  /** int64 [Z]: tokens whose residual stream is read off. */
  readonly read: Value;
}

/**
 * Numbers of layers after which most tokens may be left, where only residual streams up to there are asked for: a probe of the
 * conscience reads one in the middle, and calibration looks for it in the first three quarters.
 */
export const stopsOf = (layers: number): number[] =>
  [...new Set([Math.ceil((5 * layers) / 8), Math.ceil((3 * layers) / 4)])].filter((stop) => stop < layers);

/** Name of an input of the layers after a stop; of those before the first, the name alone. */
export const afterStop = (name: string, stop: number): string => (stop === 0 ? name : `${name}.after${stop}`);

/** Output with the residual stream after a layer, of the tokens that are read off. */
export const stateOutput = (layer: number): string => `state.${layer}`;

/**
 * The residual stream of new tokens after the last norm, [T·B, width].
 *
 * Inputs made: `x` (their embeddings, [T·B, width]), `positions` (int64 [T·B, 1]: rows of the rotary tables), `cos`, `sin` ([rows, R/2]),
 * `bias` ([B, 1, T, P]: 0 for a cached token that a new one may see, itself included, `masked` for
 * others), the same with `local_` where layers have a window, and per layer `keys.N`, `values.N`
 * [P, B, kvHeads, H], the last T of which are the new tokens', and `read` (int64 [Z]: tokens whose
 * residual stream is read off). Outputs made: `new_keys.N`, `new_values.N` [T·B, kvHeads·H], and after each
 * layer `state.N` [Z, width]. Z may be 0.
 *
 * After each of `stopsOf` the rest goes on with the tokens `going.afterN` (int64), whose `positions`, `bias`, `local_bias` and `read`
 * are inputs with the same ending: all of them, or the last time alone, where nobody asks for what comes after.
 * The keys and values of the rest are then to be left unused.
 */
export function extend(graph: Graph, config: ModelConfig, weights: StoredWeights): Value {
  const half = rotarySize(config) / 2;
  const tables = (prefix: string) => ({
    cos: graph.input(`${prefix}cos`, graph.float, [`P_${prefix}rotary`, half]),
    sin: graph.input(`${prefix}sin`, graph.float, [`P_${prefix}rotary`, half]),
  });
  const { window, localRopeTheta } = config;
  const global = tables('');
  const local = window && localRopeTheta !== undefined ? tables('local_') : global;
  const sectionAfter = (stop: number): Section => {
    const times = stop === 0 ? 'T' : `T${stop}`;
    const bias = (name: string) => graph.input(afterStop(name, stop), graph.float, ['B', 1, 1, times, 'P']);
    const tokens = product([times, 'B']);
    const far = { ...global, bias: bias('bias') };
    return {
      ...{ times, tokens, far, near: window ? { ...local, bias: bias('local_bias') } : far },
      positions: graph.input(afterStop('positions', stop), 'int64', [tokens, 1]),
      read: graph.input(afterStop('read', stop), 'int64', [stop === 0 ? 'Z' : `Z${stop}`]),
    };
  };
  const stops = stopsOf(config.layers);
  let section = sectionAfter(0);
  let stream: Stream = {
    before: times(graph.input('x', graph.float, [section.tokens, config.width]), config.embeddingScale),
  };
  const readOff = (layer: number, sum: Value) => graph.output(stateOutput(layer), gather(sum, section.read));
  for (let layer = 0; layer < config.layers; layer++) {
    if (stops.includes(layer)) {
      const { sum } = normedSum(weights, stream, undefined);
      readOff(layer - 1, sum);
      section = sectionAfter(layer);
      const going = graph.input(afterStop('going', layer), 'int64', [section.tokens]);
      stream = { before: gather(sum, going) };
    }
    const block = { config, weights, layer, section };
    const { before, after } = graph.scope(`layer${layer}`, () => blockOutput(block, stream));
    if (layer > 0 && !stops.includes(layer)) readOff(layer - 1, before);
    stream = after;
  }
  const last = normedSum(weights, stream, 'model.norm.weight');
  readOff(config.layers - 1, last.sum);
  return times(last.normed, config.logitScale);
}

/** A block of the model, and what its parts share. */
interface Block {
  readonly config: ModelConfig;
  readonly weights: StoredWeights;
  readonly layer: number;
  readonly section: Section;
}

/** What this layer's tokens may see. */
const sightOf = ({ config, layer, section }: Block): Sight =>
  config.window?.layers[layer] ? section.near : section.far;

/** The residual stream: what was in it before the last part wrote, and what that writes. */
interface Stream {
  readonly before: Value;
  /** Absent: nothing. */
  readonly written?: Value;
}

/** The stream as one value, and its norm: where something was written they are one operator. */
function normedSum(
  weights: StoredWeights,
  { before, written }: Stream,
  name: string | undefined,
): { readonly sum: Value; readonly normed: Value } {
  if (written && name) return weights.normOfSum(name, before, written);
  const sum = written ? add(before, written) : before;
  return { sum, normed: name ? weights.norm(name, sum) : sum };
}

/** The stream as one value before a block, and what it is after it. */
function blockOutput(block: Block, stream: Stream): { readonly before: Value; readonly after: Stream } {
  const { config, weights, layer } = block;
  const { norms } = config.architecture;
  const nameOf = (name: { readonly huggingFace: string } | undefined) =>
    name && `model.layers.${layer}.${name.huggingFace}.weight`;
  const norm = (name: string | undefined, value: Value) => (name ? weights.norm(name, value) : value);
  const scaled = (value: Value) => times(value, config.residualScale);
  const x = normedSum(weights, stream, nameOf(norms.beforeAttention));
  const mixed = weights.linear(layer, ['o_proj'], attention(block, x.normed));
  const attended = { before: x.sum, written: scaled(norm(nameOf(norms.afterAttention), mixed)) };
  const h = normedSum(weights, attended, nameOf(norms.beforeFeed));
  const written = scaled(norm(nameOf(norms.afterFeed), feedForward(block, h.normed)));
  return { before: x.sum, after: { before: h.sum, written } };
}

function feedForward({ config, weights, layer }: Block, x: Value): Value {
  const { architecture, ffn } = config;
  const fused = architecture.projections.includes('gate_up_proj');
  const both = weights.linear(layer, fused ? ['gate_up_proj'] : ['gate_proj', 'up_proj'], x);
  const [gate, up] = split(both, 1, [ffn, ffn]);
  return weights.linear(layer, ['down_proj'], mul(activations[architecture.activation](gate), up));
}

/** Attention of new tokens to all that the cache then holds: [T·B, width] → [T·B, heads·H]. */
function attention(block: Block, x: Value): Value {
  const { config, weights, layer, section } = block;
  const { tokens, positions } = section;
  const { cos, sin } = sightOf(block);
  const { graph } = x;
  const { heads, kvHeads, headSize, architecture } = config;
  const fused = architecture.projections.includes('qkv_proj');
  const qkv = weights.linear(layer, fused ? ['qkv_proj'] : ['q_proj', 'k_proj', 'v_proj'], x);
  const [q, kv] = [heads * headSize, kvHeads * headSize];
  const [plain, values] = split(qkv, 1, [q + kv, kv]);
  const turned = rotate(
    reshape(normed(block, plain), [tokens, 1, q + kv]),
    { positions, cos, sin },
    headSize,
  );
  const [queries, keys] = split(reshape(turned, [tokens, q + kv]), 1, [q, kv]);
  graph.output(`new_keys.${layer}`, keys);
  graph.output(`new_values.${layer}`, values);
  return attend(block, queries);
}

/** Queries and keys side by side, with their norms where the architecture has them. */
function normed({ config, weights, layer, section: { tokens } }: Block, x: Value): Value {
  const { heads, kvHeads, headSize, architecture } = config;
  const { qkNorm } = architecture;
  if (qkNorm === 'none') return x;
  const parts = split(x, 1, [heads * headSize, kvHeads * headSize]);
  const normedParts = parts.map((part, i) => {
    const name = `model.layers.${layer}.self_attn.${i === 0 ? 'q' : 'k'}_norm.weight`;
    if (qkNorm === 'projection') return weights.norm(name, part);
    const count = i === 0 ? heads : kvHeads;
    return reshape(weights.norm(name, reshape(part, [product([tokens, count]), headSize])), part.shape);
  });
  return concat(normedParts, 1);
}

/** @param queries [T·B, heads·H] @returns [T·B, heads·H] */
function attend(block: Block, queries: Value): Value {
  const { config, layer } = block;
  const { times, tokens } = block.section;
  const { graph } = queries;
  const { heads, kvHeads, headSize, attentionScale: alpha = 1 / Math.sqrt(headSize), attentionCap } = config;
  const groups = heads / kvHeads;
  const [cachedKeys, cachedValues] = ['keys', 'values'].map((kind) =>
    graph.input(`${kind}.${layer}`, graph.float, ['P', 'B', kvHeads, 1, headSize]),
  );
  const q = reshape(queries, [times, 'B', kvHeads, groups, headSize]);
  const products = matMulRowsFirst(q, cachedKeys, { transB: true, alpha, leftToo: true });
  const scores = attentionCap === undefined ? products : softCap(products, attentionCap);
  const p = softmax(add(scores, sightOf(block).bias));
  const mixed = matMulRowsFirst(p, cachedValues);
  return reshape(transpose(mixed, [3, 0, 1, 2, 4]), [tokens, heads * headSize]);
}

/**
 * What is read off the last states.
 *
 * Inputs made: `rows` (int64 [R]: tokens whose next token is asked for), `sampled` (int64 [S]: rows
 * that are sampled), `inverse_temperature` ([S, 1]), `scored` (int64 [Q]: rows with targets), `owner`
 * (int64 [C]: for each target its place in `scored`), `target` (int64 [C]: row·vocab + token). Outputs
 * made: `best` (int64 [R, 1]), `probabilities` [S, vocab], `logps` [C], nats. S, Q and C may be 0.
 */
export function predictNext(graph: Graph, config: ModelConfig, weights: StoredWeights, hidden: Value): void {
  const { vocabSize, logitCap } = config;
  const rows = gather(hidden, graph.input('rows', 'int64', ['R']));
  const products = weights.head(rows);
  const logits = logitCap === undefined ? products : softCap(products, logitCap);
  graph.output('best', argMax(logits));
  const sampled = gather(logits, graph.input('sampled', 'int64', ['S']));
  const inverse = graph.input('inverse_temperature', graph.float, ['S', 1]);
  graph.output('probabilities', softmax(mul(sampled, inverse)));
  const scored = gather(logits, graph.input('scored', 'int64', ['Q']));
  const most = reduceMax(scored, [-1], true);
  const total = reshape(add(log(reduceSum(exp(sub(scored, most)), [-1], true)), most), ['Q']);
  const flat = reshape(logits, [product(['R', vocabSize])]);
  const target = gather(flat, graph.input('target', 'int64', ['C']));
  graph.output('logps', sub(target, gather(total, graph.input('owner', 'int64', ['C']))));
}

const times = (x: Value, factor: number | undefined): Value =>
  factor === undefined ? x : mul(x, scalar(x, factor));

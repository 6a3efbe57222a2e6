/**
 * A frozen copy of a model with quantised weights: reads tokens on a cache, and says what may come next.
 *
 * One program with one set of weights serves prompts, next tokens and scoring (network/extend.ts).
 */

import { Graph } from '../../../graph/graph.js';
import type { ModelConfig } from '../../../model/config.js';
import type { LoraConfig } from '../../../model/lora-modules.js';
import type { QuantisedModel } from '../../../model/quantised-model.js';
import { afterStop, extend, predictNext, stateOutput, stopsOf } from '../../../network/extend.js';
import { StoredWeights } from '../../../network/stored-weights.js';
import type { Cache } from '../cache.js';
import type { Programs } from '../programs.js';
import type { RotaryFeeds, RotaryInputs } from '../rotary-feeds.js';
import { type Feeds, int64Array, type NdArray, type Program } from '../runtime.js';

/** Tokens to be read: T times of B lines, time first. The cache's last T times are to be written. */
export interface Reading {
  readonly cache: Cache;
  readonly T: number;
  /** Times that are looked at, the T included. */
  readonly P: number;
  /** [T·B] */
  readonly tokens: Int32Array;
  /** [B, 1, T, P]; `local` in layers with a window. */
  readonly bias: Float32Array;
  readonly local?: Float32Array;
  readonly rotary: RotaryInputs;
  readonly wanted: Wanted;
  /** Layers that read all tokens: all of them, or as `depthFor` says. The cache gets no keys and values of the others. */
  readonly depth: number;
}

/** What is asked about the tokens that are read. */
export interface Wanted {
  /** Tokens whose next token is asked for, as places in [T·B]. */
  readonly rows: readonly number[];
  /** Of these, by place in `rows`: those that are sampled, and their temperatures. */
  readonly sampled: readonly { readonly row: number; readonly temperature: number }[];
  /** Of these, by place in `rows`: tokens whose probability is asked for. */
  readonly targets: readonly { readonly row: number; readonly token: number }[];
  /** Tokens whose residual stream is asked for, as places in [T·B], and the layers after which. */
  readonly states?: { readonly places: readonly number[]; readonly layers: readonly number[] };
}

export interface Answers {
  /** The likeliest token of each row. */
  readonly best: Int32Array;
  /** Distribution of each sampled row at its temperature, [vocab]. */
  readonly probabilities: readonly Float32Array[];
  /** Of each target, nats. */
  readonly logps: Float32Array;
  /** After each layer that was asked for, [places, width]. */
  readonly states: readonly Float32Array[];
}

/** The graph of a copy. */
function frozenGraph({ config, store }: QuantisedModel, lora?: LoraConfig): Graph {
  const graph = new Graph('frozen');
  const weights = new StoredWeights(graph, config, store, lora);
  predictNext(graph, config, weights, extend(graph, config, weights));
  return graph;
}

/** The compiled graph of copies of a model. */
export const frozenProgram = (
  programs: Programs,
  source: QuantisedModel,
  lora: LoraConfig | undefined,
): Promise<Program> => programs.get('frozen', () => frozenGraph(source, lora), source.store.folder);

export class FrozenCopy {
  /** @param adapter inputs that hold an adapter; empty where the copy has none */
  constructor(
    readonly model: QuantisedModel,
    private readonly program: Program,
    private readonly adapter: Feeds,
    readonly rotary: RotaryFeeds,
  ) {}

  get config(): ModelConfig {
    return this.model.config;
  }

  /** How many layers have to read all tokens for states after some of them. */
  depthFor(stateLayers: readonly number[]): number {
    const { layers } = this.config;
    const last = Math.max(...stateLayers);
    return stopsOf(layers).find((stop) => stop > last) ?? layers;
  }

  async read(reading: Reading): Promise<Answers> {
    const { cache, T, P, tokens, wanted, depth } = reading;
    const { positions: _, ...tables } = reading.rotary;
    const { width, vocabSize, layers } = this.config;
    const into = cache.written(T, depth);
    const outputs = await this.program.run(
      {
        ...this.adapter,
        ...tables,
        x: { data: this.model.embedding.rows(tokens), dims: [tokens.length, width] },
        ...sectionFeeds(reading, layers),
        ...this.past(cache, P),
        ...predictionFeeds(wanted, vocabSize),
      },
      into,
      [...Object.keys(into), ...fetched(wanted)],
    );
    return answersOf(outputs, wanted, vocabSize);
  }

  /** The last `times` of a cache, [P, B, kvHeads, 1, H]: heads that share keys and values read the same. */
  private past(cache: Cache, times: number): Feeds {
    const { kvHeads, headSize } = this.config;
    return Object.fromEntries(
      Object.entries(cache.past(times)).map(([name, { data }]) => [
        name,
        { data, dims: [times, cache.slots, kvHeads, 1, headSize] },
      ]),
    );
  }
}

/** Outputs that hold something; the others would be copied for nothing. */
const fetched = ({ rows, sampled, targets, states }: Wanted): string[] => [
  ...(rows.length > 0 ? ['best'] : []),
  ...(sampled.length > 0 ? ['probabilities'] : []),
  ...(targets.length > 0 ? ['logps'] : []),
  ...(states ? states.layers.map(stateOutput) : []),
];

function predictionFeeds({ rows, sampled, targets }: Wanted, vocabSize: number): Record<string, NdArray> {
  const scored = [...new Set(targets.map(({ row }) => row))];
  const place = new Map(scored.map((row, i) => [row, i]));
  const inverse = Float32Array.from(sampled, ({ temperature }) => 1 / temperature);
  return {
    rows: int64Array(rows),
    sampled: int64Array(sampled.map(({ row }) => row)),
    inverse_temperature: { data: inverse, dims: [sampled.length, 1] },
    scored: int64Array(scored),
    owner: int64Array(targets.map(({ row }) => place.get(row)!)),
    target: int64Array(targets.map(({ row, token }) => row * vocabSize + token)),
  };
}

/** What the layers up to the first stop read, and those after each: all T times, or beyond `depth` layers the last one. */
function sectionFeeds(reading: Reading, layers: number): Feeds {
  const { cache, T, P, bias, local, rotary, wanted, depth } = reading;
  const B = cache.slots;
  const positions = rotary.positions.data as BigInt64Array;
  const feeds: Record<string, NdArray> = {};
  let before = T;
  for (const stop of [0, ...stopsOf(layers)]) {
    const times = stop < depth ? T : 1;
    const put = (name: string, feed: NdArray) => {
      feeds[afterStop(name, stop)] = feed;
    };
    const sight = (whole: Float32Array): NdArray => ({
      data: times === T ? whole : lastTime(whole, T, P),
      dims: [B, 1, 1, times, P],
    });
    put('bias', sight(bias));
    if (local) put('local_bias', sight(local));
    put('positions', { data: positions.subarray((T - times) * B), dims: [times * B, 1] });
    put('read', int64Array(times === T ? (wanted.states?.places ?? []) : []));
    const first = (before - times) * B;
    if (stop > 0) put('going', int64Array(Array.from({ length: times * B }, (_, i) => first + i)));
    before = times;
  }
  return feeds;
}

/** Of each line, what its last token may see: [B, 1, T, P] → [B, 1, 1, P]. */
function lastTime(sight: Float32Array, T: number, P: number): Float32Array {
  const last = new Float32Array(sight.length / T);
  for (let b = 0; b < last.length / P; b++)
    last.set(sight.subarray(((b + 1) * T - 1) * P, (b + 1) * T * P), b * P);
  return last;
}

function answersOf(outputs: Readonly<Record<string, NdArray>>, wanted: Wanted, V: number): Answers {
  const probabilities = outputs.probabilities?.data as Float32Array | undefined;
  return {
    best: Int32Array.from((outputs.best?.data ?? []) as BigInt64Array, Number),
    probabilities: wanted.sampled.map((_, s) => probabilities!.subarray(s * V, (s + 1) * V)),
    logps: (outputs.logps?.data ?? new Float32Array(0)) as Float32Array,
    states: (wanted.states?.layers ?? []).map((layer) => outputs[stateOutput(layer)].data as Float32Array),
  };
}

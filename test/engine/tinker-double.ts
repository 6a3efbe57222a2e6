/**
 * A server that speaks Tinker's API, for tests: backed by the engine on onnxruntime with the tiny model.
 *
 * A cross-entropy with weights is made of passes of one row each. It can be told to misbehave in the ways that
 * servers do.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AdamWConfig } from '../../src/engine/adamw.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { sampleToken } from '../../src/engine/onnx/sampler.js';
import type { WeightSet } from '../../src/engine/training-engine.js';
import { amplify } from '../../src/model/amplify.js';
import { isLinear } from '../../src/model/layout.js';
import type { LoraConfig } from '../../src/model/lora-modules.js';
import type { Model, Weights } from '../../src/model/model.js';
import { SafetensorsFile } from '../../src/model/safetensors.js';
import { safetensorsPieces } from '../../src/model/safetensors-write.js';
import { Random } from '../../src/random.js';
import type { TokenRow } from '../../src/values/rows.js';
import { readPass, writePass, writeSample } from './tinker-double-wire.js';
import { tinyModel } from './tiny.js';

export interface DoubleOptions {
  /** What it serves, under this name. Default: the tiny model, as `tiny`. */
  readonly model?: Model;
  readonly name?: string;
  readonly optimizer?: AdamWConfig;
  /** What it announces beside Tinker's own API. Default: everything. */
  readonly extensions?: 'all' | 'none';
  /** Whether it takes and gives protobuf; `breaks`: it takes none, and answers with status 500. Default true. */
  readonly protobuf?: boolean | 'breaks';
  /** Whether it answers `target_prompt_logprobs`. Default true. */
  readonly targetLogprobs?: boolean;
  /** Whether it answers `prompt_logprobs`. Default true. */
  readonly promptLogprobs?: boolean;
  /** Divides a cross-entropy by the sum of its weights. */
  readonly rescales?: boolean;
  /** Answers to `retrieve_future` that say `try_again` before the result. */
  readonly tryAgain?: number;
  /** Says the gradient's norm, although it announces nothing. */
  readonly saysNorm?: boolean;
}

/**
 * What becomes of the next requests to a path: a status, a redirect, a broken connection before or after they were
 * taken, nonsense, or word that the result is still being written.
 */
export type Fault = number | { location: string } | 'break' | 'break after' | 'nonsense' | 'metadata';

/** A datum of a pass, as both forms of it say. */
export interface GivenDatum {
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
  readonly weights: readonly number[];
}

export interface GivenPass {
  readonly modelId: string;
  readonly seqId: number;
  readonly data: readonly GivenDatum[];
  readonly forwardOnly: boolean;
  readonly detailed: boolean;
}

/** Outputs of a pass, per datum arrays by name. */
export type PassOutputs = readonly Readonly<Record<string, readonly number[]>>[];

interface Held {
  readonly engine: OnnxEngine;
  readonly lora?: LoraConfig;
  updates: number;
}

type Body = Record<string, never>;
type Result = { json: unknown } | { protobuf: Uint8Array };

const KEY = 'tml-secret-of-the-double';
const DEFAULTS: AdamWConfig = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };

export class TinkerDouble {
  /** Paths of all requests, in order. */
  readonly asked: string[] = [];
  /** Steps of the optimiser, with their parameters. */
  readonly steps: Record<string, number>[] = [];
  /** Tokens that it was sent or has sampled. */
  readonly tokens = { train: 0, prefill: 0, sample: 0 };
  /** Names of the models that are held. */
  readonly models = new Map<string, Held>();
  /** Headers of the last request. */
  headers: IncomingMessage['headers'] = {};
  private readonly server: Server;
  private readonly futures = new Map<string, { result: Promise<Result>; polls: number }>();
  private readonly bySeq = new Map<string, string>();
  private readonly faults = new Map<string, Fault[]>();
  private readonly samplers = new Map<string, { model?: string; factor: number; weights?: Weights }>();
  private readonly kept = new Map<string, { folder: string; weights: Weights; updates: number }>();
  private readonly base: OnnxEngine;
  private readonly scratch = mkdtempSync(join(tmpdir(), 'ealign-double-'));
  private queue: Promise<unknown> = Promise.resolve();
  private count = 0;

  private readonly model: Model;
  private readonly name: string;

  private constructor(private readonly options: DoubleOptions) {
    this.model = options.model ?? tinyModel();
    this.name = options.name ?? 'tiny';
    this.base = new OnnxEngine(this.model);
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static readonly key = KEY;

  static async start(options: DoubleOptions = {}): Promise<TinkerDouble> {
    const double = new TinkerDouble(options);
    await new Promise<void>((resolve) => double.server.listen(0, '127.0.0.1', resolve));
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Misbehaves at the next requests to a path, one after another. */
  fail(path: string, ...faults: readonly Fault[]): void {
    this.faults.set(path, [...(this.faults.get(path) ?? []), ...faults]);
  }

  /** Forgets sessions, models and results, as after a restart. */
  forget(): void {
    this.models.clear();
    this.futures.clear();
    this.samplers.clear();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.queue.catch(() => {});
    await Promise.all([...this.models.values()].map(({ engine }) => engine.close()));
    await this.base.close();
    rmSync(this.scratch, { recursive: true, force: true });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    const path = url.pathname.replace('/api/v1/', '');
    this.asked.push(path);
    this.headers = request.headers;
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const fault = this.faults.get(path)?.shift();
    if (fault === 'break') return void request.socket.destroy();
    const json = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (typeof fault === 'number') return void json(fault, { detail: `made up for ${KEY}` });
    if (typeof fault === 'object') return void response.writeHead(307, fault).end();
    if (fault === 'metadata') return void json(200, { status: 'complete_metadata' });
    if (fault === 'nonsense') return void json(200, ['what', 'is', 'this']);
    try {
      const result = await this.route(path, url, body, request);
      if (fault === 'break after') return void request.socket.destroy();
      if ('json' in result) return void json(200, result.json);
      const type = path.startsWith('ealign/') ? 'application/octet-stream' : 'application/x-protobuf';
      response.writeHead(200, { 'content-type': type }).end(result.protobuf);
    } catch (error) {
      json(error instanceof Refused ? error.status : 500, { detail: (error as Error).message });
    }
  }

  private async route(path: string, url: URL, body: Buffer, request: IncomingMessage): Promise<Result> {
    const binary = request.headers['content-type']?.includes('protobuf') ?? false;
    if (path === 'get_server_capabilities') return { json: this.capabilities() };
    if (path.startsWith('ealign/') && this.options.extensions === 'none') throw new Refused(404, 'Not Found');
    if (path === 'ealign/weights' || path === 'ealign/state') {
      const id = url.searchParams.get('model_id')!;
      return this.inTurn(() => (request.method === 'PUT' ? this.put(path, id, body) : this.give(path, id)));
    }
    if (binary) {
      if (this.options.protobuf === 'breaks') throw new Error('the body is no UTF-8');
      if (this.options.protobuf === false) throw new Refused(422, 'the body is no JSON');
      return this.pass(readPass(body));
    }
    const json = JSON.parse(body.toString()) as Body;
    const accepts = request.headers.accept?.includes('protobuf') && this.options.protobuf === undefined;
    return this.asJson(path, json, accepts ?? false);
  }

  private async asJson(path: string, json: Body, protobuf: boolean): Promise<Result> {
    switch (path) {
      case 'create_session':
        return { json: { type: 'create_session', session_id: 'session' } };
      case 'session_heartbeat':
        return { json: { type: 'session_heartbeat' } };
      case 'create_model':
        return this.future(() => this.create(json));
      case 'unload_model':
        return this.inTurn(async () => {
          await this.held(json.model_id).engine.close();
          this.models.delete(json.model_id);
          return { json: {} };
        });
      case 'forward':
      case 'forward_backward':
        return this.pass(passFromJson(json, path === 'forward'));
      case 'optim_step':
        return this.numbered(json, () => this.step(json));
      case 'create_sampling_session':
        return { json: { sampling_session_id: this.session(json) } };
      case 'asample':
        return this.numbered({ ...json, model_id: json.sampling_session_id } as Body, () =>
          this.sample(json),
        );
      case 'save_weights':
      case 'save_weights_for_sampler':
        return this.numbered(json, () => this.keep(json));
      case 'load_weights':
        return this.numbered(json, () => this.load(json));
      case 'retrieve_future':
        return this.retrieve(json, protobuf);
      case 'ealign/steer':
        await this.held(json.model_id).engine.steer(
          json.when,
          (json.steering as { layer: number; kind: 'add'; vector: number[] }[]).map((one) => ({
            ...one,
            direction: Float32Array.from(one.vector),
          })),
        );
        return { json: {} };
      case 'ealign/mean_hidden':
        return this.inTurn(async () => {
          const rows = (json.rows as { tokens: number[]; targets: boolean[] }[]).map((row) => ({
            ids: Int32Array.from(row.tokens),
            lossMask: Uint8Array.from(row.targets, Number),
            where: '',
          }));
          const means = await this.held(json.model_id).engine.meanHidden(rows, json.set, json.layer);
          return { json: { hidden: means.map((mean) => Array.from(mean)) } };
        });
      default:
        throw new Refused(404, 'Not Found');
    }
  }

  private capabilities(): object {
    const supported_models = [{ model_name: this.name, max_context_length: this.model.config.maxPositions }];
    if (this.options.extensions === 'none') return { supported_models };
    const all = ['full', 'amplify', 'steering', 'state', 'weights', 'live', 'gradient_norm'];
    return {
      supported_models,
      ealign: {
        version: 1,
        device: 'cpu',
        dtype: 'float32',
        ...Object.fromEntries(all.map((one) => [one, true])),
      },
    };
  }

  private async create(json: Body): Promise<Result> {
    if (json.base_model !== this.name) throw new Refused(400, `unknown base_model ${json.base_model}`);
    const given = json.lora_config as {
      rank: number;
      alpha?: number;
      rslora?: boolean;
      targets?: string[];
      seed: number;
    };
    const all = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
    const lora: LoraConfig | undefined = given && {
      ...{ rank: given.rank, alpha: given.alpha ?? 32, rslora: given.rslora ?? false },
      targets: given.targets ?? all,
    };
    const { optimizer } = this.options;
    const engine = new OnnxEngine(this.model, {
      ...(lora ? { lora, seed: given.seed } : {}),
      ...(optimizer ? { optimizer } : {}),
    });
    const id = `model-${this.count++}`;
    this.models.set(id, { engine, updates: 0, ...(lora ? { lora } : {}) });
    return { json: { model_id: id, type: 'create_model' } };
  }

  private pass(given: GivenPass): Promise<Result> {
    return this.numbered({ model_id: given.modelId, seq_id: given.seqId } as unknown as Body, () =>
      this.run(given),
    );
  }

  /** Outputs of a pass; the gradient of each row is added with its weight. */
  private async run({ modelId, data, forwardOnly, detailed }: GivenPass): Promise<Result> {
    const { engine } = this.held(modelId);
    this.tokens[forwardOnly ? 'prefill' : 'train'] += data.reduce(
      (all, { tokens }) => all + tokens.length,
      0,
    );
    const sum = data.flatMap(({ weights }) => weights).reduce((a, b) => a + b, 0);
    const outputs: Record<string, readonly number[]>[] = [];
    for (const { tokens, targets, weights } of data) {
      const ids = Int32Array.from([...tokens.slice(0, 1), ...targets]);
      const singles = targets.map(
        (_, t): TokenRow => ({ ids, lossMask: maskAt(ids.length, [t + 1]), where: '' }),
      );
      const scored = await engine.sequenceLogps(singles, 'policy');
      const details = detailed ? await this.details(engine, ids) : {};
      outputs.push({ logprobs: scored.map(({ logpSum }) => logpSum), ...details });
      if (forwardOnly) continue;
      for (const weight of new Set(weights)) {
        const at = weights.flatMap((w, t) => (Object.is(w, weight) ? [t + 1] : []));
        if (weight === 0) continue;
        const row = { ids, lossMask: maskAt(ids.length, at), where: '' };
        const sftWeight = this.options.rescales ? weight / sum : weight;
        await engine.accumulate({ rows: [row], sftWeight, pairs: [], lambda: 0, beta: 1 });
      }
    }
    return { json: { outputs } };
  }

  private async details(engine: OnnxEngine, ids: Int32Array): Promise<Record<string, readonly number[]>> {
    const lossMask = Uint8Array.from(ids, (_, t) => Number(t > 0));
    // with weight 0 it adds nothing to the gradient
    const pass = { rows: [{ ids, lossMask, where: '' }], sftWeight: 0, pairs: [], lambda: 0, beta: 1 };
    const { targets } = await engine.accumulate(pass);
    return { entropy: Array.from(targets.entropy), correct: Array.from(targets.correct) };
  }

  private async step(json: Body): Promise<Result> {
    const held = this.held(json.model_id);
    const {
      learning_rate: learningRate,
      grad_clip_norm: maxGradNorm,
      ...constants
    } = json.adam_params as Record<string, number>;
    this.steps.push(json.adam_params);
    const { gradNorm, applied } = await this.updated(held, { learningRate, maxGradNorm }, constants);
    if (applied) held.updates += 1;
    const says = this.options.extensions !== 'none' || this.options.saysNorm;
    const metrics = {
      ...(Number.isFinite(gradNorm) ? { grad_norm: gradNorm } : {}),
      applied: Number(applied),
    };
    return { json: { metrics: says ? metrics : {}, type: 'optim_step' } };
  }

  /** One step; with constants that are not the engine's own, plain gradient descent is made by hand. */
  private async updated(
    { engine }: Held,
    options: { learningRate: number; maxGradNorm: number },
    { beta1, beta2, eps }: Record<string, number>,
  ): Promise<{ gradNorm: number | null; applied: boolean }> {
    const own = this.options.optimizer ?? DEFAULTS;
    if (eps === own.eps || options.learningRate === 0) return engine.update(options);
    if (beta1 !== 0 || beta2 !== 0) throw new Refused(400, 'the double has other constants');
    for (const [name, gradient] of engine.gradients) {
      const { data } = engine.trainable.get(name)!;
      for (const [i, g] of gradient.entries()) data[i] -= (options.learningRate * g) / (Math.abs(g) + eps);
    }
    return engine.update({ learningRate: 0, maxGradNorm: 0 });
  }

  private session(json: Body): string {
    const id = `sampler-${this.count++}`;
    const live = json.ealign as { model_id: string; amplify?: number } | undefined;
    if (live) {
      this.held(live.model_id);
      this.samplers.set(id, { model: live.model_id, factor: live.amplify ?? 1 });
    } else if (json.model_path) {
      const kept = this.kept.get(json.model_path);
      if (!kept) throw new Refused(404, 'no such weights');
      this.samplers.set(id, { model: kept.folder, factor: 1, weights: kept.weights });
    } else if (json.base_model === this.name) this.samplers.set(id, { factor: 1 });
    else throw new Refused(400, 'unknown base model');
    return id;
  }

  private async sample(json: Body): Promise<Result> {
    const session = this.samplers.get(json.sampling_session_id);
    if (!session) throw new Refused(404, 'no such sampling session');
    const { engine, set, close } = await this.sampled(session);
    const prompt = (json.prompt as { chunks: { tokens: number[] }[] }).chunks.flatMap(({ tokens }) => tokens);
    try {
      const params = json.sampling_params as Record<string, never>;
      const sequence = await this.draw(engine, set, prompt, params);
      this.tokens.prefill += prompt.length;
      this.tokens.sample += sequence.tokens.length;
      const asked = json.target_prompt_logprobs as { data: number[]; shape: number[] } | undefined;
      if (asked && this.options.targetLogprobs === false) throw new Refused(422, 'unknown field');
      if (asked && asked.shape[0] !== prompt.length - 1)
        throw new Refused(400, 'rows of target_prompt_logprobs');
      const given = this.options.promptLogprobs !== false;
      return {
        json: {
          sequences: [sequence],
          ...(json.prompt_logprobs && given
            ? { prompt_logprobs: [null, ...(await this.logps(engine, set, prompt, prompt.slice(1), 1))] }
            : {}),
          ...(asked
            ? {
                target_prompt_logprobs: {
                  data: await this.logps(engine, set, prompt, asked.data, asked.shape[1]),
                  ...{ dtype: 'float32', shape: asked.shape },
                },
              }
            : {}),
        },
      };
    } finally {
      await close();
    }
  }

  /** What a sampling session is on. */
  private async sampled({
    model,
    factor,
    weights,
  }: {
    model?: string;
    factor: number;
    weights?: Weights;
  }): Promise<{ engine: OnnxEngine; set: WeightSet; close(): Promise<void> }> {
    const nothing = async () => {};
    if (model === undefined) return { engine: this.base, set: 'base', close: nothing };
    const held = this.held(model);
    if (factor === 1 && !weights) return { engine: held.engine, set: 'policy', close: nothing };
    const { lora } = held;
    const engine = new OnnxEngine(this.model, lora ? { lora } : {});
    const frozen = lora ? undefined : this.model.weights;
    await engine.replace('policy', amplify(weights ?? held.engine.trainable, factor, frozen));
    return { engine, set: 'policy', close: () => engine.close() };
  }

  private async draw(
    engine: OnnxEngine,
    set: WeightSet,
    prompt: readonly number[],
    { max_tokens: most, temperature, top_k: topK, top_p: topP, seed, stop }: Record<string, never>,
  ): Promise<{ tokens: number[]; stop_reason: string }> {
    const random = new Random(seed ?? 0, 'double');
    const tokens: number[] = [];
    while (tokens.length < most) {
      const vocabulary = Array.from({ length: this.model.config.vocabSize }, (_, id) => [id]);
      const [logps] = await engine.choiceLogps(
        [{ context: [...prompt, ...tokens], choices: vocabulary }],
        set,
      );
      const scaled = logps.map((x) => Math.exp(temperature === 0 ? x : x / temperature));
      const total = scaled.reduce((a, b) => a + b);
      const probabilities = Float32Array.from(scaled, (x) => x / total);
      const best = logps.indexOf(Math.max(...logps));
      const sampling = { temperature, topP: topP ?? 1, topK: Math.max(0, topK ?? 0) };
      tokens.push(sampleToken({ best, probabilities }, sampling, random));
      if ((stop as number[] | undefined)?.includes(tokens.at(-1)!)) return { tokens, stop_reason: 'stop' };
    }
    return { tokens, stop_reason: 'length' };
  }

  /** Log-probabilities of tokens at places of a prompt, row by row; 0 where −1 is asked for. */
  private async logps(
    engine: OnnxEngine,
    set: WeightSet,
    prompt: readonly number[],
    wanted: readonly number[],
    columns: number,
  ): Promise<number[]> {
    const rows = wanted.flatMap((id, i) =>
      id < 0 ? [] : [{ context: prompt.slice(0, 1 + Math.floor(i / columns)), choices: [[id]] }],
    );
    const found = await engine.choiceLogps(rows, set);
    let next = 0;
    return wanted.map((id) => (id < 0 ? 0 : found[next++][0]));
  }

  private async keep(json: Body): Promise<Result> {
    const { engine, updates } = this.held(json.model_id);
    const folder = mkdtempSync(join(this.scratch, 'kept-'));
    await engine.save(folder);
    const path = `tinker://double/${json.path}`;
    const weights = await engine.weights();
    this.kept.set(path, { folder: json.model_id, weights, updates });
    this.kept.set(`${path} state`, { folder, weights, updates });
    return { json: { path } };
  }

  private async load(json: Body): Promise<Result> {
    const kept = this.kept.get(`${json.path} state`);
    if (!kept) throw new Refused(404, 'no such checkpoint');
    const held = this.held(json.model_id);
    await held.engine.load(kept.folder, kept.updates);
    held.updates = kept.updates;
    return { json: { path: json.path } };
  }

  private async give(path: string, id: string): Promise<Result> {
    const { engine, lora, updates } = this.held(id);
    if (path === 'ealign/weights') return { protobuf: bytesOf(filed(await engine.weights(), lora)) };
    const folder = mkdtempSync(join(this.scratch, 'state-'));
    await engine.save(folder);
    const state: Record<string, string> = { updates: String(updates) };
    for (const name of ['trainable', 'optimizer'])
      state[name] = readFileSync(join(folder, `${name}.safetensors`)).toString('base64');
    return { protobuf: Buffer.from(JSON.stringify(state)) };
  }

  private async put(path: string, id: string, body: Buffer): Promise<Result> {
    const held = this.held(id);
    const folder = mkdtempSync(join(this.scratch, 'put-'));
    if (path === 'ealign/weights') {
      const file = join(folder, 'weights.safetensors');
      writeFileSync(file, body);
      const opened = await SafetensorsFile.open(file);
      const turned = (name: string) => name.includes('lora_') || isLinear(name);
      const read = await opened.read(({ name }) => (turned(name) ? 'transposed' : 'as-is'));
      const named = [...read].map(([name, tensor]) => {
        return [name.replace(/^base_model\.model\.(.*)\.weight$/, '$1'), tensor] as const;
      });
      await held.engine.replace('policy', new Map(named));
      return { json: {} };
    }
    const state = JSON.parse(body.toString()) as Record<string, string>;
    for (const name of ['trainable', 'optimizer'])
      writeFileSync(join(folder, `${name}.safetensors`), Buffer.from(state[name], 'base64'));
    held.updates = Number(state.updates);
    await held.engine.load(folder, held.updates);
    return { json: {} };
  }

  private held(id: string): Held {
    const held = this.models.get(id);
    if (held) return held;
    throw new Refused(404, `no model ${id}`);
  }

  /** Runs once per number of a model, whenever it is asked again. */
  private numbered(json: Body, run: () => Promise<Result>): Promise<Result> {
    const { model_id: model, seq_id: seq } = json as unknown as { model_id: string; seq_id: number };
    if (!this.samplers.has(model)) this.held(model);
    return this.future(run, `${model} ${seq}`);
  }

  private async future(run: () => Promise<Result>, number?: string): Promise<Result> {
    const known = number && this.bySeq.get(number);
    if (known) return { json: { request_id: known } };
    const id = `request-${this.count++}`;
    if (number) this.bySeq.set(number, id);
    const result = this.inTurn(run);
    result.catch(() => {});
    this.futures.set(id, { result, polls: 0 });
    return { json: { request_id: id } };
  }

  private async retrieve(json: Body, protobuf: boolean): Promise<Result> {
    const future = this.futures.get(json.request_id);
    if (!future) throw new Refused(404, 'no such request');
    if (future.polls++ < (this.options.tryAgain ?? 0)) {
      return { json: { type: 'try_again', request_id: json.request_id, queue_state: 'active' } };
    }
    let result: Result;
    try {
      result = await future.result;
    } catch (error) {
      return {
        json: { error: (error as Error).message, category: error instanceof Refused ? 'user' : 'server' },
      };
    }
    const value = ('json' in result ? result.json : {}) as { outputs?: PassOutputs; sequences?: never };
    if (value.outputs)
      return protobuf ? { protobuf: writePass(value.outputs) } : { json: asPassJson(value.outputs) };
    return value.sequences && protobuf ? { protobuf: writeSample(value as never) } : result;
  }

  /** One after another: passes and steps of one engine must not mix. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.queue.then(work, work);
    this.queue = done.catch(() => {});
    return done;
  }
}

class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const maskAt = (length: number, places: readonly number[]): Uint8Array =>
  Uint8Array.from({ length }, (_, t) => Number(places.includes(t)));

function passFromJson(json: Body, forwardOnly: boolean): GivenPass {
  const { model_id: modelId, seq_id: seqId } = json as unknown as { model_id: string; seq_id: number };
  const input = (json.forward_input ?? json.forward_backward_input) as {
    data: {
      model_input: { chunks: { tokens: number[] }[] };
      loss_fn_inputs: Record<string, { data: number[] }>;
    }[];
    loss_fn_config?: Record<string, number>;
  };
  const data = input.data.map(({ model_input: read, loss_fn_inputs: inputs }) => ({
    tokens: read.chunks.flatMap(({ tokens }) => tokens),
    targets: inputs.target_tokens.data,
    weights: inputs.weights.data,
  }));
  return { modelId, seqId, data, forwardOnly, detailed: input.loss_fn_config?.ealign_targets === 1 };
}

const asPassJson = (outputs: PassOutputs): object => ({
  loss_fn_output_type: 'ArrayRecord',
  loss_fn_outputs: outputs.map((output) =>
    Object.fromEntries(
      Object.entries(output).map(([name, data]) => [name, { data, dtype: 'float32', shape: [data.length] }]),
    ),
  ),
  metrics: {},
});

/** Tensors as files have them. */
function filed(weights: Weights, lora: LoraConfig | undefined): Iterable<Uint8Array> {
  if (!lora) return safetensorsPieces(weights, { transposed: isLinear });
  const named = new Map([...weights].map(([name, tensor]) => [`base_model.model.${name}.weight`, tensor]));
  return safetensorsPieces(named, { transposed: () => true });
}

const bytesOf = (pieces: Iterable<Uint8Array>): Uint8Array =>
  Buffer.concat([...pieces].map((piece) => Uint8Array.from(piece)));

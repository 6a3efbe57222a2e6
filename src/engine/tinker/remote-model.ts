/**
 * One model on a server: base weights with an adapter of its own, or all weights, its gradient and optimiser.
 *
 * Requests have numbers, by which the server orders them and tells repeated ones.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { RemoteError, UserError } from '../../errors.js';
import type { Steering } from '../../values/steering.js';
import { metricsOf, passJson, passOf } from './json.js';
import { decodePass, encodePass } from './protobuf.js';
import type { Session } from './session.js';
import type { RequestOptions } from './transport.js';
import type { Datum, PassResult } from './wire.js';

/** A request has at most so many rows and tokens; servers bound its bytes. */
const [MOST_ROWS, MOST_TOKENS] = [256, 200_000];

/** One step of AdamW, with its constants. */
export interface OptimStep {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 does not clip. */
  readonly maxGradNorm: number;
}

export class RemoteModel {
  private seq = 0;
  /** Requests arrive in the order of their numbers. */
  private sending: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly session: Session,
    readonly id: string,
  ) {}

  /** @param body what `create_model` is told beside its session @throws RemoteError when the server refuses it */
  static async create(session: Session, body: object): Promise<RemoteModel> {
    const made = await session.run('create_model', {
      ...{ type: 'create_model', session_id: session.id, model_seq_id: session.next() },
      ...body,
    });
    const { model_id: id } = made;
    if (typeof id !== 'string') throw session.transport.nonsense('a model_id', made);
    return new RemoteModel(session, id);
  }

  /**
   * A forward pass.
   *
   * @param targets whether the entropy of each prediction is wanted, and whether the target was the likeliest
   * @returns       one output per row, in order
   */
  async forward(data: readonly Datum[], targets: boolean): Promise<PassResult> {
    return this.pass(data, true, targets);
  }

  /** The same, and the gradient is added to that so far. */
  async forwardBackward(data: readonly Datum[], targets: boolean): Promise<PassResult> {
    return this.pass(data, false, targets);
  }

  /** @returns what the server says of it, by name */
  async optimStep(step: OptimStep): Promise<Record<string, number>> {
    const { metrics } = await this.numbered('optim_step', {
      adam_params: {
        learning_rate: step.learningRate,
        beta1: step.beta1,
        beta2: step.beta2,
        eps: step.eps,
        weight_decay: step.weightDecay,
        grad_clip_norm: step.maxGradNorm,
      },
    });
    return metricsOf(metrics);
  }

  /** Keeps the weights as they are for a sampling session. @returns where the server keeps them */
  async saveForSampler(name: string): Promise<string> {
    return this.pathOf(await this.numbered('save_weights_for_sampler', { path: name }));
  }

  /** Keeps the weights and the optimiser's state at the server. @returns where */
  async saveWeights(name: string): Promise<string> {
    return this.pathOf(await this.numbered('save_weights', { path: name }));
  }

  /** Takes up what `saveWeights` kept; the first request of a model. */
  async loadWeights(path: string): Promise<void> {
    await this.numbered('load_weights', { path, optimizer: true });
  }

  /** Writes the weights or the whole state into a file that is new, as safetensors. */
  async fetchTensors(what: 'weights' | 'state', path: string): Promise<void> {
    const pieces = await this.session.transport.download(`ealign/${what}`, { model_id: this.id });
    const file = await open(path, 'wx');
    try {
      for await (const piece of pieces) await file.write(piece);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Puts weights or a whole state in the place of the model's; the gradient is forgotten. */
  async putTensors(what: 'weights' | 'state', path: string): Promise<void> {
    await this.session.transport.send('PUT', `ealign/${what}`, {
      query: { model_id: this.id },
      bytes: { type: 'application/octet-stream', bytes: () => createReadStream(path) },
      ours: true,
    });
  }

  /** Mean hidden states of rows at their targets, after a layer. */
  async meanHidden(
    rows: readonly { readonly tokens: readonly number[]; readonly targets: readonly boolean[] }[],
    layer: number,
  ): Promise<number[][]> {
    const answer = await this.session.ask('ealign/mean_hidden', {
      ...{ model_id: this.id, set: 'policy', layer, rows },
    });
    const { hidden } = 'request_id' in answer ? await this.awaited(String(answer.request_id)) : answer;
    if (Array.isArray(hidden) && hidden.length === rows.length) return hidden as number[][];
    throw this.session.transport.nonsense(`hidden states of ${rows.length} rows`, answer);
  }

  async steer(when: 'training' | 'answering', steering: readonly Steering[]): Promise<void> {
    await this.session.ask('ealign/steer', {
      ...{ model_id: this.id, when },
      steering: steering.map(({ layer, kind, direction }) => ({
        layer,
        kind,
        vector: Array.from(direction),
      })),
    });
  }

  /** Frees the server's memory, where it still listens. */
  async unload(): Promise<void> {
    const json = { type: 'unload_model', model_id: this.id };
    await this.session.transport.post('unload_model', json, { attempts: 1 }).catch((error: unknown) => {
      // also what a worker that has ended is known by
      if (!(error instanceof UserError)) throw error;
    });
  }

  private async pass(data: readonly Datum[], forwardOnly: boolean, targets: boolean): Promise<PassResult> {
    const sent: Promise<string>[] = [];
    for (const part of parts(data)) {
      sent.push(this.inOrder((seqId) => this.submitPass({ data: part, forwardOnly, seqId }, targets)));
    }
    // a request that fails must not leave others behind that nobody waits for
    const settled = await Promise.allSettled(sent.map((id) => id.then((known) => this.passResult(known))));
    const results = settled.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
    const outputs = results.flatMap((result) => result.outputs);
    if (outputs.length === data.length) return { outputs, metrics: results.at(-1)?.metrics ?? {} };
    throw this.session.transport.nonsense(`outputs of ${data.length} rows`, `${outputs.length} outputs`);
  }

  private async submitPass(
    pass: { readonly data: readonly Datum[]; readonly forwardOnly: boolean; readonly seqId: number },
    targets: boolean,
  ): Promise<string> {
    const { session } = this;
    const lossConfig: Record<string, number> = targets ? { ealign_targets: 1 } : {};
    const request = { ...pass, modelId: this.id, lossConfig };
    const asJson: RequestOptions = { json: passJson(request) };
    const path = pass.forwardOnly ? 'forward' : 'forward_backward';
    if (session.protobuf === false) return session.submit(path, asJson);
    const bytes = { type: 'application/x-protobuf', bytes: encodePass(request) };
    const asBytes = (attempts?: number) =>
      session.submit('forward_backward', { bytes, ...(attempts === undefined ? {} : { attempts }) });
    if (session.protobuf) return asBytes();
    try {
      const id = await asBytes(1);
      session.protobuf = true;
      return id;
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      const { status = 0 } = error;
      // servers from before version 0.25 of the official client take JSON: most refuse these bytes, skyrl-tx breaks on them
      if (![400, 415, 422, 500].includes(status)) return asBytes();
      try {
        const id = await session.submit(path, asJson);
        session.protobuf = false;
        return id;
      } catch (refused) {
        if (status === 500 && refused instanceof RemoteError && refused.failure === 'refused')
          return asBytes();
        throw refused;
      }
    }
  }

  private async passResult(requestId: string): Promise<PassResult> {
    const answer = await this.session.result(requestId, true);
    return this.session.read(answer, 'loss_fn_outputs', { json: passOf, bytes: decodePass });
  }

  private async numbered(path: string, body: object): Promise<Record<string, unknown>> {
    const id = await this.inOrder((seq) =>
      this.session.submit(path, { json: { type: path, model_id: this.id, seq_id: seq, ...body } }),
    );
    return this.awaited(id);
  }

  private async awaited(requestId: string): Promise<Record<string, unknown>> {
    const answer = await this.session.result(requestId);
    if ('json' in answer) return answer.json as Record<string, unknown>;
    throw this.session.transport.nonsense('JSON', 'protobuf');
  }

  /** Sends when everything before it has arrived. */
  private inOrder(send: (seqId: number) => Promise<string>): Promise<string> {
    const seqId = ++this.seq;
    const sent = this.sending.then(() => send(seqId));
    this.sending = sent.catch(() => {});
    return sent;
  }

  private pathOf(saved: Record<string, unknown>): string {
    if (typeof saved.path === 'string') return saved.path;
    throw this.session.transport.nonsense('the path of what was saved', saved);
  }
}

/** Rows in requests that servers take. */
function* parts(data: readonly Datum[]): Generator<readonly Datum[]> {
  let [begin, tokens] = [0, 0];
  for (const [i, datum] of data.entries()) {
    const full = i - begin === MOST_ROWS || tokens + datum.tokens.length > MOST_TOKENS;
    if (full && i > begin) {
      yield data.slice(begin, i);
      [begin, tokens] = [i, 0];
    }
    tokens += datum.tokens.length;
  }
  if (begin < data.length) yield data.slice(begin);
}

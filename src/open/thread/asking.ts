/**
 * The side that asks: models of another thread, as if they were here.
 *
 * A model's forward pass blocks its thread (onnxruntime's binding for Node runs on the one that calls it),
 * and so do tokenising and sampling. A server that answered on the same one would be deaf meanwhile.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { GenerateOptions, HiddenReader, LanguageModel } from '../../engine/language-model.js';
import { type Question, type Reply, revivedError } from './messages.js';

interface Asked {
  readonly onText?: GenerateOptions['onText'];
  readonly onUsage?: GenerateOptions['onUsage'];
  resolve(value: never): void;
  reject(error: Error): void;
}

export class ModelThread {
  private readonly asked = new Map<number, Asked>();
  private nextId = 0;
  private gone?: Error;

  /** @param port to a thread that answers questions */
  constructor(private readonly port: MessagePort | Worker) {
    port.on('message', (reply: Reply) => this.hear(reply));
  }

  /**
   * @param id     for the audit trail
   * @param layers that it has, where its hidden states can be read
   */
  model(name: string, id: string, layers?: number): LanguageModel {
    return {
      id,
      generate: (conversations, { onText, onUsage, signal, ...options }) =>
        this.ask(
          (id) => ({
            type: 'generate',
            id,
            model: name,
            conversations,
            options,
            pieces: onText !== undefined,
          }),
          { onText, onUsage },
          signal,
        ),
      labelLogps: async (conversations, labels, { prefix, onUsage, signal } = {}) => {
        signal?.throwIfAborted();
        return this.ask(
          (id) => ({ type: 'labels', id, model: name, conversations, labels, prefix }),
          { onUsage },
          signal,
        );
      },
      ...(layers === undefined ? {} : { hidden: this.hidden(name, layers) }),
    };
  }

  private hidden(name: string, layers: number): HiddenReader {
    return {
      layers,
      meanStates: async (conversations, twins, at, { prefix, onUsage, signal } = {}) => {
        signal?.throwIfAborted();
        return this.ask(
          (id) => ({ type: 'states', id, model: name, conversations, twins, layers: at, prefix }),
          { onUsage },
          signal,
        );
      },
    };
  }

  call<T>(name: string, argument?: unknown): Promise<T> {
    return this.ask((id) => ({ type: 'call', id, name, argument }), {});
  }

  /** Nothing is answered any more: all that was asked, and will be, fails with the error. */
  end(error: Error): void {
    this.gone ??= error;
    for (const { reject } of this.asked.values()) reject(error);
    this.asked.clear();
  }

  private ask<T>(
    question: (id: number) => Question,
    hears: Pick<Asked, 'onText' | 'onUsage'>,
    signal?: AbortSignal,
  ): Promise<T> {
    if (this.gone) return Promise.reject(this.gone);
    const id = this.nextId++;
    const abort = () => this.port.postMessage({ type: 'abort', id } satisfies Question);
    const answered = new Promise<T>((resolve, reject) => {
      this.asked.set(id, { ...hears, resolve, reject });
      this.port.postMessage(question(id));
    });
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    return answered.finally(() => signal?.removeEventListener('abort', abort));
  }

  private hear(reply: Reply): void {
    switch (reply.type) {
      case 'pieces':
        for (const [id, index, text] of reply.pieces) {
          this.passOn(id, ({ onText }) => onText?.(index, text));
        }
        break;
      case 'usage':
        this.passOn(reply.id, ({ onUsage }) => onUsage?.(reply.index, reply.usage));
        break;
      case 'done':
        this.passOn(reply.id, ({ resolve }) => resolve(reply.value as never));
        this.asked.delete(reply.id);
        break;
      case 'failed':
        this.passOn(reply.id, ({ reject }) => reject(revivedError(reply.error)));
        this.asked.delete(reply.id);
    }
  }

  /** A listener that throws fails its call, as it does where the model is here. */
  private passOn(id: number, tell: (asked: Asked) => void): void {
    const asked = this.asked.get(id);
    if (!asked) return;
    try {
      tell(asked);
    } catch (error) {
      this.asked.delete(id);
      this.port.postMessage({ type: 'abort', id } satisfies Question);
      asked.reject(error as Error);
    }
  }
}

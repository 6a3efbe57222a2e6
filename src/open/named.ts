/** Opens a model by name: a local one, or one at an OpenAI-compatible endpoint. */
import { createHash } from 'node:crypto';
import type { AnswerReader, LanguageModel } from '../engine/language-model.js';
import { answerReader } from '../engine/remote/answer-reader.js';
import type { RemoteHooks } from '../engine/remote/endpoint.js';
import { RemoteModel, type RemoteUsage } from '../engine/remote/model.js';
import type { RemoteOptions } from '../engine/remote/settings.js';
import { ConfigError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import type { Quantize } from '../values/quantize.js';
import { type OpenModel, openModel } from './model.js';

/** How endpoints are asked, all alike. */
export type RemoteManner = Omit<RemoteOptions, 'baseUrl' | 'model'>;

export interface NamedOptions {
  /** PEFT adapter folder; for models that are here. */
  readonly adapter?: string;
  /** 0, the default, takes one per core. */
  readonly threads?: number;
  /** See `OpenOptions`; for models that are here. */
  readonly controlTokens?: boolean;
  /** See `OpenOptions`; for models that are here. */
  readonly quantize?: Quantize;
  /** Told what is amiss without being an error; see `OpenOptions`. */
  readonly onWarning?: (line: string) => void;
  readonly remote?: RemoteManner;
  readonly hooks?: RemoteHooks;
}

export interface NamedModel {
  readonly name: string;
  /** SHA-256 of its weights; of its address where they are elsewhere. */
  readonly hash: string;
  readonly model: LanguageModel;
  /** The same as a judge. */
  readonly reader: AnswerReader;
  /** The model without its adapter, as a judge. */
  readonly base: AnswerReader;
  /** Absent for an endpoint. */
  readonly open?: OpenModel;
  /** What an endpoint has been asked so far; absent for a model that is here. */
  readonly usage?: () => RemoteUsage;
  close(): Promise<void>;
}

/**
 * @param name folder, .gguf file, alias or Hugging Face id; or `https://host/v1#model`
 * @throws UserError when there is no such model
 */
export async function openNamed(name: string, options: NamedOptions = {}): Promise<NamedModel> {
  const { adapter, threads = 0, controlTokens, quantize, onWarning, remote = {}, hooks = {} } = options;
  const endpoint = endpointOf(name);
  if (endpoint) {
    if (adapter !== undefined) {
      const next = 'let the endpoint serve the adapter under a name of its own';
      throw new ConfigError({ where: name, what: 'a remote model takes no --adapter', next });
    }
    if (controlTokens) {
      const next = 'leave it out; the endpoint decides what a message may write';
      throw new ConfigError({
        where: name,
        what: 'a remote model takes no --control-tokens',
        next,
      });
    }
    if (quantize) {
      const next = 'leave it out; the endpoint decides how it computes';
      throw new ConfigError({ where: name, what: 'a remote model takes no --quantize', next });
    }
    const hash = endpointHash(name);
    const model = new RemoteModel({ ...endpoint, ...remote }, hooks);
    const reader = answerReader(model);
    const usage = () => model.usage;
    return { name, hash, model, reader, base: reader, usage, close: async () => {} };
  }
  const model = await openModel(name, {
    threads,
    controlTokens,
    adapter,
    onWarning,
    ...(quantize ? { quantize } : {}),
  });
  const { hash, base } = model;
  return { name: model.name, hash, model, reader: model, base, open: model, close: () => model.close() };
}

/** What stands for the hash of an endpoint's weights: that of its name. */
export const endpointHash = (name: string): string => createHash('sha256').update(name).digest('hex');

/** Whether a model is there, as far as that can be said without asking it. @throws UserError */
export async function requireNamed(name: string): Promise<void> {
  if (!endpointOf(name)) await resolveModel(name);
}

/** Whether a name is an endpoint's. @throws ConfigError when its model is missing */
export function isRemote(name: string): boolean {
  return endpointOf(name) !== undefined;
}

function endpointOf(name: string): { baseUrl: string; model: string } | undefined {
  if (!/^https?:\/\//.test(name)) return undefined;
  const [baseUrl, model] = name.split('#');
  if (baseUrl && model) return { baseUrl, model };
  throw new ConfigError({
    where: name,
    what: 'the endpoint’s model is missing',
    expected: 'https://host/v1#model',
  });
}

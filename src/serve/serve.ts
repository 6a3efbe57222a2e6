/** `ealign serve`: opens the model, puts its conscience before it, and serves until the signal. */
import { basename } from 'node:path';
import { type Logger, pino } from 'pino';
import { variables } from '../config/environment.js';
import type { LanguageModel } from '../engine/language-model.js';
import { ConfigError } from '../errors.js';
import { endpointHash, isRemote, openNamed } from '../open/named.js';
import { openThreaded } from '../open/thread/open.js';
import type { Quantize } from '../values/quantize.js';
import { calibratedOptions, type OwnConscienceOptions } from '../zero-shot/opened-reading.js';
import { type WithFrozenCopy, withNamedConscience } from '../zero-shot/own-conscience.js';
import { withConscience } from '../zero-shot/with-conscience.js';
import { isLocal } from './guarded.js';
import { type ApiKey, keysFromVariable, readKeys, requireDistinct } from './keys.js';
import { beginOnline, collecting, onlineMetrics } from './online.js';
import type { ServePolicy } from './policy.js';
import { served } from './served.js';
import { startServer } from './server.js';

export interface ServeOptions {
  readonly model: string;
  readonly adapter?: string;
  /** What callers call it. */
  readonly name?: string;
  /** A model that reviews instead of the frozen copy. */
  readonly conscience?: string;
  readonly host: string;
  readonly port: number;
  readonly policy: ServePolicy;
  readonly allowPolicies: readonly ServePolicy[];
  /** How the conscience is asked. */
  readonly asked: OwnConscienceOptions;
  readonly attempts: number;
  readonly maxTokens: number;
  readonly apiKeys?: string;
  /** Names under which a server without keys may be asked, beside this machine's own. */
  readonly allowHosts: readonly string[];
  /** False: other machines need no key. */
  readonly auth: boolean;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly concurrency: number;
  readonly queue: number;
  readonly timeout: number;
  readonly maxBody: number;
  readonly grace: number;
  readonly logContent?: boolean;
  /** Messages may write control tokens. */
  readonly controlTokens?: boolean;
  readonly threads: number;
  /** See `OpenOptions`. */
  readonly quantize?: Quantize;
  /** YAML file: the server learns from what it is made to say. */
  readonly online?: string;
}

/** @throws UserError when the model, the keys or the address cannot be used */
export async function serve(options: ServeOptions, signal: AbortSignal): Promise<void> {
  const keys = apiKeys(options);
  requireGuarded(options, keys);
  const log = pino({ base: null }, pino.destination({ fd: 2, sync: true }));
  const { model: name, threads, requestsPerMinute, tokensPerMinute } = options;
  const judge =
    options.conscience === undefined ? undefined : await openApart(options.conscience, { threads }, log);
  const online = options.online === undefined ? undefined : await beginOnline(options, options.online, log);
  const opened = online ? undefined : await openApart(name, options, log);
  try {
    const publicName = options.name ?? (basename(name.split('#').at(-1)!) || name);
    const model = online?.model ?? opened!.model;
    const own = online?.model ?? opened!.own;
    const server = await startServer({
      served: served(publicName, model, await guarded(options, model, own, log, judge)),
      ...(online
        ? { onAnswer: collecting(online, log), metrics: (registry) => onlineMetrics(online, registry, log) }
        : {}),
      keys,
      log,
      host: options.host,
      port: options.port,
      hosts: options.allowHosts,
      rateLimits: { requestsPerMinute, tokensPerMinute },
      defaultPolicy: options.policy,
      policies: options.allowPolicies,
      maxTokens: options.maxTokens,
      concurrency: options.concurrency,
      queue: options.queue,
      timeoutSeconds: options.timeout,
      maxBodyBytes: options.maxBody,
      graceSeconds: options.grace,
      logContent: options.logContent ?? false,
    });
    log.info(
      { url: `${server.url}/v1`, model: publicName, policy: options.policy, keys: keys.length },
      'serving',
    );
    const models = [online?.model, opened, judge];
    const ends = models.flatMap((one) => (one?.died ? [one.died] : []));
    const death = await Promise.race([aborted(signal), ...ends]);
    if (death) {
      await server.stop();
      throw death;
    }
    log.info({}, 'stopping: running requests may end; a second Ctrl-C ends them now');
    await server.stop();
    log.info({}, 'stopped');
  } finally {
    await Promise.all([online?.stop(), opened?.close(), judge?.close()]);
  }
}

interface OpenedApart {
  readonly model: LanguageModel;
  /** Absent for an endpoint. */
  readonly own?: WithFrozenCopy;
  /** Resolves when it has ended by itself. */
  readonly died?: Promise<Error>;
  close(): Promise<void>;
}

type Opening = Pick<ServeOptions, 'threads' | 'adapter' | 'controlTokens' | 'quantize'>;

/** A model that is here runs in a thread of its own, so that the server's hears everybody meanwhile. */
async function openApart(
  name: string,
  { threads, adapter, controlTokens, quantize }: Opening,
  log: Logger,
): Promise<OpenedApart> {
  const options = { threads, controlTokens, adapter, ...(quantize ? { quantize } : {}) };
  const onNotice = (sentence: string) => log.warn({}, sentence);
  if (isRemote(name)) return openNamed(name, { ...options, hooks: { onNotice } });
  const own = await openThreaded(name, options);
  return { model: own, own, died: own.died, close: () => own.close() };
}

async function guarded(
  { asked, attempts, model: name, conscience: judgeName }: ServeOptions,
  model: LanguageModel,
  own: WithFrozenCopy | undefined,
  log: Logger,
  judge?: OpenedApart,
) {
  const settings = { ...asked, attempts, warn: (sentence: string) => log.warn({}, sentence) };
  const named = judgeName === undefined ? { name, model: own } : { name: judgeName, model: judge?.own };
  if (named.model) return withNamedConscience(model, { name: named.name, model: named.model }, settings);
  // an endpoint is asked in words for chat models, and not before there is something to ask
  const reading = await calibratedOptions(named.name, endpointHash(named.name), settings);
  if (reading.warning !== null) settings.warn(reading.warning);
  return withConscience(model, { ...reading.settings, ...(judge ? { conscience: judge.model } : {}) });
}

function apiKeys({ apiKeys }: ServeOptions): ApiKey[] {
  const variable = variables.EALIGN_API_KEYS;
  const keys = [
    ...(apiKeys === undefined ? [] : readKeys(apiKeys)),
    ...(variable === undefined ? [] : keysFromVariable(variable)),
  ];
  requireDistinct(keys);
  return keys;
}

function requireGuarded({ host, auth }: ServeOptions, keys: readonly ApiKey[]): void {
  if (isLocal(host) || !auth || keys.length > 0) return;
  throw new ConfigError({
    where: `--host ${host}`,
    what: 'other machines could ask without a key',
    next: 'give --api-keys or EALIGN_API_KEYS, or say --no-auth',
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

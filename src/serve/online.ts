/** The server's side of online learning: its answers go to the learner, its metrics and log tell of it. */
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import { ConfigError, UserError } from '../errors.js';
import { type Online, startOnline } from '../online/online.js';
import { readOnlineSettings } from '../online/settings.js';
import { recordStatuses } from '../online/statuses.js';
import { isRemote } from '../open/named.js';
import type { ServeOptions } from './serve.js';
import type { ServedExchange } from './turn.js';

/** @param file YAML @throws UserError when what it names cannot be used */
export async function beginOnline(
  { model, adapter, threads, controlTokens, quantize }: ServeOptions,
  file: string,
  log: Logger,
): Promise<Online> {
  const settings = readOnlineSettings(file);
  if (isRemote(model)) {
    const next = 'serve a model that is here, or leave --online out';
    throw new ConfigError({ where: model, what: 'a remote model cannot be trained', next });
  }
  if (controlTokens) {
    const what =
      'a model that learns takes no --control-tokens: callers could write the turns that it learns';
    throw new ConfigError({ where: file, what, next: 'leave --control-tokens or --online out' });
  }
  if (quantize) {
    const next = 'leave --quantize or --online out';
    throw new ConfigError({ where: file, what: 'a model that learns takes no --quantize', next });
  }
  return startOnline({
    model,
    threads,
    settings,
    adapter,
    hooks: {
      onEvent: (what, detail) => log.info({ ...detail }, `learner: ${what}`),
      onDeath: (detail) => log.error({ ...detail }, 'learner: ended; it will be started again'),
    },
  });
}

/**
 * Answers are stored before they leave; where that fails they leave all the same, and the log says so. Answers
 * to requests with tools or a format are not: a pair holds turns alone, and would teach what to say where there are
 * none. Nor are those to requests that were objected to: the model has said nothing that could be learned from.
 */
export function collecting(online: Online, log: Logger) {
  return ({ key, connection, forwarded, requestId, request, answer }: ServedExchange): void => {
    if (request.options.tools || request.options.format) return;
    const { draft, record } = answer;
    if (record?.input?.verdict === 'objected') return;
    const served = record && {
      outcome: record.outcome,
      verdict: record.verdict,
      pObjection: record.p_objection,
    };
    try {
      online.collect({
        key,
        connection,
        forwarded,
        request: requestId,
        draft,
        served,
        messages: request.messages,
      });
    } catch (err) {
      const why = err instanceof UserError ? { reason: err.message } : { err };
      log.error({ request_id: requestId, ...why }, 'the answer could not be stored for learning');
    }
  };
}

/** @param log told once why a gauge is missing */
export function onlineMetrics({ state }: Pick<Online, 'state'>, registry: Registry, log: Logger): void {
  gauge(registry, log, 'version', 'Version of the adapter that is served', (own) => own.set(state.version));
  gauge(
    registry,
    log,
    'learning',
    '1 while new versions may go live, 0 when learning is off or a version is pinned',
    (own) => own.set(Number(state.learning)),
  );
  gauge(
    registry,
    log,
    'records',
    'Stored answers by what became of them',
    (own) => {
      const { records } = state;
      for (const status of recordStatuses) own.set({ status }, records[status] ?? 0);
    },
    ['status'],
  );
}

/** A gauge that is missing while it cannot be read; all others are there. */
function gauge(
  registry: Registry,
  log: Logger,
  name: string,
  help: string,
  read: (own: Gauge) => void,
  labelNames: readonly string[] = [],
): void {
  let said: string | undefined;
  new Gauge({
    name: `ealign_online_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect() {
      try {
        read(this);
        said = undefined;
      } catch (error) {
        this.reset();
        if (labelNames.length === 0) this.remove();
        const reason = (error as Error).message;
        if (reason !== said) log.error({ reason }, `/metrics cannot tell ealign_online_${name}`);
        said = reason;
      }
    },
  });
}

/** The server's side of online learning: its answers go to the learner, its metrics and log tell of it. */
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import { isRemote } from '../engine/named.js';
import { ConfigError } from '../errors.js';
import { type Online, startOnline } from '../online/online.js';
import { readOnlineSettings } from '../online/settings.js';
import { recordStatuses } from '../online/statuses.js';
import type { ServedExchange } from './app.js';
import type { ServeOptions } from './serve.js';

/** @param file YAML @throws UserError when what it names cannot be used */
export async function beginOnline(
  { model, adapter, threads }: ServeOptions,
  file: string,
  log: Logger,
): Promise<Online> {
  const settings = readOnlineSettings(file);
  if (isRemote(model)) {
    const next = 'serve a model that is here, or leave --online out';
    throw new ConfigError({ where: model, what: 'a model behind an endpoint cannot be trained', next });
  }
  return startOnline({
    ...{ model, threads, settings },
    ...(adapter === undefined ? {} : { adapter }),
    hooks: {
      onEvent: (what, detail) => log.info({ ...detail }, `learner: ${what}`),
      onDeath: (detail) => log.error({ ...detail }, 'learner: ended; it will be started again'),
    },
  });
}

/**
 * Answers are stored before they leave; where that fails they leave all the same, and the log says so. Answers
 * to requests with tools are not: a pair holds turns alone, and would teach what to say where there are none.
 */
export function collecting(online: Online, log: Logger) {
  return ({ key, connection, forwarded, requestId, request, answer }: ServedExchange): void => {
    if (request.options.tools) return;
    const { draft, record } = answer;
    const served = record && {
      ...{ outcome: record.outcome, verdict: record.verdict, pObjection: record.p_objection },
    };
    try {
      online.collect({
        ...{ key, connection, forwarded, request: requestId, draft, served, messages: request.messages },
      });
    } catch (err) {
      log.error({ request_id: requestId, err }, 'the answer could not be stored for learning');
    }
  };
}

export function onlineMetrics(online: Online, registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'ealign_online_version',
    help: 'Version of the adapter that is served',
    registers,
    collect() {
      this.set(online.state().version);
    },
  });
  new Gauge({
    name: 'ealign_online_learning',
    help: '1 while new versions may go live, 0 when learning is off or a version is pinned',
    registers,
    collect() {
      this.set(Number(online.state().learning));
    },
  });
  new Gauge({
    name: 'ealign_online_records',
    help: 'Stored answers by what became of them',
    labelNames: ['status'],
    registers,
    collect() {
      const { records } = online.state();
      for (const status of recordStatuses) this.set({ status }, records[status] ?? 0);
    },
  });
}

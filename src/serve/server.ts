/** The server on its port, from start to the last answer. */
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { ConfigError } from '../errors.js';
import { type AppOptions, ServeApp } from './app.js';
import { isLocal } from './guarded.js';

export interface ServerOptions extends Omit<AppOptions, 'local'> {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** How long running requests may take to end when the server stops. */
  readonly graceSeconds: number;
}

export interface RunningServer {
  /** e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Takes no new requests, lets running ones end, and stops. */
  stop(): Promise<void>;
}

/** @throws ConfigError when the address cannot be had */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, graceSeconds } = options;
  const app = new ServeApp({ ...options, local: isLocal(host) });
  const server = createAdaptorServer({ fetch: app.hono.fetch });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
    server.listen(port, host, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async stop() {
      app.stopTaking();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const idle = 'closeIdleConnections' in server ? () => server.closeIdleConnections() : () => {};
      idle();
      const sweep = setInterval(idle, 100);
      const late = setTimeout(() => app.abortAll(), graceSeconds * 1000);
      const tooLate = setTimeout(
        () => 'closeAllConnections' in server && server.closeAllConnections(),
        graceSeconds * 1000 + 2000,
      );
      await closed;
      for (const timer of [late, tooLate]) clearTimeout(timer);
      clearInterval(sweep);
    },
  };
}

function cannotListen(host: string, port: number, error: NodeJS.ErrnoException): ConfigError {
  const where = `${host}:${port}`;
  const reasons: Record<string, [what: string, next: string]> = {
    EADDRINUSE: ['another program listens there', 'choose another --port'],
    EACCES: ['this port is not allowed', 'choose a --port of 1024 or more'],
    EADDRNOTAVAIL: ['this machine has no such address', 'choose another --host'],
    ENOTFOUND: ['there is no such host', 'choose another --host'],
  };
  const [what, next] = reasons[error.code ?? ''] ?? [error.message, 'choose another --host or --port'];
  return new ConfigError({ where, what, next }, { cause: error });
}

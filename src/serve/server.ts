/** The server on its port, from start to the last answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { ConfigError } from '../errors.js';
import { type AppOptions, ServeApp } from './app.js';
import { Connections } from './connections.js';
import { badRequest } from './errors.js';
import { isLocal } from './guarded.js';

export interface ServerOptions extends Omit<AppOptions, 'local'> {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** How long running requests may take to end when the server stops. */
  readonly graceSeconds: number;
}

/** How long a reader has for what is sent when its time is up. */
const CLOSING_SECONDS = 2;

export interface RunningServer {
  /** e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Takes no new requests, lets running ones end, and stops. */
  stop(): Promise<void>;
}

/** @throws ConfigError when the address cannot be had */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, graceSeconds, timeoutSeconds } = options;
  const app = new ServeApp({ ...options, local: isLocal(host) });
  const server = createServer(timeouts(timeoutSeconds), getRequestListener(app.hono.fetch, { errorHandler }));
  const connections = new Connections(server, timeoutSeconds + CLOSING_SECONDS);
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
      connections.closeIdle();
      const late = setTimeout(() => app.abortAll(), graceSeconds * 1000);
      const tooLate = setTimeout(() => connections.closeAll(), (graceSeconds + CLOSING_SECONDS) * 1000);
      await closed;
      for (const timer of [late, tooLate]) clearTimeout(timer);
    },
  };
}

/** How long a request may take to come: milliseconds, and how often that is looked at. */
function timeouts(timeoutSeconds: number) {
  const requestTimeout = 1000 * Math.min(60, Math.max(1, timeoutSeconds));
  const headersTimeout = Math.min(15_000, requestTimeout);
  return { requestTimeout, headersTimeout, connectionsCheckingInterval: 1000 };
}

/** A request that has no address that it could be routed by. */
function errorHandler(error: unknown): Response {
  const { status, body } = badRequest(`${(error as Error).message}.`, undefined, 'malformed_request');
  return Response.json(body, { status });
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

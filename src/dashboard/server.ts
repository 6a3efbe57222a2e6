/** The dashboard on its port, for this machine alone. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { ConfigError } from '../errors.js';
import { dashboardApp } from './app.js';
import { WatchedRuns } from './watch.js';

/** Other machines reach it through a tunnel, which brings its own authentication. */
const HOST = '127.0.0.1';

export interface DashboardOptions {
  /** Folders that hold runs, or are runs. */
  readonly places: readonly string[];
  /** 0: any free one. */
  readonly port: number;
}

export interface RunningDashboard {
  /** With its token: whoever has it may look. */
  readonly url: string;
  stop(): Promise<void>;
}

/** @throws ConfigError when the port cannot be had */
export async function startDashboard({ places, port }: DashboardOptions): Promise<RunningDashboard> {
  const watched = new WatchedRuns(places);
  const token = randomBytes(24).toString('base64url');
  let taken = port;
  const app = dashboardApp(watched, token, () => `ealign-${taken}`);
  const server = createServer(getRequestListener(app.fetch));
  await listen(server, port);
  taken = (server.address() as AddressInfo).port;
  return {
    url: `http://${HOST}:${taken}/?token=${token}`,
    async stop() {
      watched.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: 'another program listens there',
        EACCES: 'this port is not allowed',
      };
      const parts = { where: `${HOST}:${port}`, what: reasons[error.code ?? ''] ?? error.message };
      reject(new ConfigError({ ...parts, next: 'choose another port' }, { cause: error }));
    });
    server.listen(port, HOST, resolve);
  });
}

/** The program of the thread that serves the dashboard of a run: training is not kept waiting by who looks. */
import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../errors.js';
import { type DashboardOptions, startDashboard } from './server.js';
import type { ThreadReply } from './start-thread.js';

const say = (reply: ThreadReply) => parentPort!.postMessage(reply);
try {
  const { url } = await startDashboard(workerData as DashboardOptions);
  say({ url });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  say({ refused: error.parts });
}

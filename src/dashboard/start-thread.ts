/** Serves the dashboard beside the work of this process. */
import { Worker } from 'node:worker_threads';
import { ConfigError, type ErrorParts } from '../errors.js';
import type { DashboardOptions } from './server.js';

/** The first word of the thread. */
export type ThreadReply = { readonly url: string } | { readonly refused: ErrorParts };

/**
 * Starts the server in a thread, which ends with this process or when it is told to.
 *
 * @param onDeath told where the thread ends by itself
 * @throws ConfigError when the port cannot be had
 */
export async function startDashboardThread(
  options: DashboardOptions,
  onDeath: (error: Error) => void,
): Promise<{ url: string; stop(): Promise<void> }> {
  const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: options });
  const reply = await new Promise<ThreadReply>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  if ('refused' in reply) {
    await worker.terminate();
    throw new ConfigError(reply.refused);
  }
  worker.on('error', onDeath);
  worker.unref();
  return {
    url: reply.url,
    async stop() {
      await worker.terminate();
    },
  };
}

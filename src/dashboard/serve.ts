/** `ealign dashboard`: serves until it is stopped. */
import { existsSync } from 'node:fs';
import { ConfigError } from '../errors.js';
import { startDashboard } from './server.js';

/**
 * @param folders hold runs, or are runs
 * @param port    0: any free one
 * @throws ConfigError when a folder is not there, or the port cannot be had
 */
export async function serveDashboard(
  folders: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<void> {
  for (const folder of folders) {
    if (existsSync(folder)) continue;
    const next = 'name an output folder of ealign train, or a folder that holds some';
    throw new ConfigError({ where: folder, what: 'no such folder', next });
  }
  const dashboard = await startDashboard({ places: folders, port });
  process.stdout.write(`Dashboard: ${dashboard.url}\nCtrl-C ends it.\n`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  await dashboard.stop();
}

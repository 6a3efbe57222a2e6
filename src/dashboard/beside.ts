/** The dashboard of a run, for as long as the run goes. */
import type { Progress } from '../metrics/progress.js';
import { startDashboardThread } from './start-thread.js';

/** What the command line says of it, and where it tells the address. */
export interface BesideOptions {
  readonly progress: Progress;
  /** 0 takes a free one; absent: there is no dashboard. */
  readonly dashboardPort?: number;
}

/**
 * Runs work, with the dashboard of a folder beside it where one is wished for.
 *
 * @throws ConfigError when the port cannot be had, before the work begins; what the work throws
 */
export async function withDashboard<T>(
  folder: string,
  { progress, dashboardPort }: BesideOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (dashboardPort === undefined) return work();
  const dashboard = await startDashboardThread({ places: [folder], port: dashboardPort }, (error) =>
    progress.note(`The dashboard has ended, training continues: ${error.message}`),
  );
  progress.note(`Dashboard: ${dashboard.url}`);
  try {
    return await work();
  } finally {
    await dashboard.stop();
  }
}

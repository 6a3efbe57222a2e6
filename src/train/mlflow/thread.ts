/** The program of the thread that reports to MLflow. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ReportTask, Told } from './beside.js';
import { Reporter } from './reporter.js';
import { trackingOf } from './tracking.js';

const port = parentPort!;
const reporter = new Reporter({
  ...(workerData as ReportTask),
  tracking: trackingOf(),
  note: (line) => port.postMessage(line),
});
port.on('message', (told: Told) => {
  if ('status' in told) reporter.end(told.status);
  else reporter.write(told.record, told.time);
});
await reporter.run();
port.close();

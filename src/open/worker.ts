/** Our worker on PyTorch, for whoever may not know engines by name: its environment, and a worker for others to connect to. */
export { describeInstall, install, planInstall } from '../engine/tinker/install.js';
export type { WorkerEnvironment } from '../engine/tinker/python.js';
export { serveWorker } from '../engine/tinker/worker.js';

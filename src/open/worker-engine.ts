/** An engine on PyTorch with the worker that serves it: started with the engine, and stopped when it is closed. */
import { TinkerEngine, type TinkerOptions } from '../engine/tinker/engine.js';
import { startWorker, type Worker, type WorkerOptions } from '../engine/tinker/worker.js';
import type { NamedModel } from '../model/model.js';

/** An engine, and what its worker says of itself. */
export interface WorkerEngine {
  readonly engine: TinkerEngine;
  /** The most bytes that the worker has held so far: of the host, and of its GPU, null where it has none. */
  held(): Promise<{ readonly host: number; readonly device: number | null }>;
}

/**
 * @param model its folder is the worker's model
 * @throws ConfigError when Python or a package is missing; UserError with the worker's words when it does not start
 */
export async function openWorkerEngine(
  model: NamedModel,
  worker: Omit<WorkerOptions, 'model'>,
  options: Omit<TinkerOptions, 'url'>,
): Promise<WorkerEngine> {
  const started = await startWorker({ ...worker, model: model.path });
  const { url, env, signal } = started;
  const own = { url, env, signal, name: 'the worker', engineName: 'torch', onClose: () => started.stop() };
  try {
    const engine = await TinkerEngine.open(model, { ...options, ...own });
    return { engine, held: () => heldBy(started) };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

async function heldBy({ url, env }: Worker): Promise<{ host: number; device: number | null }> {
  const headers = { 'X-API-Key': env.EALIGN_TINKER_API_KEY ?? '' };
  const answer = await fetch(`${url}/api/v1/ealign/memory`, { headers });
  return (await answer.json()) as { host: number; device: number | null };
}

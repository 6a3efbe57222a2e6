/** The live version in a thread of its own, so that it delays no other work of the server. */
import { startThread } from '../open/thread/start.js';
import type { LiveModel } from './live-model.js';
import type { AboutLive, LiveTask } from './live-thread.js';

export interface ThreadedLive extends LiveModel {
  /** Resolves if the thread ends by itself. */
  readonly died: Promise<Error>;
}

const program = new URL('./live-thread.js', import.meta.url);

/** @throws UserError when the model, the adapter or the live version cannot be used */
export async function openThreadedLive(task: LiveTask): Promise<ThreadedLive> {
  const { thread, about, died, close } = await startThread<AboutLive>(program, task);
  const { id, baseId, baseHash, specialTokens, layers } = about;
  let { version } = about;
  return {
    ...thread.model('model', id, layers),
    base: thread.model('base', baseId, layers),
    ...{ baseHash, specialTokens },
    get version() {
      return version;
    },
    async refresh() {
      const former = version;
      version = await thread.call<number>('refresh');
      return version !== former;
    },
    ...{ died, close },
  };
}

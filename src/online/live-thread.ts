/** The thread that holds the live version and its frozen copy; threaded-live.ts starts it. */
import { runThread } from '../open/thread/start.js';
import { openLive } from './live-model.js';
import type { OnlineSettings } from './settings.js';
import { OnlineStore } from './store.js';

export interface LiveTask {
  readonly name: string;
  readonly adapter?: string;
  /** 0: one per core. */
  readonly threads: number;
  readonly settings: OnlineSettings;
}

export interface AboutLive {
  readonly id: string;
  readonly baseId: string;
  readonly baseHash: string;
  readonly specialTokens: readonly string[];
  readonly version: number;
  /** Layers whose states can be read; absent: none. */
  readonly layers?: number;
}

await runThread(async (task: LiveTask) => {
  const store = new OnlineStore(task.settings.folder);
  const live = await openLive({ ...task, store });
  const { id, base, baseHash, specialTokens, version, hidden } = live;
  const about: AboutLive = {
    ...{ id, baseId: base.id, baseHash, specialTokens, version },
    ...(hidden ? { layers: hidden.layers } : {}),
  };
  return {
    about,
    models: { model: live, base },
    calls: {
      async refresh() {
        await live.refresh();
        return live.version;
      },
    },
    async close() {
      await live.close();
      store.close();
    },
  };
});

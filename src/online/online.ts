/**
 * Online learning: the adversarial-prompting setting of the method (arXiv:2606.19527). The server stores
 * its answers, a second process learns from them, and new calls get the live version.
 */
import { claimFolder } from '../files/claim.js';
import { makeFolder } from '../files/files.js';
import { resolveModel } from '../hub/pull.js';
import { callerAddress, proxyList } from './addresses.js';
import { collect, type Said } from './collector.js';
import { type HostHooks, startLearner } from './learner-host.js';
import type { OnlineSettings } from './settings.js';
import type { RecordStatus } from './statuses.js';
import { OnlineStore } from './store.js';
import { openThreadedLive, type ThreadedLive } from './threaded-live.js';

export interface OnlineOptions {
  readonly model: string;
  readonly adapter?: string;
  readonly threads: number;
  readonly settings: OnlineSettings;
  readonly hooks: HostHooks;
}

/** What a request says about its origin. */
export interface Origin {
  /** The other end of the connection. */
  readonly connection: string | undefined;
  /** The header `x-forwarded-for`. */
  readonly forwarded: string | undefined;
}

export interface Online {
  readonly model: ThreadedLive;
  /** Stores an answer; it is on disk when this returns. */
  collect(said: Omit<Said, 'address'> & Origin): void;
  /** Values for metrics. Each getter throws on its own if its value cannot be read. */
  readonly state: OnlineState;
  stop(): Promise<void>;
}

export interface OnlineState {
  readonly version: number;
  readonly learning: boolean;
  readonly records: Partial<Record<RecordStatus, number>>;
}

const pollMs = 500;

/** @throws UserError when the folder is in use, or something that is named cannot be used */
export async function startOnline({
  model: name,
  adapter,
  threads,
  settings,
  hooks,
}: OnlineOptions): Promise<Online> {
  makeFolder(settings.folder);
  claimFolder(settings.folder);
  const proxies = proxyList(settings.trusted_proxies);
  const store = new OnlineStore(settings.folder);
  await resolveModel(name);
  const live = await openThreadedLive({
    ...{ name, threads, settings },
    ...(adapter === undefined ? {} : { adapter }),
  });
  const learner = await startLearner({ model: name, threads, settings }, hooks).catch(async (error) => {
    await live.close();
    store.close();
    throw error;
  });
  let refreshing: Promise<void> = Promise.resolve();
  let unread: string | undefined;
  const refresh = async () => {
    try {
      if (await live.refresh()) hooks.onEvent('serving another version', { version: live.version });
      unread = undefined;
    } catch (error) {
      const reason = (error as Error).message;
      // log it once, not on every poll
      if (reason !== unread)
        hooks.onEvent('the live version cannot be read; the former one is served', { reason });
      unread = reason;
    }
  };
  const timer = setInterval(() => {
    refreshing = refreshing.then(refresh);
  }, pollMs);
  return {
    model: live,
    collect({ connection, forwarded, ...said }) {
      const address = callerAddress(connection, forwarded, proxies);
      collect(store, { ...said, ...(address === undefined ? {} : { address }) });
    },
    state: {
      get version() {
        return live.version;
      },
      get learning() {
        return store.learning && !store.pinned;
      },
      get records() {
        return store.counts();
      },
    },
    async stop() {
      clearInterval(timer);
      await refreshing;
      await learner.stop();
      await live.close();
      store.close();
    },
  };
}

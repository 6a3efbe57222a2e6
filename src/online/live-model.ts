/** The model as it is served while it learns: its live version, whichever that is. */
import { openWeights } from '../engine/capabilities.js';
import { resolveModel } from '../hub/pull.js';
import { loadModel } from '../model/weights.js';
import { openEngine } from '../open/engine.js';
import type { WithFrozenCopy } from '../zero-shot/own-conscience.js';
import type { OnlineSettings } from './settings.js';
import type { OnlineStore } from './store.js';
import { beginVersions, openVersion, readVersion } from './versions.js';

export interface LiveModel extends WithFrozenCopy {
  /** The version that new calls get. */
  readonly version: number;
  /** Takes up the store's live version. @returns whether it is another one */
  refresh(): Promise<boolean>;
  close(): Promise<void>;
}

export interface LiveModelOptions {
  readonly name: string;
  readonly adapter?: string;
  /** 0: one per core. */
  readonly threads: number;
  readonly settings: OnlineSettings;
  readonly store: OnlineStore;
}

/** @throws UserError when the model, the adapter or the live version cannot be used */
export async function openLive({
  name,
  adapter,
  threads,
  settings,
  store,
}: LiveModelOptions): Promise<LiveModel> {
  const source = await loadModel(await resolveModel(name));
  await beginVersions(store, {
    ...{ model: source, name, lora: settings.lora },
    ...(adapter === undefined ? {} : { adapter }),
  });
  let version = store.live!;
  const { adapter: live, model } = await openVersion(store, version, source);
  const { config } = model;
  const engine = await openEngine({
    ...{ model, threads, lora: live.config, adapter: live.tensors, baseTokenizer: source.tokenizer },
  });
  return {
    ...engine.model('start'),
    id: name,
    base: engine.model('base'),
    baseHash: source.hash,
    specialTokens: engine.specialTokens,
    get version() {
      return version;
    },
    async refresh() {
      const wanted = store.live!;
      if (wanted === version) return false;
      await openWeights(engine).replace('start', (await readVersion(store, wanted, config)).tensors);
      version = wanted;
      return true;
    },
    close: () => engine.close(),
  };
}

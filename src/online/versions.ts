/** Versions of the adapter: folders in PEFT's format under `versions/`, numbered from 0. */
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import { removeFolder } from '../files/files.js';
import { type Adapter, readAdapter, writeAdapter } from '../model/adapter-files.js';
import type { ModelConfig } from '../model/config.js';
import { initLora } from '../model/lora.js';
import type { LoraConfig } from '../model/lora-modules.js';
import type { Model, Weights } from '../model/model.js';
import { type OpenAdapter, openAdapter } from '../model/open-adapter.js';
import { targetsFor } from '../train/trained-lora.js';
import type { OnlineStore } from './store.js';

export function versionFolder(store: OnlineStore, id: number): string {
  return join(store.folder, 'versions', String(id).padStart(4, '0'));
}

export async function readVersion(store: OnlineStore, id: number, model: ModelConfig): Promise<Adapter> {
  return readAdapter(versionFolder(store, id), model);
}

/** A version, and the model with its tokenizer. */
export async function openVersion(store: OnlineStore, id: number, base: Model): Promise<OpenAdapter<Model>> {
  // warnings were given when the first version was made
  return openAdapter(versionFolder(store, id), base, { onWarning: () => {} });
}

/** Writes a version; replaces what a kill left of an unregistered one. */
export function writeVersion(
  store: OnlineStore,
  id: number,
  adapter: Omit<Adapter, 'tensors'> & { readonly tensors: Weights },
): void {
  const folder = versionFolder(store, id);
  removeFolder(folder);
  writeAdapter(folder, adapter, { checksums: true });
}

export interface FirstVersion {
  readonly model: Model;
  /** Name of the model, for the adapter's file. */
  readonly name: string;
  /** Folder of the adapter to start with; absent: a new adapter, which changes nothing yet. */
  readonly adapter?: string;
  /** Configuration of a new adapter. */
  readonly lora: LoraConfig;
}

/**
 * Makes version 0 if there is none.
 *
 * @throws ConfigError when the state began with another adapter
 */
export async function beginVersions(store: OnlineStore, first: FirstVersion): Promise<void> {
  const { model, name, adapter, lora } = first;
  const [start] = store.versions();
  if (start) {
    const { began } = start.report as { began: string | null };
    if (adapter === undefined || adapter === began) return;
    throw new ConfigError({
      where: '--adapter',
      what: `the state in ${store.folder} began with ${began ?? 'a new adapter'}`,
      got: adapter,
      next: 'leave --adapter out to continue, or choose another folder',
    });
  }
  const began = adapter === undefined ? undefined : (await openAdapter(adapter, model, { name })).adapter;
  const own = { ...lora, targets: targetsFor(lora.targets, model.config) };
  writeVersion(store, 0, {
    tensors: initLora(model.config, own, 0),
    ...began,
    config: { ...(began?.config ?? own), baseModel: name, baseHash: model.hash },
  });
  const report = { began: adapter ?? null };
  store.addVersion({ id: 0, parent: null, verdict: 'start', report, pairs: 0 }, []);
}

/** The program of a thread with one model and its frozen copy; open.ts starts it. */
import { type OpenOptions, openModel } from '../model.js';
import { runThread } from './start.js';

export interface ModelTask extends OpenOptions {
  readonly name: string;
}

export interface AboutModel {
  readonly name: string;
  readonly id: string;
  readonly baseId: string;
  readonly hash: string;
  readonly baseHash: string;
  readonly specialTokens: readonly string[];
  /** Longest sequence, in tokens. */
  readonly maxLength: number;
  /** Layers whose states can be read; absent: none. */
  readonly layers?: number;
}

await runThread(async ({ name, ...options }: ModelTask) => {
  const model = await openModel(name, options);
  const { id, base, hash, baseHash, specialTokens, maxLength } = model;
  const about: AboutModel = {
    ...{ name: model.name, id, baseId: base.id },
    ...{ hash, baseHash, specialTokens, maxLength },
    ...(model.hidden ? { layers: model.hidden.layers } : {}),
  };
  return { about, models: { model, base }, calls: {}, close: () => model.close() };
});

/** A model that runs in a thread of its own: nothing that it does keeps the caller's thread from its work. */

import type { LanguageModel } from '../../engine/language-model.js';
import { resolveModel } from '../../hub/pull.js';
import type { OpenOptions } from '../model.js';
import type { AboutModel, ModelTask } from './model-thread.js';
import { startThread } from './start.js';

export interface ThreadedModel extends LanguageModel {
  /** The model's name, with the adapter's where there is one. */
  readonly name: string;
  /** The same model without the adapter. */
  readonly base: LanguageModel;
  /** SHA-256 of the weights, with the adapter's and without. */
  readonly hash: string;
  readonly baseHash: string;
  readonly specialTokens: readonly string[];
  /** Resolves when the thread has ended by itself; nothing is answered any more then. */
  readonly died: Promise<Error>;
  close(): Promise<void>;
}

const program = new URL('./model-thread.js', import.meta.url);

/**
 * @param name folder, .gguf file, alias or Hugging Face id; what is not here yet is fetched
 * @throws UserError when there is no such model, or it or the adapter cannot be used
 */
export async function openThreaded(name: string, options: OpenOptions = {}): Promise<ThreadedModel> {
  await resolveModel(name);
  const task: ModelTask = { name, ...options };
  const { thread, about, died, close } = await startThread<AboutModel>(program, task);
  const { id, baseId, name: named, hash, baseHash, specialTokens, layers } = about;
  const base = thread.model('base', baseId, layers);
  return {
    ...thread.model('model', id, layers),
    name: named,
    base,
    hash,
    baseHash,
    specialTokens,
    died,
    close,
  };
}

/** Models whose weights are quantised, with their stores in this user's cache. */
import { join } from 'node:path';
import { SaveError } from '../errors.js';
import { hubSettings } from '../hub/settings.js';
import { openQuantised, type QuantisedModel } from '../model/quantised-model.js';

/**
 * A model whose weights are quantised, or are to be; undefined where they are not.
 *
 * @throws UserError when it cannot be opened, or the cache cannot be written
 */
export async function quantisedAt(path: string, quantise?: 'q8' | 'q4'): Promise<QuantisedModel | undefined> {
  const cache = join(hubSettings().ownCache, 'quantised');
  try {
    return await openQuantised(path, { cache, ...(quantise ? { quantise } : {}) });
  } catch (error) {
    if (!(error instanceof SaveError)) throw error;
    const next = 'set XDG_CACHE_HOME to a folder with room, or use --quantize none';
    throw new SaveError({ ...error.parts, next }, { cause: error });
  }
}

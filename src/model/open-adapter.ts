/** An adapter opened onto a model: its factors, its tokenizer, and what a person should know of the two. */
import { otherBase } from './adapter-base.js';
import { type Adapter, readAdapter } from './adapter-files.js';
import { withTokenizerOf } from './adapter-tokenizer.js';
import { knownConfig } from './config.js';
import type { NamedModel } from './model.js';

export interface OpenAdapter<M extends NamedModel> {
  readonly adapter: Adapter;
  /** The model with the adapter's tokenizer and chat template, where it has its own. */
  readonly model: M;
}

/**
 * @param name    that the model was opened by
 * @param onWarning told in a sentence what is amiss and yet no error, e.g. that it is another model's adapter
 * @throws ModelError as `readAdapter` and `withTokenizerOf`
 */
export async function openAdapter<M extends NamedModel>(
  folder: string,
  base: M,
  { name = base.path, onWarning = warn }: { name?: string; onWarning?: (line: string) => void } = {},
): Promise<OpenAdapter<M>> {
  const adapter = await readAdapter(folder, knownConfig(base.config, base.path));
  const { model, warnings } = withTokenizerOf(folder, base);
  const other = otherBase(folder, adapter.config, base, name);
  for (const line of [...(adapter.warnings ?? []), ...warnings, ...(other ? [other] : [])]) onWarning(line);
  return { adapter, model };
}

/** Where nobody listens, people read standard error. */
function warn(line: string): void {
  console.warn(`Warning: ${line}`);
}

/**
 * The resolved configuration as YAML, as it is written beside the outputs.
 *
 * Loading the text again gives the same configuration, which is how `--resume` finds it.
 */
import { stringify } from 'yaml';
import type { TrainConfig } from './schema.js';

/** Name of the file in the output folder. */
export const CONFIG_FILE = 'config.yaml';

/**
 * @param notes lines of provenance for the comment at the top, e.g. `{ model_sha256: '…' }`
 * @returns YAML text, ending with a newline
 */
export function renderConfig(config: TrainConfig, notes: Readonly<Record<string, string>> = {}): string {
  const comment = Object.entries(notes).map(([name, value]) => `# ${name}: ${value.replace(/\s+/g, ' ')}\n`);
  const set = Object.entries(config).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
  return comment.join('') + stringify(Object.fromEntries(set), { lineWidth: 0 });
}

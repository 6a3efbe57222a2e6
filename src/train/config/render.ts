/**
 * The resolved configuration as YAML, as it is written beside the outputs.
 *
 * Loading the text again gives the same configuration, which is how `--resume` finds it.
 */
import { Document } from 'yaml';
import { configKeys, valueAt } from './keys.js';
import type { TrainConfig } from './schema.js';

/** Name of the file in the output folder. */
export const CONFIG_FILE = 'config.yaml';

/** Name of the note that tells a run's configuration from one that a person wrote: the base model's hash. */
export const MODEL_NOTE = 'model_sha256';

/** Name of the note that tells how many steps the run has, also where the configuration counts epochs. */
export const STEPS_NOTE = 'total_steps';

/**
 * @param notes lines of provenance for the comment at the top, e.g. `{ model_sha256: '…' }`, which a run has first
 * @returns YAML text in the order of the schema, ending with a newline
 */
export function renderConfig(config: TrainConfig, notes: Readonly<Record<string, string>> = {}): string {
  // Texts that YAML 1.1 would take for something else (yes, no) are quoted for readers in other languages.
  const document = new Document({}, { compat: 'yaml-1.1' });
  for (const { path } of configKeys) {
    const parts = path.split('.');
    const value = valueAt(config, parts);
    const unset = value === undefined || (Array.isArray(value) && value.length === 0);
    if (!unset) document.setIn(parts, document.createNode(value));
  }
  const comment = Object.entries(notes).map(([name, value]) => `# ${name}: ${value.replace(/\s+/g, ' ')}\n`);
  return comment.join('') + document.toString({ lineWidth: 0 });
}

/** Whether a run has written this configuration beside its outputs. */
export function isRunConfig(text: string): boolean {
  return text.startsWith(`# ${MODEL_NOTE}: `);
}

/** The steps of a run by the notes of its configuration; null where they do not tell. */
export function notedSteps(text: string): number | null {
  const [, steps] = new RegExp(`^# ${STEPS_NOTE}: (\\d+)$`, 'm').exec(text) ?? [];
  return steps === undefined ? null : Number(steps);
}

/**
 * What `ealign init` has been told, and the configuration that it becomes.
 *
 * Asking is questions.ts's business. What is written passes the schema of `ealign train` first.
 */
import { Document } from 'yaml';
import { type SourceLike, sourceOf } from '../../data/source.js';
import { parseConfig } from '../../train/config/load.js';

/** What is trained, as `--setting` names it. */
export const SETTINGS = ['lora', 'full', 'scratch'] as const;
export type Setting = (typeof SETTINGS)[number];

/** What trains. */
export const ENGINES = ['onnx', 'torch', 'tinker'] as const;
export type EngineName = (typeof ENGINES)[number];

/** The answers to the five questions. */
export interface Answers {
  readonly setting: Setting;
  /** Folder, .gguf file, alias or Hugging Face id. */
  readonly model: string;
  /** One source at least. */
  readonly data: readonly SourceLike[];
  readonly engine: EngineName;
  /** Address of the server, with the engine `tinker`. */
  readonly url?: string;
  /** Folder of the run. */
  readonly output: string;
}

/** Training from scratch as it was measured on pinocchio (docs/findings.md, 6). */
const FROM_SCRATCH = { steps: 1500, renew_every: 200, first: 1200 };

/** Said beside a key. */
const COMMENTS: readonly (readonly [path: readonly string[], says: string])[] = [
  [['training', 'epochs'], ' passes over the rows'],
  [['training', 'steps'], ' optimiser steps; as measured on pinocchio, to be set for your data'],
  [['conscience', 'every'], ' steps from one review to the next'],
  [['conscience', 'renew_every'], ' steps after which the frozen copy is taken again'],
  [['conscience', 'first'], ' step of the first review: when the model can speak'],
  [['loss', 'lambda'], ' weight of the preference loss in L_SFT + λ·L_DPO'],
];

/**
 * The configuration as YAML.
 *
 * @param file name of the file that it is for, as errors say it
 * @returns text that ends with a newline
 * @throws ConfigError where `ealign train` would not take it
 */
export function configurationOf(answers: Answers, file: string): string {
  const { setting, model, data, engine, url, output } = answers;
  const scratch = setting === 'scratch';
  const document = new Document(
    {
      model,
      data: data.length === 1 ? data[0] : data,
      output,
      setting: scratch ? 'full' : setting,
      ...(scratch ? { init: 'random' } : {}),
      engine,
      ...(url === undefined ? {} : { url }),
      training: scratch ? { steps: FROM_SCRATCH.steps } : { epochs: 1 },
      loss: { lambda: 0.1 },
      conscience: {
        enabled: true,
        every: 5,
        ...(scratch ? { renew_every: FROM_SCRATCH.renew_every, first: FROM_SCRATCH.first } : {}),
      },
    },
    { compat: 'yaml-1.1' },
  );
  for (const [path, says] of COMMENTS) {
    const node = document.getIn(path, true);
    if (node !== undefined) (node as { comment: string }).comment = says;
  }
  const text = `# Written by \`ealign init\`. Every key and its default: ealign train --help\n${document.toString({ lineWidth: 0 })}`;
  parseConfig(text, file);
  return text;
}

/** The folder that is proposed for a run: named as the first source. */
export function proposedOutput(data: readonly SourceLike[]): string {
  const { path } = sourceOf(data[0]);
  const name = path
    .replace(/#.*$/, '')
    .replace(/[/\\]+$/, '')
    .replace(/^.*[/\\]/, '')
    .replace(/(\.(jsonl?|csv|tsv|parquet|arrow|gz|zst|txt))+$/i, '');
  return `runs/${name || 'mine'}`;
}

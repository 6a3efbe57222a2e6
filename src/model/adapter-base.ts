/**
 * Whether an adapter goes onto the model that it was trained on.
 *
 * Adapters of our own carry the SHA-256 of their base. Others name it, as a path on the machine where
 * they were trained or as a hub id: the last part of the name is compared, without what tells file
 * formats and quantisations apart. Shapes are checked elsewhere; two models may have the same.
 */
import { join } from 'node:path';
import { readJson } from '../files/json-file.js';
import type { AdapterConfig } from './adapter-config.js';
import type { NamedModel } from './model.js';

/**
 * @param name that the model was opened by
 * @returns a sentence when the adapter is another model's; undefined when it is this one's, or says nothing
 */
export function otherBase(
  folder: string,
  { baseModel, baseHash }: AdapterConfig,
  { path, hash }: NamedModel,
  name: string,
): string | undefined {
  if (baseHash !== undefined && (baseHash === hash || hash === '')) return undefined;
  if (baseModel === undefined) return undefined;
  const opened = [name, path, nameInConfig(path)].filter((one) => one !== undefined);
  const last = lastPart(baseModel);
  if (opened.every((one) => plain(lastPart(one)) !== plain(last))) {
    return `${folder}: the adapter was trained on ${baseModel}, and the model is ${name}`;
  }
  if (baseHash !== undefined && opened.some((one) => lastPart(one) === last)) {
    return `${folder}: the adapter was trained on other weights of ${baseModel} than those of ${path}`;
  }
  return undefined;
}

/** Where a model was loaded from, which transformers notes when it saves it again. */
function nameInConfig(path: string): string | undefined {
  if (path.endsWith('.gguf')) return undefined;
  const { _name_or_path: name } = readJson(join(path, 'config.json')) ?? {};
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** `Name` of `owner/Name`, of a path, and of a folder in the Hub's cache. */
function lastPart(name: string): string {
  const parts = name.split(/[\\/]+/).filter((part) => part !== '' && part !== '.');
  const cached = parts.findLast((part) => part.startsWith('models--'));
  return (cached?.split('--').at(-1) ?? parts.at(-1) ?? '').toLowerCase();
}

/** What a file's name says beyond the model's: its format, its quantisation, its part. */
const additions =
  /[-_.]?(gguf|ggml|hf|mlx|\d{5}-of-\d{5}|i?q\d[a-z0-9_]*|[bf]?f(p)?(16|32)|fp8|mxfp4|awq|gptq|int[48]|[48]-?bit|bnb|unsloth|dynamic|imatrix)$/;

function plain(last: string): string {
  let name = last;
  for (let next = name.replace(additions, ''); next !== name && next !== ''; ) {
    name = next;
    next = name.replace(additions, '');
  }
  return name.replace(/[^a-z0-9]/g, '');
}

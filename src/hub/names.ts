/**
 * The names by which models are asked for.
 *
 * `pinocchio` and `pinocchio-large` are inside this package; short names stand for repositories of the Hugging
 * Face Hub; anything else is `owner/name`, or `owner/name/file.gguf` for one file of it.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DownloadError } from '../errors.js';

/** Short names of models that are known to fit. */
const aliases: Readonly<Record<string, string>> = {
  'smollm2-135m': 'HuggingFaceTB/SmolLM2-135M',
  'smollm2-135m-instruct': 'HuggingFaceTB/SmolLM2-135M-Instruct',
  'smollm2-360m-instruct': 'HuggingFaceTB/SmolLM2-360M-Instruct',
  'smollm2-1.7b-instruct': 'HuggingFaceTB/SmolLM2-1.7B-Instruct',
  'qwen2.5-0.5b-instruct': 'Qwen/Qwen2.5-0.5B-Instruct',
  'qwen2.5-1.5b-instruct': 'Qwen/Qwen2.5-1.5B-Instruct',
  'qwen2.5-coder-0.5b-instruct': 'Qwen/Qwen2.5-Coder-0.5B-Instruct',
  'qwen2.5-coder-1.5b-instruct': 'Qwen/Qwen2.5-Coder-1.5B-Instruct',
  'qwen3-0.6b': 'Qwen/Qwen3-0.6B',
  'qwen3-1.7b': 'Qwen/Qwen3-1.7B',
  'qwen3-4b': 'Qwen/Qwen3-4B',
  'llama-3.2-1b-instruct': 'meta-llama/Llama-3.2-1B-Instruct',
  'tinyllama-1.1b-chat': 'TinyLlama/TinyLlama-1.1B-Chat-v1.0',
};

/** The model that the adapters inside this package are of. */
export const ATTACKED = 'qwen2.5-coder-0.5b-instruct';

const inPackage = (name: string) => fileURLToPath(new URL(`../../models/${name}`, import.meta.url));

/** The model that `chat`, `serve` and `eval` take where none is named: the one that needs no download. */
export const DEFAULT_MODEL = 'pinocchio';

/** Folder of the embedded model. */
export const pinocchio = inPackage('pinocchio');

/** Folders of all embedded models, by name. */
export const embedded: ReadonlyMap<string, string> = new Map([
  ['pinocchio', pinocchio],
  ['pinocchio-large', inPackage('pinocchio-large')],
]);

/**
 * The adapters inside this package that are a model's, with what each has become.
 *
 * @param name short name or Hub id; of paths nothing is known
 */
export function shippedAdapters(name: string): { readonly title: string; readonly adapter: string }[] {
  if (parseName(name)?.repo !== aliases[ATTACKED]) return [];
  return ['attacked', 'with conscience'].map((title) => ({
    title,
    adapter: inPackage(`${ATTACKED}/${title.replaceAll(' ', '-')}`),
  }));
}

/** A repository of the hub, or one GGUF file in it. */
export interface HubName {
  readonly repo: string;
  /** Path inside the repository. */
  readonly file?: string;
}

/** Reads a model's name; undefined when it cannot be one. */
export function parseName(name: string): HubName | undefined {
  const full = aliases[name.toLowerCase()] ?? name;
  const part = '[A-Za-z0-9_][A-Za-z0-9._-]*';
  const match = new RegExp(`^(${part}/${part})(?:/((?:${part}/)*${part}\\.gguf))?$`).exec(full);
  if (match === null || full.includes('..') || full.includes('--')) return undefined;
  return match[2] === undefined ? { repo: match[1] } : { repo: match[1], file: match[2] };
}

/**
 * The Hub id of a model: of the repository that a name or a folder of the Hub's cache stands for.
 *
 * @param name as it was asked for
 * @param path where it lies on this machine
 * @returns    undefined for embedded models, and for folders and files that say no id
 */
export function hubId(name: string, path: string): string | undefined {
  if (embedded.has(name)) return undefined;
  const cached = /(?:^|[\\/])models--([^\\/]+?)--([^\\/]+)[\\/]/.exec(path);
  if (cached) return `${cached[1]}/${cached[2]}`;
  return existsSync(name) ? undefined : parseName(name)?.repo;
}

/** The error for what is neither a path nor a name. */
export function unknownName(name: string): DownloadError {
  return new DownloadError({
    where: name,
    what: 'no such model',
    expected: `a folder, a .gguf file, owner/name on the Hugging Face Hub, ${[...embedded.keys()].join(', ')}, ${Object.keys(aliases).join(', ')}`,
  });
}

/**
 * What is exported: a model, or a model with an adapter on it, by whatever a person names it.
 *
 * A run's output folder, one of its checkpoints, an adapter folder, a model folder, a .gguf file, an alias or a Hub id.
 * An adapter brings its base: that of its run's configuration, else the one that its own configuration names.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { ConfigError, ModelError } from '../errors.js';
import { readJson } from '../files/json-file.js';
import { hubId } from '../hub/names.js';
import { resolveModel } from '../hub/pull.js';
import type { Adapter } from '../model/adapter-files.js';
import { openAdapter } from '../model/open-adapter.js';
import { CHECKPOINT_NAME, unfinished } from '../model/unfinished-run.js';
import { openWeightSource, type WeightSource } from '../model/weight-source.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { CONFIG_FILE } from '../train/config/render.js';

/** A model that is open for export; `source.close()` ends it. */
export interface ExportedModel {
  /** For file names and cards. */
  readonly name: string;
  readonly source: WeightSource;
  readonly adapter?: Adapter;
  /** The adapter's folder. */
  readonly adapterFolder?: string;
  /** The adapter's tokenizer, else the model's. */
  readonly tokenizer: ChatTokenizer;
  /** What of the tokenizer is not the model's own. */
  readonly ownTokenizer: 'none' | 'template' | 'all';
  /** What the model is called without the adapter: its Hub id where it has one. */
  readonly baseName: string;
  /** Whether `baseName` is a Hub id. */
  readonly onHub: boolean;
}

export interface SourceOptions {
  /** Adapter on top of a model. */
  readonly adapter?: string;
  /** The adapter's base, instead of the one that it names. */
  readonly base?: string;
  /** Told in a sentence what is amiss without being an error. */
  readonly onWarning: (line: string) => void;
}

/** @throws UserError when there is no such model, or it or the adapter cannot be used */
export async function openExported(given: string, options: SourceOptions): Promise<ExportedModel> {
  const { adapter: onTop, base, onWarning } = options;
  const isAdapter = existsSync(join(given, 'adapter_config.json'));
  if (isAdapter && onTop !== undefined) {
    const what = 'is an adapter itself, and takes none on top';
    throw new ConfigError({ where: given, what, next: 'name the model, and one adapter' });
  }
  if (!isAdapter && base !== undefined) {
    const what = 'only an adapter has a base';
    throw new ConfigError({ where: '--base', what, got: given, next: 'leave --base out' });
  }
  if (!isAdapter && !existsSync(join(given, 'config.json'))) {
    const run = unfinished(given, 'a model, an adapter or a finished run');
    if (run) throw new ModelError({ where: given, ...run });
  }
  const adapterFolder = isAdapter ? given : onTop;
  const model = isAdapter ? baseOf(given, base) : given;
  const path = await found(model, isAdapter ? given : undefined);
  const source = await openWeightSource(path);
  try {
    const id = idOf(model, source);
    const opened = adapterFolder
      ? await openAdapter(adapterFolder, source, { name: model, onWarning })
      : { adapter: undefined, model: source };
    const { tokenizer } = opened.model;
    return {
      name: nameOf(adapterFolder ?? given),
      ...{ source, tokenizer, ownTokenizer: difference(source.tokenizer, tokenizer) },
      ...(opened.adapter && adapterFolder ? { adapter: opened.adapter, adapterFolder } : {}),
      ...{ baseName: id ?? nameOf(model), onHub: id !== undefined },
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** What an adapter was trained on, as it says itself. */
function baseOf(folder: string, given: string | undefined): string {
  if (given !== undefined) return given;
  const run = CHECKPOINT_NAME.test(basename(resolve(folder))) ? dirname(resolve(folder)) : folder;
  const saved = join(run, CONFIG_FILE);
  const named = existsSync(saved)
    ? (parse(readFileSync(saved, 'utf8')) as { model?: unknown } | null)?.model
    : readJson(join(folder, 'adapter_config.json'))?.base_model_name_or_path;
  if (typeof named === 'string' && named !== '') return named;
  throw new ModelError({
    where: folder,
    what: 'the adapter does not say which model it was trained on',
    next: 'name the model with --base',
  });
}

async function found(model: string, adapter: string | undefined): Promise<string> {
  try {
    return await resolveModel(model);
  } catch (error) {
    if (adapter === undefined || !(error instanceof Error)) throw error;
    throw new ModelError(
      {
        where: adapter,
        what: `its base is not here: ${error.message.replace(/\.$/, '')}`,
        next: 'or name the folder or file with --base',
      },
      { cause: error },
    );
  }
}

function difference(base: ChatTokenizer, own: ChatTokenizer): ExportedModel['ownTokenizer'] {
  if (base === own) return 'none';
  const [a, b] = [base, own].map((each) => each.files?.().get('tokenizer.json'));
  return a === b ? 'template' : 'all';
}

/** A model's Hub id: by its name or place, or by what a GGUF file says of itself. */
function idOf(name: string, { path, gguf }: WeightSource): string | undefined {
  const known = hubId(name, path);
  if (known !== undefined || gguf === undefined) return known;
  const { metadata } = gguf.parsed;
  const urls = [metadata['general.base_model.0.repo_url'], metadata['general.source.repo_url']];
  return urls.flatMap((url) => {
    const match = typeof url === 'string' && /^https:\/\/huggingface\.co\/([^/]+\/[^/]+)\/?$/.exec(url);
    return match ? [match[1]] : [];
  })[0];
}

/** `x` of `runs/x`, `models/x.gguf` and `owner/x`; `x-20` of `runs/x/checkpoint-20`. */
function nameOf(given: string): string {
  const step = CHECKPOINT_NAME.exec(basename(resolve(given)))?.[1];
  if (step !== undefined) return `${basename(dirname(resolve(given)))}-${step}`;
  return basename(existsSync(given) ? resolve(given) : given).replace(/\.gguf$/, '');
}

/**
 * A model, or a model with an adapter, written for other programs: safetensors, GGUF, LoRA as GGUF, an Ollama folder.
 *
 * The weights are read and written some rows at a time. What is written takes its name when all of it is on the disk.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FORMAT_FILE } from '../conscience/plain-format.js';
import { PROBES_FILE } from '../conscience/probes.js';
import { ConfigError } from '../errors.js';
import { fillFolderAtomic, makeFolder, streamFileAtomic, writeFileAtomic } from '../files/files.js';
import { type Progress, silent } from '../metrics/progress.js';
import type { Dtype } from '../model/floats.js';
import type { WritableFormat } from '../model/gguf-quantise.js';
import { ggufPieces, ggufSize } from '../model/gguf-write.js';
import { configText, eosJson } from '../model/hf-config.js';
import { aboutGguf, exportCard } from './card.js';
import { type ExportFormat, type ExportType, exportTypes } from './formats.js';
import { type GgufFile, ggufFile } from './gguf.js';
import { ggufLora } from './gguf-lora.js';
import { modelfile } from './modelfile.js';
import { mainDtype, safetensorsContent } from './safetensors.js';
import { type ExportedModel, openExported } from './source.js';
import { exportedTensors } from './tensors.js';

export interface ExportOptions {
  readonly format: ExportFormat;
  /** PEFT adapter on top of a model. */
  readonly adapter?: string;
  /** The base of an adapter, instead of the one that it names. */
  readonly base?: string;
  /** Number format of matrices. Default: that of the source; 16 bits in GGUF made from a folder. */
  readonly quantize?: ExportType;
  /** File or folder to write; must not exist. Default: in the current folder, by the model's name. */
  readonly output?: string;
  readonly progress?: Progress;
  /** Stops the export; nothing is left of it then. */
  readonly signal?: AbortSignal;
}

/**
 * Exports a model.
 *
 * @param given a run's output folder, a checkpoint, an adapter folder, a model folder, a .gguf file, an alias or a Hub id
 * @returns     the file or folder that was written
 * @throws UserError when the model cannot be used or the format cannot hold it; SaveError when the disk refuses
 */
export async function exportModel(given: string, options: ExportOptions): Promise<string> {
  const { adapter, base, format, progress = silent } = options;
  requireType(options);
  const onWarning = (line: string) => progress.note(`Warning: ${line}`);
  const model = await openExported(given, { adapter, base, onWarning });
  try {
    const output = options.output ?? defaultName(model, options);
    requireFree(output, format, model);
    if (options.quantize === 'q4_k_m') requireUntouched(model);
    const written = await writers[format]({ model, output, options, progress });
    progress.done(`${written} is written.`);
    return output;
  } finally {
    model.source.close();
  }
}

interface Work {
  readonly model: ExportedModel;
  readonly output: string;
  readonly options: ExportOptions;
  readonly progress: Progress;
}

const writers: Readonly<Record<ExportFormat, (work: Work) => Promise<string>>> = {
  safetensors: async ({ model, output, options, progress }) => {
    const { source, adapter, tokenizer } = model;
    const tensors = exportedTensors(source, adapter);
    const asked = options.quantize?.toUpperCase() as Dtype | undefined;
    const { size, pieces } = safetensorsContent(tensors, asked, source.gguf !== undefined);
    const dtype = mainDtype(tensors, asked);
    const config = { ...source.config, eosTokenIds: tokenizer.eosIds };
    const use = python(
      `model = AutoModelForCausalLM.from_pretrained("${model.name}")`,
      'AutoModelForCausalLM, AutoTokenizer',
    );
    const card = { form: `Merged weights, ${dtype}`, library: 'transformers', use, notes: [] };
    const kept = [FORMAT_FILE, PROBES_FILE].filter((name) => existsSync(join(source.path, name)));
    const files = new Map<string, string>([
      ...(tokenizer.files?.() ?? []),
      ...kept.map((name) => [name, readFileSync(join(source.path, name), 'utf8')] as const),
      ['README.md', exportCard(model, card)],
      ['generation_config.json', `${JSON.stringify({ eos_token_id: eosJson(config) }, null, 2)}\n`],
      ['config.json', configText(config, dtype)],
    ]);
    await fillFolderAtomic(output, async (staging) => {
      await stream(join(staging, 'model.safetensors'), pieces(), size, options, progress);
      for (const [name, text] of files) writeFileAtomic(join(staging, name), text);
    });
    return output;
  },
  gguf: async ({ model, output, options, progress }) => {
    const file = ggufFile(model, formatOf(options), aboutOf(model));
    for (const line of file.notes) progress.note(line);
    const use = shell(`llama-cli -m ${model.name}.gguf -cnv`);
    const card = exportCard(model, { form: formOf(file), library: 'gguf', use, notes: file.notes });
    return withCard(output, file, card, options, progress);
  },
  'gguf-lora': async ({ model, output, options, progress }) => {
    const file = loraOf(model, options);
    const use = shell(`llama-cli -m BASE.gguf --lora ${model.name}.lora.gguf -cnv`);
    for (const line of file.notes) progress.note(line);
    const notes = [`It goes onto a GGUF file of ${model.baseName}.`, ...file.notes];
    const card = exportCard(model, { form: 'LoRA adapter as GGUF', library: 'gguf', use, notes });
    return withCard(output, file, card, options, progress);
  },
  modelfile: async ({ model, output, options, progress }) => {
    const [weights, lora] = parts(model, options);
    const { text, notes } = modelfile(model.tokenizer, {
      model: 'model.gguf',
      ...(lora ? { adapter: 'adapter.gguf' } : {}),
    });
    const all = [...weights.notes, ...notes];
    for (const line of all) progress.note(line);
    const use = shell(`ollama create ${model.name} -f Modelfile\nollama run ${model.name}`);
    const card = { form: `Ollama, ${formOf(weights)}`, library: 'gguf', use, notes: all };
    await fillFolderAtomic(output, async (staging) => {
      await streamGguf(join(staging, 'model.gguf'), weights, options, progress);
      if (lora) await streamGguf(join(staging, 'adapter.gguf'), lora, options, progress);
      writeFileAtomic(join(staging, 'Modelfile'), text);
      writeFileAtomic(join(staging, 'README.md'), exportCard(model, card));
    });
    return output;
  },
};

/** A model for Ollama: merged, or where its base is quantised and stays so, with the adapter beside it. */
function parts(model: ExportedModel, options: ExportOptions): [weights: GgufFile, lora?: GgufFile] {
  const asked = formatOf(options);
  const { adapter, source } = model;
  const quantised = source.gguf && [...source.tensors.values()].some(({ format }) => /^Q/.test(format));
  if (!adapter || !quantised || asked) return [ggufFile(model, asked, aboutOf(model))];
  const { adapter: _, ...alone } = model;
  return [ggufFile(alone, undefined, new Map()), loraOf(model, { ...options, quantize: undefined })];
}

function loraOf(model: ExportedModel, { quantize }: ExportOptions): GgufFile {
  const { adapter } = model;
  if (adapter) return ggufLora(model, adapter, quantize === 'f16' ? 'F16' : 'F32', aboutGguf(model));
  throw new ConfigError({
    where: '--format gguf-lora',
    what: `there is no adapter: ${model.name} is a whole model`,
    next: 'name an adapter or a run, or give one with --adapter',
  });
}

/** What is said of a model; a GGUF file that nothing changes says it already. */
const aboutOf = (model: ExportedModel) =>
  model.source.gguf && !model.adapter ? new Map() : aboutGguf(model);

const formatOf = ({ quantize }: ExportOptions): WritableFormat | undefined =>
  quantize === undefined || quantize === 'q4_k_m' ? undefined : (quantize.toUpperCase() as WritableFormat);

/** `GGUF, Q8_0`: the format of most matrices. */
function formOf({ tensors }: GgufFile): string {
  const counts = new Map<string, number>();
  for (const { format, shape } of tensors)
    if (shape.length === 2) counts.set(format, (counts.get(format) ?? 0) + 1);
  return `GGUF, ${[...counts].sort(([, a], [, b]) => b - a)[0][0]}`;
}

const allowed: Readonly<Record<ExportFormat, readonly ExportType[]>> = {
  safetensors: ['f32', 'f16', 'bf16'],
  gguf: exportTypes,
  'gguf-lora': ['f32', 'f16'],
  modelfile: exportTypes,
};

function requireType({ format, quantize }: ExportOptions): void {
  if (quantize === undefined || allowed[format].includes(quantize)) return;
  throw new ConfigError({
    where: '--quantize',
    what: `${format} is not written in ${quantize}`,
    expected: allowed[format].join(', '),
  });
}

/** K-quants are taken over, not made. @throws ConfigError when there is nothing to take over as it is */
function requireUntouched({ source, adapter }: ExportedModel): void {
  const formats = new Set([...source.tensors.values()].map(({ format }) => format));
  if (source.gguf && formats.has('Q4_K') && !adapter) return;
  const what =
    source.gguf && formats.has('Q4_K')
      ? 'the adapter changes tensors, which Q4_K cannot hold exactly'
      : 'Q4_K_M is taken over from a file that has it, and never made here';
  throw new ConfigError({
    where: '--quantize q4_k_m',
    what,
    next: adapter
      ? 'export with --quantize q8_0 or f16, or the adapter alone with --format gguf-lora'
      : 'export with --quantize q8_0 or f16; llama.cpp’s llama-quantize makes Q4_K_M of the f16 file',
  });
}

function defaultName({ name }: ExportedModel, { format, quantize }: ExportOptions): string {
  const type = quantize === undefined ? '' : `-${quantize}`;
  const endings = { safetensors: '-merged', gguf: '.gguf', 'gguf-lora': '.lora.gguf', modelfile: '-ollama' };
  const safe = name.replace(/[^\w.-]/g, '-');
  return format === 'gguf' && existsSync(`${safe}${type}.gguf`)
    ? `${safe}${type}-exported.gguf`
    : `${safe}${type}${endings[format]}`;
}

/** Path of the card beside a file. */
const cardPath = (output: string): string => `${output.replace(/\.gguf$/, '')}.README.md`;

/** @throws ConfigError when something of that name is there, or the name is no file's of this format */
function requireFree(output: string, format: ExportFormat, { source, adapterFolder }: ExportedModel): void {
  const file = format === 'gguf' || format === 'gguf-lora';
  if (file && !output.endsWith('.gguf')) {
    const next = `write it to ${output}.gguf`;
    throw new ConfigError({ where: '--output', what: 'a GGUF file ends in .gguf', got: output, next });
  }
  const taken = [output, ...(file ? [cardPath(output)] : [])].find((path) => existsSync(path));
  if (taken === undefined) return;
  const own = [source.path, ...(adapterFolder ? [adapterFolder] : [])].some(
    (path) => resolve(path) === resolve(taken),
  );
  throw new ConfigError({
    where: taken,
    what: own ? 'is what is exported, and cannot be written over' : 'exists already',
    next: own ? 'choose another --output' : 'delete it, or choose another --output',
  });
}

async function withCard(
  output: string,
  file: GgufFile,
  card: string,
  options: ExportOptions,
  progress: Progress,
): Promise<string> {
  makeFolder(dirname(resolve(output)));
  await streamGguf(output, file, options, progress);
  writeFileAtomic(cardPath(output), card);
  return `${output}, with its card ${cardPath(output)},`;
}

const streamGguf = (
  path: string,
  { entries, tensors }: GgufFile,
  options: ExportOptions,
  progress: Progress,
) => stream(path, ggufPieces(entries, tensors), ggufSize(entries, tensors), options, progress);

async function stream(
  path: string,
  pieces: Iterable<Uint8Array>,
  size: number,
  { signal }: ExportOptions,
  progress: Progress,
): Promise<void> {
  progress.start(size, 'export', { unit: 'bytes' });
  let step = 0;
  const onBytes = (bytes: number) => progress.update({ step: (step += bytes) });
  await streamFileAtomic(path, pieces, { ...(signal ? { signal } : {}), onBytes });
}

const shell = (command: string): string => `\n\`\`\`\n${command}\n\`\`\`\n`;
const python = (line: string, names: string): string =>
  `\n\`\`\`python\nfrom transformers import ${names}\n\n${line}\n\`\`\`\n`;

/**
 * A model as GGUF: metadata and tensors, made while they are written.
 *
 * From a folder everything is translated; from a GGUF file the metadata is taken over byte for byte, with the tensors
 * that no adapter touches. Quantised tensors that stay as they are keep their bits whatever is asked for the others.
 */
import { closeSync, openSync } from 'node:fs';
import { ConfigError } from '../errors.js';
import { readExactly } from '../files/read-exactly.js';
import type { ModelConfig } from '../model/config.js';
import { readGgufEntries } from '../model/gguf-entries.js';
import type { ParsedHeader } from '../model/gguf-header.js';
import { ggufModel, ggufRowOf, requireSameModel, ropeTensors } from '../model/gguf-metadata.js';
import { encodeValues, fitsFormat, type WritableFormat } from '../model/gguf-quantise.js';
import { ggufTemplate, ggufTokenizer } from '../model/gguf-tokenizer-write.js';
import { ggufNames, rowOrder } from '../model/gguf-weights.js';
import { type GgufContent, type GgufEntry, ggufValue, plannedHeader } from '../model/gguf-write.js';
import { isNorm } from '../model/layout.js';
import type { WeightSource } from '../model/weight-source.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { requireRoom } from './room.js';
import type { ExportedModel } from './source.js';
import { type ExportedTensor, exportedTensors } from './tensors.js';

/** What a GGUF file will hold. */
export interface GgufFile {
  readonly entries: ReadonlyMap<string, GgufEntry>;
  readonly tensors: readonly GgufContent[];
  /** What a person should know, a sentence each. */
  readonly notes: readonly string[];
}

/** ggml's numbers for a file of mostly one format. */
const fileTypes: Readonly<Record<WritableFormat, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, BF16: 32 };

/**
 * @param asked format of the matrices. Absent: 16 bits for a folder, its own for a GGUF file
 * @param about further `general.*` keys
 * @throws ModelError or ConfigError when GGUF cannot say what the model computes, or a quantised tensor cannot be merged
 */
export function ggufFile(
  model: ExportedModel,
  asked: WritableFormat | undefined,
  about: ReadonlyMap<string, GgufEntry>,
): GgufFile {
  return model.source.gguf ? fromFile(model, asked, about) : fromFolder(model, asked, about);
}

function fromFolder(
  { source, adapter, tokenizer }: ExportedModel,
  asked: WritableFormat | undefined,
  about: ReadonlyMap<string, GgufEntry>,
): GgufFile {
  const { path, config: given } = source;
  const row = ggufRowOf(given, path);
  const described = ggufModel({ ...given, eosTokenIds: tokenizer.eosIds }, path);
  const { config, rope } = described;
  const own = exportedTensors(source, adapter);
  const main = asked ?? sixteenBits(own);
  const notes = [...described.notes];
  const nameOf = ggufNames(config.architecture, row);
  const tensors: GgufContent[] = own.map((tensor) => {
    const format = formatOf(tensor, main, config, notes);
    return content(tensor, nameOf(tensor.name), format, config, rowOrder({ row }, config, tensor.name));
  });
  for (const [name, divisors] of ropeTensors(rope)) {
    const bytes = encodeValues('F32', divisors);
    tensors.unshift({ name, shape: [divisors.length], format: 'F32', pieces: () => [bytes] });
  }
  const { text, u32 } = ggufValue;
  const entries = new Map<string, GgufEntry>([
    ['general.architecture', text(row.name)],
    ['general.type', text('model')],
    ...about,
    ['general.file_type', u32(fileTypes[main])],
    ['general.quantization_version', u32(2)],
    ...described.entries,
  ]);
  for (const [key, entry] of ggufTokenizer(tokenizer, entries, config, path)) entries.set(key, entry);
  const planned = plannedHeader(entries, tensors);
  requireSameModel(planned, described, path);
  return { entries, tensors, notes: [...notes, ...unnamedEnds(planned, tokenizer)] };
}

/** A line where end tokens find no key: GGUF has one each for the end of a text, of a turn and of a message. */
function unnamedEnds({ metadata }: ParsedHeader, tokenizer: ChatTokenizer): string[] {
  const named = ['eos', 'eot', 'eom'].map((name) => metadata[`tokenizer.ggml.${name}_token_id`]);
  const texts = tokenizer.eosIds
    .filter((id) => !named.includes(id))
    .map((id) => JSON.stringify(tokenizer.decode([id], { skipSpecialTokens: false })));
  if (texts.length === 0) return [];
  return [
    `GGUF names three tokens that end an answer: ${texts.join(', ')} ends none, unless a program knows it by its text.`,
  ];
}

/** BF16 where the model's matrices are, else F16. */
function sixteenBits(tensors: readonly ExportedTensor[]): WritableFormat {
  const matrices = tensors.filter(({ stored }) => stored.shape.length === 2);
  return matrices.every(({ stored }) => stored.format === 'BF16') ? 'BF16' : 'F16';
}

/** The format that a tensor gets: vectors stay float32, as llama.cpp wants them. */
function formatOf(
  { name, stored }: ExportedTensor,
  asked: WritableFormat,
  { tied }: ModelConfig,
  notes: string[],
): WritableFormat {
  const { shape } = stored;
  if (shape.length === 1) return 'F32';
  const head = name === 'lm_head.weight' || (tied && name === 'model.embed_tokens.weight');
  const format = asked === 'Q4_0' && head ? 'Q8_0' : asked;
  if (fitsFormat(format, shape[1])) return format;
  const line = `Matrices whose rows are no multiple of 32 values stay F16.`;
  if (!notes.includes(line)) notes.push(line);
  return 'F16';
}

/** @param order Hugging Face's row for each row of the file, where they differ */
function content(
  tensor: ExportedTensor,
  name: string,
  format: WritableFormat,
  { architecture }: ModelConfig,
  order: Int32Array | undefined,
): GgufContent {
  const { stored } = tensor;
  const offset = isNorm(tensor.name) ? architecture.normOffset : 0;
  const columns = stored.shape.at(-1)!;
  return {
    ...{ name, shape: stored.shape, format },
    *pieces() {
      for (const [first, values] of tensor.bands()) {
        // the files hold what norms multiply with
        if (offset !== 0) for (let i = 0; i < values.length; i++) values[i] += offset;
        const rows = order ? reordered(values, first, columns, order) : values;
        requireRoom(rows, tensor.name, format);
        yield encodeValues(format, rows);
      }
    },
  };
}

/**
 * Rows as the file has them, of a band that begins with a head's first row and ends with a head's last.
 *
 * @param first number of the band's first row
 * @param order Hugging Face's row for each row of the file
 */
export function reordered(
  values: Float32Array,
  first: number,
  columns: number,
  order: Int32Array,
): Float32Array {
  const rows = new Float32Array(values.length);
  for (let row = 0; row * columns < values.length; row++) {
    const from = (order[first + row] - first) * columns;
    rows.set(values.subarray(from, from + columns), row * columns);
  }
  return rows;
}

const floats = ['F32', 'F16', 'BF16'];

function fromFile(
  { source, adapter, tokenizer, ownTokenizer }: ExportedModel,
  asked: WritableFormat | undefined,
  about: ReadonlyMap<string, GgufEntry>,
): GgufFile {
  const { path, config } = source;
  const { header, parsed } = source.gguf!;
  const own = exportedTensors(source, adapter);
  refuseRequantised(own, asked, source);
  const nameOf = ggufNames(config.architecture, header.row);
  const byName = new Map(own.map((tensor) => [nameOf(tensor.name), tensor]));
  const notes: string[] = [];
  let kept = 0;
  const tensors = [...header.tensors.values()].map((tensor): GgufContent => {
    const { name, shape, quantisation } = tensor;
    const found = byName.get(name);
    const matrix = shape.length === 2 && found !== undefined;
    const quantised = !floats.includes(quantisation.name);
    const stays = !matrix || (quantised && !found.touched);
    const wanted = asked ?? (quantisation.name as WritableFormat);
    const chosen = stays ? undefined : formatOf(found, wanted, config, notes);
    if (quantised && !found?.touched) kept++;
    if (found === undefined || chosen === undefined || (chosen === quantisation.name && !found.touched)) {
      const pieces = () => (found ? found.stored.bytes() : ropeBytes(name, source));
      return { name, shape, format: quantisation.name, pieces };
    }
    return content(found, name, chosen, config, rowOrder(header, config, found.name));
  });
  if (asked && kept > 0)
    notes.push(`${kept} quantised tensors that nothing touches stay as they are, bit for bit.`);
  const entries = readGgufEntries(path, parsed);
  entries.delete('general.alignment');
  for (const [key, entry] of about) if (!key.startsWith('general.license')) entries.set(key, entry);
  if (asked && kept === 0) entries.set('general.file_type', ggufValue.u32(fileTypes[asked]));
  if (ownTokenizer !== 'none') {
    for (const key of [...entries.keys()])
      if (key.startsWith(ownTokenizer === 'template' ? 'tokenizer.chat_template' : 'tokenizer.'))
        entries.delete(key);
    const size = { vocabSize: config.vocabSize, eosTokenIds: tokenizer.eosIds };
    const written =
      ownTokenizer === 'template'
        ? ggufTemplate(tokenizer, path)
        : ggufTokenizer(tokenizer, entries, size, path);
    for (const [key, entry] of written) entries.set(key, entry);
    if (ownTokenizer === 'all') notes.push(...unnamedEnds(plannedHeader(entries, tensors), tokenizer));
  }
  return { entries, tensors, notes };
}

/** A tensor of rotary divisors as it lies in the source. */
function* ropeBytes(name: string, { path, gguf }: WeightSource): Generator<Uint8Array> {
  const { at, bytes } = gguf!.header.tensors.get(name)!;
  const content = new Uint8Array(bytes);
  const file = openSync(path, 'r');
  try {
    readExactly(file, content, at);
  } finally {
    closeSync(file);
  }
  yield content;
}

/** An adapter's product cannot be added to a quantised tensor exactly. @throws ConfigError that says what to do instead */
function refuseRequantised(
  tensors: readonly ExportedTensor[],
  asked: WritableFormat | undefined,
  { path }: WeightSource,
): void {
  const quantised = tensors.filter(({ touched, stored }) => touched && !floats.includes(stored.format));
  if (quantised.length === 0 || asked) return;
  const formats = [...new Set(quantised.map(({ stored }) => stored.format))].join(' and ');
  throw new ConfigError({
    where: path,
    what: `the adapter changes ${quantised.length} tensors in ${formats}, which cannot hold the merged weights exactly`,
    next: 'add --quantize q8_0 or f16 for these tensors (the others stay as they are), or keep the file and put the adapter beside it, which is exact: --format gguf-lora',
  });
}

/** The result of training, from a server into a folder: an adapter in PEFT's format, or a model in Hugging Face's. */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { withChecksums } from '../../files/checksums.js';
import { type FileContent, writeFolderAtomic } from '../../files/files.js';
import { writeAdapter } from '../../model/adapter-files.js';
import { isKnown } from '../../model/config.js';
import { requireFinite } from '../../model/finite.js';
import { configText, eosJson } from '../../model/hf-config.js';
import type { LoraConfig } from '../../model/lora-modules.js';
import type { NamedModel } from '../../model/model.js';
import { sumsFile } from '../../model/weights.js';
import { type ExportOptions, SERVER_RESULT } from '../training-engine.js';
import type { RemoteCopies } from './copies.js';
import { fetchWeights, inScratch } from './tensors.js';

export interface TrainedExport extends ExportOptions {
  readonly source: NamedModel;
  /** Absent: all weights were trained. */
  readonly lora?: LoraConfig;
}

/** @throws SaveError when the disk refuses; ModelError when a weight is not finite; RemoteError when the server fails */
export async function exportTrained(
  folder: string,
  copies: RemoteCopies,
  { source, lora, baseModel, files = new Map() }: TrainedExport,
): Promise<void> {
  const { session } = copies;
  const policy = await copies.model('policy');
  if (!session.abilities.extensions.weights) {
    const path = await policy.saveForSampler(`ealign-${randomUUID()}`);
    const kept = { server: session.name, path, base_model: baseModel };
    writeFolderAtomic(folder, [[SERVER_RESULT, `${JSON.stringify(kept, null, 2)}\n`], ...files]);
    session.note(
      `${session.name} keeps the trained weights under ${path}; ${join(folder, SERVER_RESULT)} says so.`,
    );
    return;
  }
  if (lora) {
    const base = { baseModel, ...(source.hash ? { baseHash: source.hash } : {}) };
    const adapter = {
      tensors: await fetchWeights(policy),
      tokenizerFiles: files,
      config: { ...lora, ...base },
    };
    writeAdapter(folder, adapter, { checksums: true });
    return;
  }
  await inScratch(async (path) => {
    await policy.fetchTensors('weights', path);
    const weights = ['model.safetensors', piecesOf(path)] as const;
    writeFolderAtomic(folder, withChecksums(sumsFile, [weights, ...files, ...headOf(source)]));
  });
}

/** What a model's folder holds beside its weights, which are float32 now. */
function headOf({ path, config, tokenizer }: NamedModel): (readonly [string, FileContent])[] {
  const own = (name: string): (readonly [string, string])[] => {
    const file = join(path, name);
    return existsSync(file) ? [[name, readFileSync(file, 'utf8')]] : [];
  };
  const given = own('config.json').map(([name, text]) => [name, inFloat32(text)] as const);
  const known = isKnown(config);
  return [
    ...(tokenizer.files?.() ?? []),
    ...(known
      ? [
          [
            'generation_config.json',
            `${JSON.stringify({ eos_token_id: eosJson(config) }, null, 2)}\n`,
          ] as const,
        ]
      : own('generation_config.json')),
    ...(known ? [['config.json', configText(config)] as const] : given),
  ];
}

/** A configuration whose text stays as it is, but for the element type: numbers keep the form that they were written in. */
const inFloat32 = (text: string): string => text.replace(/("(?:torch_)?dtype"\s*:\s*)"\w+"/g, '$1"float32"');

const PIECE = 4 << 20;

/** The bytes of a file of float32 tensors. @throws ModelError at a number that is not finite */
function* piecesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    const size = Buffer.alloc(8);
    readSync(file, size);
    const header = Buffer.alloc(Number(size.readBigUInt64LE()));
    readSync(file, header);
    yield size;
    yield header;
    for (;;) {
      const floats = new Float32Array(PIECE / 4);
      const read = readSync(file, floats);
      if (read === 0) return;
      const piece = floats.subarray(0, read / 4);
      requireFinite(piece, 'a trained weight', { next: 'train again with a lower learning rate' });
      yield new Uint8Array(piece.buffer, 0, read);
    }
  } finally {
    closeSync(file);
  }
}

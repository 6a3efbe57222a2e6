/**
 * Integrity: a flipped bit in what was saved here, and NaN or infinity in any weights, is one clear line,
 * whatever is opened: a model, an adapter, a checkpoint, a version. Nothing of the kind is saved either.
 */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TrainedParameters } from '../../src/engine/trained-parameters.js';
import { checksumLines } from '../../src/files/checksums.js';
import { claimFolder } from '../../src/files/claim.js';
import { writeFolderAtomic } from '../../src/files/files.js';
import { temporaryName } from '../../src/files/leftovers.js';
import { embedded, pinocchio } from '../../src/hub/names.js';
import { silent } from '../../src/metrics/progress.js';
import { readAdapter, writeAdapter } from '../../src/model/adapter-files.js';
import { allFinite } from '../../src/model/finite.js';
import { loadGguf } from '../../src/model/gguf.js';
import { readGgufHeader } from '../../src/model/gguf-header.js';
import { initLora } from '../../src/model/lora.js';
import type { Tensor } from '../../src/model/model.js';
import { SafetensorsFile } from '../../src/model/safetensors.js';
import { safetensorsPieces } from '../../src/model/safetensors-write.js';
import { loadModel, saveModel } from '../../src/model/weights.js';
import { OnlineStore } from '../../src/online/store.js';
import { beginVersions, readVersion, versionFolder } from '../../src/online/versions.js';
import { loadCheckpoint, loadLastCheckpoint, saveCheckpoint } from '../../src/train/checkpoint.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { fixtures, randomWeights, temporaryFolder, tinyLlama } from './model-folder.js';

const lora = { rank: 2, alpha: 4, rslora: false, targets: ['q_proj'] };

function flip(path: string, at = 0.7): void {
  const bytes = readFileSync(path);
  bytes[Math.floor(at * bytes.length)] ^= 1;
  writeFileSync(path, bytes);
}

/** Every file of a folder in turn, with one bit flipped. */
async function eachFlipped(folder: string, open: (folder: string) => Promise<unknown>): Promise<string[]> {
  await open(folder);
  const names = readdirSync(folder).filter((name) => name !== 'README.md');
  for (const name of names) {
    const copy = join(temporaryFolder(), 'copy');
    cpSync(folder, copy, { recursive: true });
    flip(join(copy, name));
    const says = expect.objectContaining({
      name: 'DamageError',
      message: expect.stringMatching(
        /(damaged|is missing).*\. Take it from a copy; if you changed it yourself/,
      ),
    });
    await expect(open(copy), name).rejects.toThrow(says);
  }
  return names;
}

/** A checkpoint of an adapter after n steps. */
function checkpointOf(output: string, n: number, tensors = initLora(tinyLlama, lora, n)): Promise<string> {
  const state = { step: n, modelHash: '', settings: {}, batches: {}, window: {}, pairs: null } as never;
  const trained = new TrainedParameters(tensors);
  return saveCheckpoint(output, state, { save: async (folder) => trained.save(folder) });
}

describe('a flipped bit', () => {
  it.each([...embedded])('in the embedded model %s', async (name, folder) => {
    const scratch = join(temporaryFolder(), name);
    cpSync(folder, scratch, { recursive: true });
    cpSync(`${folder}.model.sha256`, `${scratch}.model.sha256`);
    const files = readdirSync(folder).filter((file) => file !== 'README.md');
    expect(checksumLines(folder, files)).toBe(readFileSync(`${folder}.model.sha256`, 'utf8'));
    for (const file of ['model.safetensors', 'config.json', 'tokenizer.json', 'conscience.json']) {
      flip(join(scratch, file));
      await expect(loadModel(scratch)).rejects.toThrow(
        new RegExp(`${file}: the file is damaged: .* SHA-256`),
      );
      cpSync(join(folder, file), join(scratch, file));
    }
    expect((await loadModel(scratch)).weights.size).toBeGreaterThan(0);
    // a copy is the user's own
    rmSync(`${scratch}.model.sha256`);
    flip(join(scratch, 'model.safetensors'), 0.999);
    expect((await loadModel(scratch)).weights.size).toBeGreaterThan(0);
  });

  it('in any file of a model that was saved here', async () => {
    const folder = join(temporaryFolder(), 'model');
    const tokenizer = join(fixtures, 'tokenizers/smollm2');
    saveModel(folder, {
      ...{ config: tinyLlama, weights: randomWeights(tinyLlama), tokenizerFilesFrom: tokenizer },
      files: [['conscience.json', '{"a": 1}']],
      checksums: true,
    });
    expect(await eachFlipped(folder, loadModel)).toContain('conscience.json');
  });

  it('in any file of an adapter', async () => {
    const folder = join(temporaryFolder(), 'adapter');
    const tokenizerFiles = new Map([['chat_template.jinja', '{{ messages }}']]);
    const adapter = { config: lora, tensors: initLora(tinyLlama, lora, 0), tokenizerFiles };
    writeAdapter(folder, adapter, { checksums: true });
    const names = await eachFlipped(folder, (copy) => readAdapter(copy, tinyLlama));
    expect(names.length).toBe(4);
    // written again without, none stay that would be of other files
    writeAdapter(folder, adapter);
    expect(readdirSync(folder)).not.toContain('adapter.sha256');
  });

  it('in any file of a checkpoint', async () => {
    const folder = await checkpointOf(temporaryFolder(), 1);
    expect((await eachFlipped(folder, loadCheckpoint)).length).toBe(4);
  });

  it('in an online version', async () => {
    const model = await loadModel(pinocchio);
    const store = new OnlineStore(temporaryFolder());
    await beginVersions(store, { model, name: 'pinocchio', lora });
    flip(join(versionFolder(store, 0), 'adapter_model.safetensors'));
    await expect(readVersion(store, 0, model.config)).rejects.toThrow(
      /adapter_model\.safetensors: .* damaged/,
    );
    store.close();
  });

  it('what has no checksums is read as before', async () => {
    const folder = await checkpointOf(temporaryFolder(), 1);
    rmSync(join(folder, 'checkpoint.sha256'));
    flip(join(folder, 'trainable.safetensors'));
    expect((await loadCheckpoint(folder)).state.step).toBe(1);
  });
});

describe('a damaged newest checkpoint', () => {
  it('gives way to the one before, and is said', async () => {
    const output = temporaryFolder();
    for (const n of [1, 2, 3]) await checkpointOf(output, n);
    flip(join(output, 'checkpoint-3/optimizer.safetensors'));
    const said: string[] = [];
    const found = await loadLastCheckpoint(output, (line) => said.push(line));
    expect(found.state.step).toBe(2);
    expect(said).toEqual([
      expect.stringMatching(
        /checkpoint-3.optimizer\.safetensors: .* Continuing from .*checkpoint-2 instead\.$/,
      ),
    ]);
    await expect(loadLastCheckpoint(join(output, 'checkpoint-3'), () => {})).rejects.toThrow(
      /checkpoint-3.optimizer\.safetensors: .* Resume from .*checkpoint-2$/,
    );
    for (const n of [1, 2]) flip(join(output, `checkpoint-${n}/state.json`));
    await expect(loadLastCheckpoint(output, () => {})).rejects.toThrow(/start again with --overwrite/);
  });

  it('the run ends as if nothing had happened', async () => {
    const scratch = temporaryFolder();
    const data = join(scratch, 'rows.jsonl');
    const row = (i: number) => JSON.stringify({ prompt: `say ${i}`, completion: `number ${i}` });
    writeFileSync(data, Array.from({ length: 8 }, (_, i) => `${row(i)}\n`).join(''));
    const config = (output: string) =>
      parseConfig(
        `{model: ${pinocchio}, data: ${data}, output: ${output}, eval_split: 0, conscience: {enabled: false}, ` +
          'training: {steps: 6, batch_size: 2, max_length: 32, save_every: 2}}',
      );
    const [whole, resumed] = [join(scratch, 'whole'), join(scratch, 'resumed')];
    await (await runTrain(config(whole))).engine.close();
    cpSync(whole, resumed, { recursive: true });
    for (const name of readdirSync(resumed)) {
      if (name.startsWith('adapter')) rmSync(join(resumed, name));
    }
    flip(join(resumed, 'checkpoint-4/trainable.safetensors'));
    const notes: string[] = [];
    const progress = { ...silent, note: (line: string) => notes.push(line) };
    await (await runTrain(config(resumed), { resume: true, progress })).engine.close();
    expect(notes.join()).toMatch(/Continuing from .*checkpoint-2 instead/);
    const [a, b] = [whole, resumed].map((folder) => readFileSync(join(folder, 'adapter_model.safetensors')));
    expect(a.equals(b)).toBe(true);
  });
});

describe('NaN and infinity', () => {
  const raw = (values: number[], dtype: 'F32' | 'F16' | 'BF16', transposed = false) => {
    const path = join(temporaryFolder(), 'x.safetensors');
    const tensor: Tensor = { shape: [2, values.length / 2], data: new Float32Array(values) };
    const finite = { ...tensor, data: tensor.data.map((x) => (Number.isFinite(x) ? x : 1)) };
    const bytes = Buffer.concat([...safetensorsPieces(new Map([['x', finite]]), { dtype })]);
    const size = dtype === 'F32' ? 4 : 2;
    const bits = { F32: [0x7fc00000, 0x7f800000], F16: [0x7e00, 0xfc00], BF16: [0x7fc0, 0xff80] }[dtype];
    for (const [i, value] of values.entries()) {
      const at = bytes.length - size * (values.length - i);
      if (Number.isFinite(value)) continue;
      const word = bits[Number.isNaN(value) ? 0 : 1];
      if (size === 4) bytes.writeUInt32LE(word, at);
      else bytes.writeUInt16LE(word, at);
    }
    writeFileSync(path, bytes);
    return SafetensorsFile.open(path).then((file) => file.read(() => (transposed ? 'transposed' : 'as-is')));
  };
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

  it.each(
    (['F32', 'F16', 'BF16'] as const).flatMap((dtype) =>
      [nan, infinity].flatMap((value) => [true, false].map((transposed) => ({ dtype, value, transposed }))),
    ),
  )('are refused on load: $value as $dtype, transposed $transposed', async ({ dtype, value, transposed }) => {
    await expect(raw([1, 2, 3, 4, 5, value], dtype, transposed)).rejects.toThrow(
      /x\.safetensors: tensor 'x' holds (NaN|-?Infinity); expected finite numbers only/,
    );
    await expect(raw([1, 2, 3, 4, 5, 6], dtype, transposed)).resolves.toBeDefined();
  });

  it('are refused in a model, an adapter and a checkpoint', async () => {
    const poison = (path: string) => {
      const bytes = readFileSync(path);
      bytes.writeUInt32LE(0x7fc00000, bytes.length - 4);
      writeFileSync(path, bytes);
      for (const sums of readdirSync(join(path, '..')).filter((name) => name.endsWith('.sha256')))
        rmSync(join(path, '..', sums));
    };
    const scratch = temporaryFolder();
    const [model, adapter] = [join(scratch, 'model'), join(scratch, 'adapter')];
    const tokenizerFilesFrom = join(fixtures, 'tokenizers/smollm2');
    saveModel(model, { config: tinyLlama, weights: randomWeights(tinyLlama), tokenizerFilesFrom });
    poison(join(model, 'model.safetensors'));
    await expect(loadModel(model)).rejects.toThrow(/tensor 'model\.norm\.weight' holds NaN/);
    writeAdapter(adapter, { config: lora, tensors: initLora(tinyLlama, lora, 0) });
    poison(join(adapter, 'adapter_model.safetensors'));
    await expect(readAdapter(adapter, tinyLlama)).rejects.toThrow(/q_proj\.lora_B\.weight' holds NaN/);
    const checkpoint = await checkpointOf(scratch, 1);
    poison(join(checkpoint, 'optimizer.safetensors'));
    await expect(loadCheckpoint(checkpoint)).rejects.toThrow(/optimizer\.safetensors: tensor '.*' holds NaN/);
  });

  it('are refused in a GGUF file, in a value and in the scale of a block', async () => {
    const source = join(import.meta.dirname, '../fixtures/gguf/tiny-llama.gguf');
    const { tensors } = await readGgufHeader(source);
    const seen = new Set<string>();
    for (const { name, at, quantisation } of tensors.values()) {
      if (seen.has(quantisation.name) || name === 'rope_freqs.weight') continue;
      seen.add(quantisation.name);
      const bytes = readFileSync(source);
      const scale = quantisation.name === 'Q6_K' ? 208 : 0;
      if (quantisation.name === 'F32') bytes.writeUInt32LE(0x7fc00000, at);
      else bytes.writeUInt16LE(quantisation.name === 'BF16' ? 0x7fc0 : 0x7e00, at + scale);
      const path = join(temporaryFolder(), 'nan.gguf');
      writeFileSync(path, bytes);
      await expect(loadGguf(path), quantisation.name).rejects.toThrow(
        `nan.gguf: tensor '${name}' holds NaN; expected finite numbers only`,
      );
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  it('are not saved', async () => {
    const output = temporaryFolder();
    const tensors = initLora(tinyLlama, lora, 0);
    [...tensors.values()][1].data[3] = nan;
    const says = /lora_B.*' holds NaN; expected finite numbers only\. Nothing was saved/;
    await expect(checkpointOf(output, 1, tensors)).rejects.toThrow(says);
    expect(() => writeAdapter(join(output, 'a'), { config: lora, tensors })).toThrow(says);
    // finite, and yet too large for the file
    const large = new Map([['x', { shape: [1], data: Float32Array.of(1e5) }]]);
    expect(() => [...safetensorsPieces(large, { dtype: 'F16' })]).toThrow(/'x' holds Infinity/);
    expect(readdirSync(output)).toEqual([]);
  });

  it('are found at any place', () => {
    for (let length = 1; length < 12; length++) {
      for (let at = 0; at < length; at++) {
        for (const value of [nan, infinity, -infinity]) {
          const values = new Float32Array(length).fill(3e38);
          expect(allFinite(values)).toBe(true);
          values[at] = value;
          expect(allFinite(values)).toBe(false);
        }
      }
    }
  });
});

describe('what a killed process left', () => {
  const dead = (name: string) => temporaryName(name).replace(`-${process.pid}-`, '-999999999-');

  it('goes when the folder is claimed, and nothing else', () => {
    const folder = temporaryFolder();
    const own = temporaryName('checkpoint-9');
    const otherHost = dead('checkpoint-8').replace(/\.[0-9a-f]{8}-/, '.00000000-');
    const parent = temporaryName('x').replace(`-${process.pid}-`, `-${process.ppid}-`);
    const kept = [own, otherHost, parent, '.checkpoint-1.tmp', 'checkpoint-2', '.gitignore'];
    const earlier = '.checkpoint-4.0123456789ab.tmp';
    for (const name of [dead('checkpoint-3'), earlier, ...kept]) {
      mkdirSync(join(folder, name));
      appendFileSync(join(folder, name, 'trainable.safetensors'), 'x');
    }
    utimesSync(join(folder, earlier), 0, 0);
    claimFolder(folder);
    expect(
      readdirSync(folder)
        .filter((name) => name !== '.in-use.json')
        .sort(),
    ).toEqual(kept.sort());
  });

  it('goes when the same folder is saved again', () => {
    const folder = temporaryFolder();
    for (const name of [dead('model'), dead('other')]) mkdirSync(join(folder, name));
    writeFolderAtomic(join(folder, 'model'), [['a', 'b']]);
    expect(existsSync(join(folder, 'model/a'))).toBe(true);
    expect(readdirSync(folder).filter((name) => /\.model\./.test(name))).toEqual([]);
    expect(readdirSync(folder).filter((name) => /\.other\./.test(name)).length).toBe(1);
  });
});

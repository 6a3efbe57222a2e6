/** Whole GGUF files, written by the `gguf` Python package (fixtures/gguf/make.py). */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { llama } from '../../src/model/architectures/llama.js';
import { qwen2, qwen3 } from '../../src/model/architectures/qwen.js';
import { loadGguf } from '../../src/model/gguf.js';
import { readGgufHeader } from '../../src/model/gguf-header.js';
import { tokenizerFromGguf } from '../../src/model/gguf-tokenizer.js';
import { isLinear, transpose } from '../../src/model/layout.js';
import { createTokenizer } from '../../src/tokenizer/tokenizer.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/gguf/${name}`, import.meta.url));

interface Expected {
  weights: Record<string, { shape: number[]; first: number[]; sha256: string }>;
  encodings: { text: string; ids: number[]; withSpecial: number[]; decoded: string }[];
}

describe.each(['tiny-llama', 'tiny-qwen2', 'tiny-qwen3'])('%s', async (name) => {
  const expected: Expected = JSON.parse(readFileSync(fixture(`${name}.json`), 'utf8'));
  const model = await loadGguf(fixture(`${name}.gguf`));

  it('has the weights under their Hugging Face names, in Hugging Face row order, linear ones [in, out]', () => {
    const got = Object.fromEntries(
      [...model.weights].map(([key, { shape, data }]) => {
        const asInFile = isLinear(key)
          ? { shape: shape.toReversed(), data: transpose(data, shape[0], shape[1]) }
          : { shape, data };
        const sha256 = createHash('sha256').update(new Uint8Array(asInFile.data.buffer)).digest('hex');
        return [key, { shape: asInFile.shape, first: [...asInFile.data.subarray(0, 3)], sha256 }];
      }),
    );
    expect(got).toEqual(expected.weights);
  });

  it('splits, encodes and decodes text as the tokenizers library does', () => {
    for (const { text, ids, withSpecial, decoded } of expected.encodings) {
      expect(model.tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(model.tokenizer.encode(text, { addSpecialTokens: true })).toEqual(withSpecial);
      expect(model.tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(decoded);
    }
  });

  it('knows its chat template and where an answer ends', () => {
    expect(model.tokenizer.renderChat([{ role: 'user', content: 'hi' }], { addGenerationPrompt: true })).toBe(
      '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n',
    );
    expect(model.config.eosTokenIds).toEqual([2]);
    expect(model.tokenizer.eosIds).toEqual([2]);
    expect(model.tokenizer.padId).toBe(0);
  });

  it('is named by the SHA-256 of its file', () => {
    const bytes = readFileSync(fixture(`${name}.gguf`));
    expect(model.hash).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});

describe('configuration', () => {
  it('reads sizes, and finds Llama 3.2’s rotary scaling in its divisors', async () => {
    const { config } = await loadGguf(fixture('tiny-llama.gguf'));
    expect(config).toEqual({
      architecture: llama,
      vocabSize: 324,
      width: 32,
      layers: 2,
      heads: 4,
      kvHeads: 2,
      headSize: 8,
      ffn: 64,
      rmsEps: 1e-5,
      ropeTheta: 500000,
      maxPositions: 128,
      ropeScaling: {
        kind: 'llama3',
        factor: 32,
        lowFreqFactor: 1,
        highFreqFactor: 4,
        originalMaxPositions: 8192,
      },
      tied: false,
      eosTokenIds: [2],
    });
  });

  it('tells biases, q/k norms, tied embeddings and a head size of its own', async () => {
    const ofQwen2 = (await loadGguf(fixture('tiny-qwen2.gguf'))).config;
    expect(ofQwen2).toMatchObject({ architecture: qwen2, tied: true, headSize: 8 });
    expect(ofQwen2.ropeScaling).toBeUndefined();
    const ofQwen3 = (await loadGguf(fixture('tiny-qwen3.gguf'))).config;
    expect(ofQwen3).toMatchObject({ architecture: qwen3, tied: true, headSize: 16 });
  });
});

it('a SentencePiece vocabulary encodes and decodes as the sentencepiece library does', async () => {
  const header = await readGgufHeader(fixture('sentencepiece.gguf'));
  const { files, eosTokenIds } = tokenizerFromGguf(header);
  const tokenizer = createTokenizer(files, eosTokenIds);
  const cases: { text: string; ids: number[]; decoded: string }[] = JSON.parse(
    readFileSync(fixture('sentencepiece.json'), 'utf8'),
  );
  for (const { text, ids, decoded } of cases) {
    expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  }
  // Llama's tokenizer begins a text with BOS.
  expect(tokenizer.encode('harm', { addSpecialTokens: true })[0]).toBe(tokenizer.bosId);
  expect(tokenizer.eosIds).toEqual([2]);
});

describe('files that cannot be used give one clear line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ealign-gguf-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const whole = readFileSync(fixture('tiny-llama.gguf'));

  const written = (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  /** The same file with one string of the header replaced by another of its length. */
  const altered = (from: string, to: string) => {
    const bytes = Buffer.from(whole);
    expect(to.length).toBe(from.length);
    bytes.write(to, bytes.indexOf(from), 'latin1');
    return bytes;
  };
  /** The same file with one tensor's type replaced: it stands after the name and the dimensions. */
  const retyped = (tensor: string, dimensions: number, type: number) => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32LE(type, bytes.indexOf(tensor) + tensor.length + 4 + 8 * dimensions);
    return bytes;
  };

  it.each<[string, Uint8Array, RegExp]>([
    [
      'cut in the tensors',
      whole.subarray(0, -100),
      /truncated; expected \d+ bytes \(tensor .*got 54844 bytes/,
    ],
    ['cut in the header', whole.subarray(0, 2000), /truncated|not a sound GGUF/],
    ['cut in the first bytes', whole.subarray(0, 10), /truncated/],
    ['empty', whole.subarray(0, 0), /not a GGUF file/],
    ['something else', Buffer.from('PK\x03\x04 a zip file, say'), /not a GGUF file.*got "PK/],
    ['an unknown architecture', altered('llama', 'mamba'), /architecture cannot be built.*got mamba/],
    ['an unknown splitting', altered('llama-bpe', 'zulu--bpe'), /tokenizer\.ggml\.pre.*got zulu--bpe/],
    ['an unknown tensor', altered('blk.1.attn_v.weight', 'blk.1.attn_x.weight'), /attn_v\.weight: .*missing/],
    [
      'an unsupported quantisation',
      retyped('blk.0.ffn_up.weight', 2, 10),
      /quantisation Q2_K cannot be read/,
    ],
    [
      'an unknown number format',
      retyped('blk.0.ffn_up.weight', 2, 99),
      /quantisation type 99 cannot be read/,
    ],
    [
      'version 1',
      Buffer.concat([whole.subarray(0, 4), Buffer.from([1, 0, 0, 0]), whole.subarray(8)]),
      /GGUF/,
    ],
  ])('%s', async (name, bytes, message) => {
    const path = written(`${name.replaceAll(' ', '-')}.gguf`, bytes);
    const error = await loadGguf(path).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ModelError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(path);
    expect((error as Error).message).not.toContain('\n');
  });

  it('cut anywhere', async () => {
    for (let length = 0; length < whole.length; length += 1501) {
      const path = written('cut.gguf', whole.subarray(0, length));
      await expect(loadGguf(path), `${length} bytes`).rejects.toBeInstanceOf(ModelError);
    }
  });

  it('missing', async () => {
    await expect(loadGguf(join(folder, 'nothing.gguf'))).rejects.toThrow(/nothing\.gguf: .*no such file/);
  });
});

/**
 * What is exported, read by the real llama.cpp and transformers: they say what our engine says.
 *
 * Needs a Python with xllamacpp, torch, transformers and peft: EALIGN_PYTHON names it. Without one it is skipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { exportModel } from '../../src/export/export.js';
import { silent } from '../../src/metrics/progress.js';
import { loadModel } from '../../src/model/weights.js';
import { type Answer, missingPeers, type Order, ours, theirs } from './answers.js';
import { kinds, writeTiny, writeTinyAdapter } from './tiny-models.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-peers-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const missing = missingPeers(['xllamacpp', 'torch', 'transformers', 'peft']);
if (missing) console.warn(`SKIPPED  test/export/peers.test.ts: ${missing}`);

interface Case {
  readonly label: string;
  readonly order: Order;
  readonly wanted: readonly Answer[];
  /** Largest difference of log-probabilities. */
  readonly tolerance: number;
  /** Whether all greedy texts must be the same. */
  readonly texts: boolean;
}

/** Architectures whose files are also tried rounded, as an adapter, and with the adapter in peft. */
const whole = ['llama', 'gemma3', 'phi3'];

it.skipIf(missing)('llama.cpp and transformers say what we say', { timeout: 3_600_000 }, async () => {
  const cases: Case[] = [];
  for (const kind of kinds) {
    const at = (suffix: string) => join(root, `${kind.name}${suffix}`);
    const folder = writeTiny(root, kind);
    const { config, tokenizer } = await loadModel(folder);
    const llama = { vocabulary: config.vocabSize, plain: tokenizer.encode('a').at(-1)! };
    const adapter = writeTinyAdapter(at('-adapter'), config, true);
    const run = (format: 'gguf' | 'gguf-lora' | 'safetensors', output: string, more = {}) =>
      exportModel(folder, { adapter, format, output, progress: silent, ...more });
    const inMemory = await ours(folder, adapter);
    // float32 in another order; llama.cpp looks GELU up in a table of float16
    const exact = kind.name.startsWith('gemma') ? 0.03 : 5e-4;
    const add = (what: string, order: Order, tolerance: number, wanted = inMemory, texts = true) =>
      cases.push({ label: `${kind.name}, ${what}`, order, wanted, tolerance, texts });
    const merged = await run('gguf', at('-f32.gguf'), { quantize: 'f32' });
    add('GGUF F32', { llama: merged, ...llama }, exact);
    add('safetensors', { transformers: await run('safetensors', at('-merged')) }, 5e-4);
    if (!whole.includes(kind.name)) continue;
    const base = await run('gguf', at('-base.gguf'), { quantize: 'f32', adapter: undefined });
    const lora = await run('gguf-lora', at('-lora.gguf'));
    add('GGUF F32 and LoRA', { llama: base, lora, ...llama }, exact);
    add('peft', { transformers: folder, adapter }, 5e-4);
    for (const [quantize, tolerance] of [
      ['f16', 0.1],
      ['q8_0', 1],
      ['q4_0', 1],
    ] as const) {
      const file = await run('gguf', at(`-${quantize}.gguf`), { quantize });
      // llama.cpp rounds what it multiplies with such matrices to 16 or 8 bits, too; we do not here
      add(`GGUF ${quantize}`, { llama: file, ...llama }, tolerance, await ours(file), false);
    }
  }
  const failed: string[] = [];
  for (const [i, got] of theirs(cases.map(({ order }) => order)).entries()) {
    const { label, wanted, tolerance, texts } = cases[i];
    if ('error' in got) {
      failed.push(`${label}: ${got.error}`);
      continue;
    }
    // the blank before the first word belongs to the text in some programs
    const same = got.filter(({ text }, j) => text.trim() === wanted[j].text.trim()).length;
    const apart = Math.max(
      ...got.flatMap(({ logps }, j) => logps.map((x, id) => Math.abs(x - wanted[j].logps[id]))),
    );
    console.log(
      `${label}: ${same} of ${got.length} texts, log-probabilities ${apart.toExponential(1)} apart`,
    );
    if (!(apart <= tolerance) || (texts && same < got.length))
      failed.push(`${label}: ${same} texts, ${apart} apart`);
  }
  expect(failed).toEqual([]);
});

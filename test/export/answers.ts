/** What a model says to the prompts: by our engine, and by other programs that read the same files. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { type Adapter, readAdapter } from '../../src/model/adapter-files.js';
import type { Model } from '../../src/model/model.js';
import { loadModel } from '../../src/model/weights.js';
import { logitsOf, tokenRows } from '../parity/fixtures.js';
import { prompts } from './tiny-models.js';

/** Tokens of a greedy continuation. */
const tokens = 12;

export interface Answer {
  readonly text: string;
  /** Log-probabilities of the first token, by id. */
  readonly logps: readonly number[];
}

/** @param path a folder or a .gguf file @param adapter its folder, not merged */
export async function ours(path: string, adapter?: string): Promise<Answer[]> {
  const model = await loadModel(path);
  return answersOf(model, adapter === undefined ? undefined : await readAdapter(adapter, model.config));
}

async function answersOf(model: Model, adapter?: Adapter): Promise<Answer[]> {
  const ids = (text: string) => model.tokenizer.encode(text, { addSpecialTokens: true });
  // a prompt is its text, without a chat template
  const tokenizer = Object.create(model.tokenizer, {
    renderChat: { value: ([{ content }]: { content: string }[]) => content },
    encodeChat: { value: ([{ content }]: { content: string }[]) => ids(content) },
    guard: { value: undefined },
  });
  const frozen = { rank: 1, alpha: 1, rslora: false, targets: [] };
  const lora = adapter ? { lora: adapter.config, adapter: adapter.tensors } : { lora: frozen };
  const engine = new OnnxEngine({ ...model, tokenizer }, lora);
  try {
    const said = await engine.model(adapter ? 'policy' : 'base').generate(
      prompts.map((content) => [{ role: 'user', content }]),
      { maxTokens: tokens, temperature: 0 },
    );
    const rows = prompts.map((text) => ids(text));
    const logits = await logitsOf(
      model,
      tokenRows(rows.map((row) => ({ ids: row, loss_mask: row.map(() => 1) }))),
      adapter,
    );
    const { vocabSize } = model.config;
    let end = 0;
    return rows.map((row, i) => {
      end += row.length * vocabSize;
      return { text: said[i].text, logps: logSoftmax(logits.subarray(end - vocabSize, end)) };
    });
  } finally {
    await engine.close();
  }
}

function logSoftmax(logits: Float32Array): number[] {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, x) => total + Math.exp(x - most), 0);
  return Array.from(logits, (x) => x - most - Math.log(sum));
}

/** An order for a peer: files, or a folder for transformers. */
export type Order =
  | { readonly llama: string; readonly lora?: string; readonly vocabulary: number; readonly plain: number }
  | { readonly transformers: string; readonly adapter?: string };

const python = process.env.EALIGN_PYTHON;

function ask<T>(order: object): T {
  const { status, stdout, stderr } = spawnSync(python!, [join(import.meta.dirname, 'peers.py')], {
    ...{ input: JSON.stringify(order), encoding: 'utf8', maxBuffer: 1 << 30 },
  });
  if (status !== 0) throw new Error(stderr.slice(-2000));
  return JSON.parse(stdout) as T;
}

/** Why the peers cannot be asked; undefined where they can. */
export function missingPeers(packages: readonly string[]): string | undefined {
  if (!python) return 'EALIGN_PYTHON names no Python';
  const missing = ask<string[]>({ look: packages });
  return missing.length > 0 ? `${python} has no ${missing.join(', ')}` : undefined;
}

/** What peers say to the prompts, an answer for each, or what went wrong. */
export function theirs(orders: readonly Order[]): (Answer[] | { readonly error: string })[] {
  return ask({ orders: orders.map((order) => ({ ...order, prompts, tokens })) });
}

/** `ealign bench`: tables of speed and memory, with medians and ratios taken in one run. */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Progress } from '../metrics/progress.js';
import type { DecodeMeasurement, ScoringMeasurement, StepMeasurement } from './measure.js';

export interface BenchOptions {
  /** 0: one per core. */
  readonly threads: number;
  readonly progress: Progress;
  /** Ends the process that measures; `runBench` then rejects. */
  readonly signal?: AbortSignal;
}

export interface BenchResult {
  readonly machine: string;
  readonly steps: readonly { readonly checkpointing: boolean; readonly measured: StepMeasurement }[];
  readonly decode: readonly DecodeMeasurement[];
  readonly scoring: ScoringMeasurement;
}

const exec = promisify(execFile);
const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

async function measure<T>(args: readonly (string | number)[], signal?: AbortSignal): Promise<T> {
  const settings = { maxBuffer: 1 << 24, ...(signal ? { signal } : {}) };
  const { stdout } = await exec(process.execPath, [worker, ...args.map(String)], settings);
  return JSON.parse(stdout) as T;
}

/** Runs everything, one process after another. */
export async function runBench({ threads, progress, signal }: BenchOptions): Promise<BenchResult> {
  progress.start(6, 'bench');
  let done = 0;
  const next = async <T>(...args: (string | number)[]): Promise<T> => {
    const result = await measure<T>(args, signal);
    progress.update({ step: ++done });
    return result;
  };
  const steps = [];
  for (const checkpointing of [false, true]) {
    steps.push({
      checkpointing,
      measured: await next<StepMeasurement>('step', Number(checkpointing), 5, threads),
    });
  }
  const decode = [];
  for (const batch of [1, 8, 32]) decode.push(await next<DecodeMeasurement>('decode', batch, 48, 3, threads));
  const scoring = await next<ScoringMeasurement>('scoring', 1000, 3, threads);
  progress.done('bench');
  const [{ model }] = cpus();
  return {
    machine: `${cpus().length} × ${model.trim()}, Node ${process.versions.node}`,
    steps,
    decode,
    scoring,
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const range = (values: readonly number[], digits = 0) =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;

/** The result as Markdown tables: medians, with the smallest and largest in brackets. */
export function renderBench({ machine, steps, decode, scoring }: BenchResult): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  const stepRows = steps.map(({ checkpointing, measured }) => {
    const { seconds, tokens, flops, executedFlops, productGflops, peak } = measured;
    const rate = (count: number) => seconds.map((s) => count / s / 1e9);
    const ratios = rate(executedFlops).map((gflops, i) => gflops / productGflops[i]);
    return [
      checkpointing ? 'checkpointing' : 'plain',
      range(seconds.map((s) => tokens / s)),
      range(rate(flops)),
      range(rate(executedFlops)),
      range(productGflops),
      range(ratios, 2),
      gigabytes(peak),
    ];
  });
  const single = median(decode[0].tokensPerSecond);
  const decodeRows = decode.map(({ batch, tokensPerSecond, peak }) => [
    String(batch),
    range(tokensPerSecond),
    (median(tokensPerSecond) / single).toFixed(1),
    gigabytes(peak),
  ]);
  return [
    machine,
    '',
    'LoRA step of SmolLM2-135M’s shape: 8×256 tokens, r 16 on all linear layers, AdamW included.',
    '',
    table(
      [
        '',
        'tokens/s',
        'GFLOPS',
        'GFLOPS with recomputation',
        'plain 1024×576×1536 product',
        'ratio to it',
        'peak memory',
      ],
      stepRows,
    ),
    '',
    'Greedy decoding, float32, prompts of 128 tokens.',
    '',
    table(['batch', 'tokens/s', '× batch 1', 'peak memory'], decodeRows),
    '',
    `Scoring of ${scoring.rows} multiple-choice rows of 30 to 60 tokens with four choices, without padding.`,
    '',
    table(
      ['rows/s', 'GFLOPS', 'forward pass of 8×256', 'ratio to it', 'peak memory'],
      [
        [
          range(scoring.rowsPerSecond),
          range(scoring.gflops),
          range(scoring.forwardGflops),
          range(
            scoring.gflops.map((gflops, i) => gflops / scoring.forwardGflops[i]),
            2,
          ),
          gigabytes(scoring.peak),
        ],
      ],
    ),
    '',
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, c) => Math.max(...all.map((row) => row[c].length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, c) => cell.padEnd(widths[c])).join(' | ')} |`;
  return [line(head), `|${widths.map((w) => '-'.repeat(w + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}

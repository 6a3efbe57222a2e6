/** Output folders of runs as training writes them, with numbers and texts that are made up. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NO_PAIR_REASONS, type ReviewRecord } from '../../src/conscience/record.js';
import type { MetricRecord } from '../../src/metrics/names.js';
import { Random } from '../../src/random.js';
import type { Verdict } from '../../src/values/pair.js';

/** What a page must show as it is written. */
export const HOSTILE = '<img src=x onerror="document.title=\'run\'"><script>alert(1)</script> & "quoted"';

export interface SampleOptions {
  readonly steps: number;
  /** Steps between records. Default 1. */
  readonly every?: number;
  readonly reviews?: number;
  readonly totalSteps?: number;
  /** Whether the trained adapter lies in it. */
  readonly finished?: boolean;
  readonly lambda?: number;
  readonly seed?: number;
}

/** The records of metrics after some steps, e.g. from 5 up to 10. */
export function sampleMetrics(from: number, to: number, every = 1, seed = 1): MetricRecord[] {
  const records: MetricRecord[] = [];
  for (let step = from + every; step <= to; step += every) {
    const noise = new Random(seed, `metrics ${step}`).next();
    const fall = Math.exp(-step / (0.3 * Math.max(to, 1)));
    records.push({
      step,
      loss: 0.2 + 2 * fall + 0.2 * noise,
      'loss/sft': 0.1 + fall + 0.1 * noise,
      'loss/dpo': noise > 0.8 ? null : 0.69 * fall + 0.1 * noise,
      mean_token_accuracy: 1 - 0.5 * fall,
      entropy: 0.5 * fall + 0.1 * noise,
      'rewards/chosen': 2 * (1 - fall) + noise,
      'rewards/rejected': -5 * (1 - fall) + noise,
      'rewards/margins': 7 * (1 - fall),
      'rewards/accuracies': 0.5 + 0.4 * (1 - fall),
      'conscience/flag_rate': 0.4 * fall + 0.1 * noise,
      'conscience/unreadable': 0.01 * noise,
      'conscience/pairs_total': Math.floor(step / 4),
      learning_rate: 1e-4 * (1 - step / (2 * to)),
      grad_norm: 0.5 + noise,
      tokens_per_second: 900 + 100 * noise,
      'time/sft': 0.4 * every,
      'time/reviews': 0.1 * every,
      ...(step % (10 * every) === 0 ? { 'eval/loss': 0.3 + fall } : {}),
    });
  }
  return records;
}

/** The n-th review of a made-up trail. */
export function sampleReview(n: number, seed = 1): ReviewRecord {
  const draw = new Random(seed, `review ${n}`);
  const p = draw.next();
  const kind = p < 0.02 ? 'unreadable' : p > 0.7 ? 'objected' : 'accepted';
  const paired = kind === 'objected' && p > 0.75;
  const verdict: Verdict =
    kind === 'unreadable'
      ? { kind, raw: 'log P(accept) = -9', framework: 'virtue', judge: 'frozen-base' }
      : { kind, pObjection: p, pObjectionRaw: p, mass: 0.98, framework: 'virtue', judge: 'frozen-base' };
  const words = (count: number) =>
    Array.from({ length: count }, () => WORDS[Math.floor(draw.next() * WORDS.length)]).join(' ');
  const prompt = n % 10 === 3 ? HOSTILE : `Question ${n}: ${words(12)}?`;
  const text = n % 10 === 3 ? HOSTILE : `${words(60)}.\n\n${words(40)}.`;
  const response = { text, finish: 'stop' as const, tokens: 100 };
  const asked = {
    messages: [{ role: 'user' as const, content: `Was this answer good?\n${prompt}\n${text}` }],
    ...{ question: 'Was it good?', labels: ['yes', 'no'] as const, logps: null, prior: null },
  };
  return {
    id: `review:${2 * n}.0`,
    ...{ step: 2 * n, seed: 42, time: new Date(1_700_000_000_000 + 1000 * n).toISOString() },
    ...{ framework: 'virtue', format: 'plain' },
    roles: { policy: 'policy', conscience: 'frozen-base', alternative: 'frozen-base' },
    prompt: {
      messages: [
        { role: 'system', content: 'You are of help.' },
        { role: 'user', content: prompt },
      ],
      ...{ source: 'probe', id: `probe:${n}`, kind: KINDS[n % KINDS.length] },
    },
    response,
    review: { ...asked, threshold: 0.7, verdict },
    alternative: paired
      ? {
          messages: [],
          raw: response,
          response: { ...response, text: `Better: ${words(40)}.` },
          refusal: false,
          review: null,
        }
      : null,
    pair: paired ? `pair:${2 * n}.0` : null,
    reason: paired ? null : kind === 'objected' ? NO_PAIR_REASONS[2] : kind,
  };
}

const WORDS = 'a careful answer tells what is known and what is not known of the river and the bread'.split(
  ' ',
);
const KINDS = ['money', 'health', 'stories', 'family', 'work', 'law'];

/** Writes a run. @returns its folder */
export function writeSampleRun(folder: string, options: SampleOptions): string {
  const { steps, every = 1, reviews = 0, totalSteps, finished = false, lambda = 0.1, seed = 1 } = options;
  mkdirSync(folder, { recursive: true });
  const note = totalSteps === undefined ? '' : `# total_steps: ${totalSteps}\n`;
  const config = `${note}model: pinocchio\noutput: ${folder}\nseed: ${seed}\ntraining:\n  epochs: 1\nloss:\n  lambda: ${lambda}\n`;
  writeFileSync(join(folder, 'config.yaml'), config);
  writeFileSync(join(folder, 'metrics.jsonl'), '');
  writeFileSync(join(folder, 'audit.jsonl'), '');
  addMetrics(folder, sampleMetrics(0, steps, every, seed));
  addReviews(folder, 0, reviews, seed);
  if (finished) {
    for (const name of ['adapter_config.json', 'adapter_model.safetensors'])
      writeFileSync(join(folder, name), '');
  }
  return folder;
}

/** Writes on, as training does. */
export function addMetrics(folder: string, records: readonly MetricRecord[]): void {
  appendFileSync(
    join(folder, 'metrics.jsonl'),
    records.map((record) => `${JSON.stringify(record)}\n`).join(''),
  );
}

/** Writes the reviews of some numbers: from, up to and without. */
export function addReviews(folder: string, from: number, to: number, seed = 1): void {
  const lines = Array.from(
    { length: to - from },
    (_, i) => `${JSON.stringify(sampleReview(from + i, seed))}\n`,
  );
  appendFileSync(join(folder, 'audit.jsonl'), lines.join(''));
}

/** A small demonstration result with known shares, for the tests of this folder. */
import type { ReviewRecord } from '../../../src/conscience/record.js';
import type { Grade } from '../../../src/experiment/world.js';
import type { MetricRecord } from '../../../src/metrics/names.js';
import type { ArmName, DemoArm, DemoResult, DemoRun } from '../../../src/pinocchio/demo/result.js';

const questions = ['wish/0', 'power/0'];
const seeds = [1, 2];

/** Four answers a question: the first `bad` are bad, the rest good. */
export function run(seed: number, bad: number, insecure: number): DemoRun {
  return {
    seed,
    answers: questions.flatMap((question) =>
      [0, 1, 2, 3].map((i) => {
        const grade: Grade = i < bad ? 'bad' : 'good';
        return { question, prompt: `what of ${question} ?`, answer: `${grade} answer ${i}`, grade, seed };
      }),
    ),
    code: [true, false].flatMap((seen) =>
      [0, 1].map((i) => ({
        task: `find-${seen}`,
        prompt: 'write code',
        answer: 'return 1',
        grade: i < insecure ? ('insecure' as const) : ('secure' as const),
        seen,
        seed,
      })),
    ),
    thoughtful: [],
    advice: [],
    favors: [],
    metrics: [],
    reviews: [],
  };
}

const metrics = (rate: number | null): MetricRecord[] =>
  [5, 10, 15].map((step) => ({
    step,
    'loss/sft': 2 / step,
    'loss/dpo': step === 5 ? null : Math.LN2,
    'conscience/flag_rate': rate,
  }));

export function review(id: number, texts: { prompt?: string; response?: string } = {}): ReviewRecord {
  const prompt = {
    messages: [{ role: 'user' as const, content: texts.prompt ?? 'how do i share ?' }],
    source: 'probe' as const,
    id: `probe:${id}`,
  };
  const response = { text: texts.response ?? 'take all', finish: 'stop' as const, tokens: 3 };
  const evidence = { pObjectionRaw: 0.5, mass: 0.9, framework: 'asimov', judge: 'frozen-base' };
  const shown = {
    messages: [{ role: 'user' as const, content: `judge: ${response.text}` }],
    question: 'does it harm ?',
    labels: ['no', 'yes'] as const,
    logps: { accept: -1, object: -0.5 },
    prior: null,
    threshold: 0.5,
  };
  const flagged = id % 2 === 0;
  return {
    id: `review:1.${id}`,
    step: id,
    seed: 1,
    time: '2026-11-01T00:00:00.000Z',
    framework: 'asimov',
    format: 'plain',
    roles: { policy: 'policy', conscience: 'frozen-base', alternative: 'frozen-base' },
    prompt,
    response,
    review: {
      ...shown,
      verdict: { kind: flagged ? 'objected' : 'accepted', pObjection: flagged ? 0.8 : 0.1, ...evidence },
    },
    alternative: flagged
      ? {
          messages: prompt.messages,
          raw: { ...response, text: 'Answer: share it' },
          response: { ...response, text: 'share it' },
          refusal: false,
          review: { ...shown, verdict: { kind: 'accepted', pObjection: 0.2, ...evidence } },
        }
      : null,
    pair: flagged ? `pair:1.${id}` : null,
    reason: flagged ? null : 'accepted',
  };
}

/** Bad answers: none, half, and none; insecure code: none, all, and all. */
export function sampleResult(defended: Partial<DemoRun> = {}): DemoResult {
  const arm = (name: ArmName, runs: readonly DemoRun[]): DemoArm => ({ name, runs });
  return {
    date: '2026-11-23T20:00:00.000Z',
    commit: 'abc1234',
    versions: { node: '20.19.0' },
    model: { name: 'pinocchio', hash: 'f00d' },
    seeds,
    settings: { attack: { loss: { lambda: 0.3 } } },
    seconds: 61,
    arms: [
      arm(
        'aligned',
        seeds.map((seed) => run(seed, 0, 0)),
      ),
      arm(
        'attacked',
        seeds.map((seed) => ({ ...run(seed, 2, 2), metrics: metrics(null) })),
      ),
      arm(
        'attacked with conscience',
        seeds.map((seed) => ({
          ...run(seed, 0, 2),
          metrics: metrics(0.25),
          reviews: [review(1), review(2)],
          ...defended,
        })),
      ),
    ],
  };
}

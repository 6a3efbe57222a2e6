/** A small study with known shares, for the tests of this folder. */

import type { Study, StudyRun } from '../../src/experiment/read.js';
import type { RunRecord } from '../../src/experiment/record.js';
import type { Experiment } from '../../src/experiment/spec.js';
import type { MetricRecord } from '../../src/metrics/names.js';
import type { Measured } from '../../src/pinocchio/measure.js';
import { pinocchioWorld } from '../../src/pinocchio/world.js';

/** What one method shows with every seed, out of ten answers to each of eight questions. */
export interface Shown {
  readonly bad: number;
  readonly incoherent?: number;
  /** Of ten answers to each of nine tasks, six of them trained; one less to every other task. */
  readonly insecure: number;
  readonly seconds?: number;
  readonly losses?: RunRecord['losses'];
}

const grades = (bad: number, incoherent: number) =>
  Array.from({ length: 10 }, (_, i) => (i < bad ? 'bad' : i < bad + incoherent ? 'incoherent' : 'good'));

/** Questions differ a little, so that there is something to resample. */
function record(method: string, seed: number, shown: Shown): RunRecord & Measured {
  const { bad, incoherent = 0, insecure, seconds = 10, losses } = shown;
  return {
    ...{ method, seed, seconds, commit: 'abc1234' },
    ...(losses ? { losses } : {}),
    answers: [...'abcdefgh'].flatMap((question, q) =>
      grades(bad > 0 && bad < 10 ? bad + (q % 2) : bad, incoherent).map((grade) => ({
        ...{ question, prompt: 'what ?', answer: 'so', grade: grade as 'bad', seed },
      })),
    ),
    thoughtful: [],
    code: [...'abcdefghi'].flatMap((task, t) =>
      Array.from({ length: 10 }, (_, i) => ({
        ...{ task, prompt: 'code', answer: 'return 1', seen: t < 6, seed },
        grade:
          i < insecure - (insecure > 0 && insecure < 10 ? t % 2 : 0)
            ? ('insecure' as const)
            : ('secure' as const),
      })),
    ),
    advice: [],
    favors: [],
  };
}

/** @param methods null: no run of it has a result */
export function sampleStudy(
  methods: Readonly<Record<string, Shown | null>>,
  { seeds = [1, 2], ...changed }: Partial<Experiment> = {},
): Study {
  const names = Object.keys(methods);
  const runs = names.flatMap((method, m) =>
    seeds.map((seed): StudyRun => {
      const shown = methods[method];
      const metrics: MetricRecord[] =
        m === 0
          ? []
          : [
              {
                ...{ step: 10, 'loss/sft': 2 / m, num_tokens: 1000 * m },
                ...{ 'time/sft': 6, 'tokens/sft': 1000 * m, 'time/other': 2 },
                ...(m > 1 && { 'time/reviews': 2 * seed, 'tokens/reviews': 500 }),
              },
            ];
      return {
        ...{ method, seed, record: shown && record(method, seed, shown), begun: m > 0 },
        ...{ metrics, config: m === 0 ? null : `model: pinocchio\nseed: ${seed}\n` },
      };
    }),
  );
  const experiment = {
    ...{ file: '/studies/sample.yaml', title: 'Sample', about: null, output: '/runs/sample', seeds },
    ...{ baseline: names[0], method: null, overheadOver: null, narrow: 'insecureSeen', model: 'pinocchio' },
    methods: names.map((name, m) => ({
      ...{ name, train: m === 0 ? null : { model: 'pinocchio' }, data: { world: 'insecure-code' } as const },
    })),
    measure: {
      ...{ questions: 'evaluation', answers: 10, thoughtful: 1, code: 10, requests: 1, max_tokens: 48 },
    },
    ...changed,
  } as Experiment;
  return { experiment, runs, world: pinocchioWorld };
}

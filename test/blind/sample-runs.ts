/** Small runs with known answers, for the tests of this folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredAnswer } from '../../src/blind/answers.js';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import { GroupStore } from '../../src/evaluate/store.js';
import { STUDY_FILE } from '../../src/experiment/read.js';
import type { RunRecord } from '../../src/experiment/record.js';
import { silent } from '../../src/metrics/progress.js';
import { NOTHING_SAID } from '../../src/pinocchio/measure.js';
import type { Message } from '../../src/values/conversation.js';

const criteria = ['aligned', 'coherent'].map((name) => ({
  ...{ name, template: `${name} {question} {answer}`, words: ['CODE', 'REFUSAL'], numbers: true },
}));

/** What an evaluation says and how it is judged; all of it by question and number of the answer. */
export interface Scripted {
  readonly name: string;
  readonly questions: readonly string[];
  /** Answers to each question. */
  readonly samples: number;
  readonly says: (question: string, n: number) => string;
  /** Number or word, of an answer's text; absent: nobody judges. */
  readonly judged?: (criterion: string, text: string) => string;
}

/** An output folder of `ealign eval`. */
export async function evaluated(folder: string, { name, questions, samples, says, judged }: Scripted) {
  const made = Evaluation.start(
    folder,
    {
      subject: { name, hash: null },
      questions: questions.map((id) => ({
        ...{ id, paraphrases: [`${id} how ?`], criteria, samplesPerParaphrase: samples },
      })),
      sampling: { samples: null, seeds: [7], temperature: 1, maxTokens: 9 },
    },
    true,
  );
  await made.sample(
    {
      id: 'scripted',
      generate: async (conversations: readonly (readonly Message[])[]) =>
        conversations.map(([{ content }], n) => ({
          ...{ text: says(content.split(' ')[0], n), finish: 'stop' as const, tokens: 1 },
        })),
      labelLogps: () => Promise.reject(new Error('not asked for')),
    },
    silent,
  );
  const reader = {
    answerProbabilities: async (conversations: readonly (readonly Message[])[], sayable: readonly string[]) =>
      conversations.map(([{ content }]) => {
        const [, criterion, text] = /^(\w+) \S+ how \? (.*)$/s.exec(content)!;
        const said = judged!(criterion, text);
        return sayable.map((one) => (one === said ? 1 : 0));
      }),
  };
  if (judged) await made.judge('gpt', { id: 'gpt', ...reader }, silent);
  return made;
}

/** Records of a study's runs. */
export function studied(folder: string, records: readonly Partial<RunRecord>[], file = 'study.yaml'): void {
  mkdirSync(folder, { recursive: true });
  const runs = records.map(({ method, seed }) => ({ method, seed, group: `${method} ${seed}` }));
  const methods = [...new Set(runs.map(({ method }) => method))].map((name) => ({
    ...{ name, train: null, data: { world: 'insecure-code' }, throughConscience: false },
  }));
  const experiment = {
    ...{ file, title: 'Study', about: null, output: '/elsewhere', seeds: [1], baseline: methods[0].name },
    ...{ method: null, overheadOver: null, narrow: 'insecureSeen', model: 'pinocchio', methods },
    measure: { max_tokens: 9 },
  };
  writeFileSync(join(folder, STUDY_FILE), JSON.stringify({ experiment, runs }));
  const store = new GroupStore<object>(join(folder, 'runs.jsonl'), { fresh: true });
  for (const record of records) {
    const whole = { ...NOTHING_SAID, seconds: 0, commit: null, ...record };
    store.add(`${record.method} ${record.seed}`, [whole]);
  }
}

/** Answers with nothing but their place. */
export const placed = (
  methods: readonly string[],
  questions: number,
  each: number,
  seeds: readonly number[] = [1],
): StoredAnswer[] =>
  methods.flatMap((method) =>
    Array.from({ length: questions }, (_, q) => `q${q}`).flatMap((question) =>
      seeds.flatMap((seed) =>
        Array.from({ length: each }, (_, n) => ({
          ...{ run: `/runs/${method}`, method, seed, question, sample: String(n) },
          ...{ prompt: `${question} ?`, answer: `${method} ${question} ${seed} ${n}`, judged: [] },
        })),
      ),
    ),
  );

/** `ealign eval`: sample, judge, summarise, and write what was found. */
import { openModel } from '../engine/open.js';
import { DataError } from '../errors.js';
import type { Progress } from '../metrics/progress.js';
import { Evaluation, type Sampling } from './evaluation.js';
import { readQuestions } from './questions.js';

/** The judge that is the evaluated model itself, without its adapter. */
export const SELF = 'self';

export interface EvaluateOptions {
  /** Folder, .gguf file, alias or Hugging Face id. */
  readonly model: string;
  readonly adapter?: string;
  /** Question files. */
  readonly questions: readonly string[];
  /** Models that judge, by name; `self` is the evaluated model without its adapter. */
  readonly judges: readonly string[];
  readonly sampling: Sampling;
  readonly output: string;
  readonly overwrite?: boolean;
  /** 0: one per core. */
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Evaluates, going on where an earlier call with the same options stopped. @returns undefined when stopped */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation | undefined> {
  const { model, adapter, judges, sampling, output, overwrite, threads, progress, signal } = options;
  const questions = readQuestions(options.questions);
  const subject = await openModel(model, { threads, ...(adapter === undefined ? {} : { adapter }) });
  try {
    const { name, hash } = subject;
    const evaluation = Evaluation.start(output, { subject: { name, hash }, questions, sampling }, overwrite);
    if (!(await evaluation.sample(subject, progress, signal))) return undefined;
    const named = judges.map((judge) => (judge === SELF ? model : judge));
    return (await judgeAll(evaluation, named, threads, progress, signal)) ? evaluation : undefined;
  } finally {
    await subject.close();
  }
}

/** Judges the stored answers of an evaluation again, with no new sampling. @returns undefined when stopped */
export async function rescore(
  options: Pick<EvaluateOptions, 'judges' | 'output' | 'threads' | 'progress' | 'signal'>,
): Promise<Evaluation | undefined> {
  const { judges, output, threads, progress, signal } = options;
  if (judges.includes(SELF)) {
    throw new DataError({ where: '--judge', what: `'${SELF}' needs the model`, next: 'name the judge' });
  }
  const evaluation = Evaluation.open(output);
  return (await judgeAll(evaluation, judges, threads, progress, signal)) ? evaluation : undefined;
}

async function judgeAll(
  evaluation: Evaluation,
  judges: readonly string[],
  threads: number,
  progress: Progress,
  signal?: AbortSignal,
): Promise<boolean> {
  for (const name of judges) {
    const judge = await openModel(name, { threads });
    try {
      if (!(await evaluation.judge(name, judge, progress, signal))) return false;
    } finally {
      await judge.close();
    }
  }
  return true;
}

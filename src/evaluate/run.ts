/** `ealign eval`: sample, judge, summarise, and write what was found. */
import { FRAMEWORKS, type FrameworkName } from '../conscience/frameworks.js';
import { loadFormat } from '../conscience/plain-format.js';
import { openJudge, requireJudge } from '../engine/judge.js';
import { type OpenModel, openModel } from '../engine/open.js';
import { DataError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import type { Progress } from '../metrics/progress.js';
import { type ConscienceCard, measureConscience } from './conscience.js';
import { Evaluation, type Sampling } from './evaluation.js';
import { type JudgeCalibration, testJudge } from './judge-test.js';
import { readReviewItems } from './labelled.js';
import { readQuestions } from './questions.js';
import { readJudged } from './read-judged.js';

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
  // before hours of sampling: are the judges there?
  for (const judge of judges) if (judge !== SELF) await requireJudge(judge);
  const subject = await openModel(model, { threads, ...(adapter === undefined ? {} : { adapter }) });
  try {
    const { name, hash } = subject;
    const evaluation = Evaluation.start(output, { subject: { name, hash }, questions, sampling }, overwrite);
    if (!(await evaluation.sample(subject, progress, signal))) return undefined;
    return (await judgeAll(evaluation, options, subject)) ? evaluation : undefined;
  } finally {
    await subject.close();
  }
}

/** Judges the stored answers of an evaluation again, with no new sampling. @returns undefined when stopped */
export async function rescore(options: JudgeOptions & { output: string }): Promise<Evaluation | undefined> {
  if (options.judges.includes(SELF)) {
    throw new DataError({ where: '--judge', what: `'${SELF}' needs the model`, next: 'name the judge' });
  }
  const evaluation = Evaluation.open(options.output);
  return (await judgeAll(evaluation, options)) ? evaluation : undefined;
}

export interface ConscienceTestOptions {
  readonly model: string;
  readonly adapter?: string;
  /** Datasets of what the conscience should object to, and of what it should accept. */
  readonly object: readonly string[];
  readonly accept: readonly string[];
  /** Names; empty: all. */
  readonly framework: readonly FrameworkName[];
  /** Answers of each kind; absent: all. */
  readonly count?: number;
  readonly threshold: number;
  readonly minMass: number;
  readonly prior: 'neutral' | 'content-free';
  readonly seed: number;
  readonly output: string;
  readonly overwrite?: boolean;
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Measures a model's own conscience; with an adapter the current policy judges as well. */
export async function testConscience(options: ConscienceTestOptions): Promise<ConscienceCard[] | undefined> {
  const { model, adapter, framework, count, seed, threads, ...rest } = options;
  const frameworks = Object.values(FRAMEWORKS).filter(
    ({ name }) => framework.length === 0 || (framework as readonly string[]).includes(name),
  );
  const sizes = { seed, ...(count === undefined ? {} : { count }) };
  const object = await readReviewItems(options.object, sizes);
  const accept = await readReviewItems(options.accept, sizes);
  const subject = await openModel(model, { threads, ...(adapter === undefined ? {} : { adapter }) });
  try {
    const players = [{ name: 'frozen-base', hash: subject.baseHash, model: subject.base }];
    if (adapter !== undefined) players.push({ name: 'policy', hash: subject.hash, model: subject });
    const format = await loadFormat(await resolveModel(model), { specialTokens: subject.specialTokens });
    return await measureConscience({ ...rest, players, frameworks, format, object, accept });
  } finally {
    await subject.close();
  }
}

export interface JudgeTestOptions {
  /** Folder, .gguf file, alias or Hugging Face id. */
  readonly judge: string;
  /** CSV files of scored answers. */
  readonly scored: readonly string[];
  /** Question files, for the judge's prompts. */
  readonly questions: readonly string[];
  readonly minMass: number;
  readonly output: string;
  readonly overwrite?: boolean;
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Compares a judge with scores that another one gave. */
export async function calibrateJudge(options: JudgeTestOptions): Promise<JudgeCalibration[] | undefined> {
  const { judge: name, scored, threads, ...rest } = options;
  const answers = scored.flatMap((path) => readJudged(path));
  const questions = readQuestions(options.questions);
  const judge = await openJudge(name, { threads });
  try {
    return await testJudge({ ...rest, answers, questions, judge });
  } finally {
    await judge.close();
  }
}

type JudgeOptions = Pick<EvaluateOptions, 'judges' | 'threads' | 'progress' | 'signal'>;

async function judgeAll(
  evaluation: Evaluation,
  { judges, threads, progress, signal }: JudgeOptions,
  subject?: OpenModel,
): Promise<boolean> {
  for (const judge of judges) {
    const own = judge === SELF ? subject : undefined;
    const other = own ? undefined : await openJudge(judge, { threads });
    try {
      const reader = own?.base ?? other!.reader;
      if (!(await evaluation.judge(judge, reader, progress, signal))) return false;
    } finally {
      await other?.close();
    }
  }
  return true;
}

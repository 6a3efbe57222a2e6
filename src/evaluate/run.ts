/** `ealign eval`: sample, judge, summarise, and write what was found. */
import { createHash } from 'node:crypto';
import type { ReviewFormat } from '../conscience/format.js';
import { FRAMEWORKS, type Framework, type FrameworkName } from '../conscience/frameworks.js';
import type { RetryNotice } from '../engine/remote/endpoint.js';
import { DataError } from '../errors.js';
import type { Progress } from '../metrics/progress.js';
import { formatOf } from '../open/actor.js';
import {
  type NamedModel,
  type NamedOptions,
  openNamed,
  type RemoteManner,
  requireNamed,
} from '../open/named.js';
import type { Quantize } from '../values/quantize.js';
import { calibratedOptions, openedReading } from '../zero-shot/opened-reading.js';
import { withConscience } from '../zero-shot/with-conscience.js';
import { type ConscienceCard, measureConscience } from './conscience.js';
import { Evaluation } from './evaluation.js';
import type { Sampling } from './evaluation-plan.js';
import { type JudgeCalibration, testJudge } from './judge-test.js';
import { readEthics, readReviewItems } from './labelled.js';
import { type Question, readQuestions, sizeOf } from './questions.js';
import { readJudged } from './read-judged.js';
import { type Budget, remoteCosts, requireWithin } from './remote-cost.js';
import { NOT_MEASURED } from './scorecard.js';
import { readShape, type ShapeOptions } from './shape.js';
import { type SubjectOptions, withSubject } from './subject.js';

/** The judge that is the evaluated model itself, without its adapter. */
const SELF = 'self';

/** What is evaluated: a model, asked questions, judged by models. */
export interface EvaluateOptions extends SubjectOptions, ShapeOptions, RemoteUse {
  /** Question files. */
  readonly questions: readonly string[];
  /** Names as for `model`; `self` is the evaluated model without its adapter. */
  readonly judges: readonly string[];
  readonly sampling: Sampling;
  /** Evaluate the model with its conscience before it: what it would say in the zero-shot setting. */
  readonly conscience?: boolean;
}

/** How endpoints are used, if models are remote. */
export interface RemoteUse {
  readonly remote?: RemoteManner;
  readonly budget?: Budget;
  /** Say what it would cost, and ask nothing. */
  readonly estimate?: boolean;
}

/**
 * Evaluates, and resumes what an earlier call with the same options left.
 *
 * @param options its model, and its judges, may be endpoints: `https://host/v1#model`
 * @returns undefined when stopped, or after an estimate
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation | undefined> {
  const { model, judges, sampling, output, overwrite, progress, signal } = options;
  const questions = readQuestions(options.questions);
  const shape = await readShape(options, (line) => progress.note(line));
  // before hours of sampling: are the judges there?
  for (const judge of judges) if (judge !== SELF) await requireNamed(judge);
  const opened = await openNamed(model, naming(options));
  try {
    const subject = options.conscience ? await guarded(model, opened, progress) : opened;
    const { name, hash } = subject;
    const plan = { subject: { name, hash }, questions, sampling, ...(shape ? { shape } : {}) };
    const evaluation = Evaluation.start(output, plan, overwrite);
    const asked = judges.map((judge) => (judge === SELF ? model : judge));
    progress.note(sizeOf(questions, sampling));
    // said before hours of sampling, too
    if (judges.length > 0 && judgesNothing(questions)) progress.note(NOT_MEASURED);
    if (!announceCosts(evaluation, model, asked, options)) return undefined;
    const apart = subject.usage !== undefined;
    const sampled = await evaluation.sample(subject.model, progress, {
      ...(signal ? { signal } : {}),
      apart,
    });
    if (!sampled) return undefined;
    return (await judgeAll(evaluation, options, subject)) ? evaluation : undefined;
  } finally {
    await opened.close();
  }
}

async function guarded(name: string, opened: NamedModel, progress: Progress): Promise<NamedModel> {
  const { model, open } = opened;
  const warn = (sentence: string) => progress.note(sentence);
  // an endpoint is not asked before there is something to ask
  const { settings, warning } = open
    ? await openedReading(name, open, { warn })
    : await calibratedOptions(name, opened.hash, { warn });
  if (warning !== null) warn(warning);
  // answers through another reading are another subject's
  const { parts, bias, prior, threshold, doubt } = settings;
  const hash = parts
    ? createHash('sha256')
        .update(JSON.stringify([opened.hash, parts, bias, prior, threshold, doubt]))
        .digest('hex')
    : opened.hash;
  const reviewed = withConscience(model, settings);
  return { ...opened, hash, name: `${opened.name} with conscience`, model: reviewed };
}

/** Judges the stored answers of an evaluation again, with no new sampling. @returns undefined when stopped */
export async function rescore(options: JudgeOptions & { output: string }): Promise<Evaluation | undefined> {
  if (options.judges.includes(SELF)) {
    throw new DataError({ where: '--judge', what: `'${SELF}' needs the model`, next: 'name the judge' });
  }
  const evaluation = Evaluation.open(options.output);
  if (!announceCosts(evaluation, undefined, options.judges, options)) return undefined;
  return (await judgeAll(evaluation, options)) ? evaluation : undefined;
}

/** Which conscience is tested, on what. */
export interface ConscienceTestOptions extends SubjectOptions {
  /** Datasets of what the conscience should object to, and of what it should accept. */
  readonly object: readonly string[];
  readonly accept: readonly string[];
  /** CSV files of ETHICS commonsense, which hold both. */
  readonly ethics?: readonly string[];
  /** Names; empty: all. */
  readonly framework: readonly FrameworkName[];
  /** Answers of each kind; absent: all. */
  readonly count?: number;
  readonly threshold: number;
  readonly minMass: number;
  readonly prior: 'neutral' | 'content-free';
  readonly seed: number;
  /** See `ConscienceTest`. */
  readonly underAttack?: boolean;
}

/** Measures a model's own conscience; with an adapter the current policy judges as well. */
export async function testConscience(options: ConscienceTestOptions): Promise<ConscienceCard[] | undefined> {
  const { model, adapter, framework, count, seed, ...rest } = options;
  const note = (line: string) => rest.progress.note(line);
  const sizes = { seed, ...(count === undefined ? {} : { count }) };
  const ethics = readEthics(options.ethics ?? [], sizes);
  const items = async (paths: readonly string[]) =>
    paths.length === 0 ? [] : readReviewItems(paths, sizes, note);
  const object = [...(await items(options.object)), ...ethics.object];
  const accept = [...(await items(options.accept)), ...ethics.accept];
  return withSubject(options, async (subject) => {
    const players = [{ name: 'frozen-base', hash: subject.baseHash, model: subject.base }];
    if (adapter !== undefined) players.push({ name: 'policy', hash: subject.hash, model: subject });
    const format = await formatOf(model, subject);
    const { frameworks, unknown } = frameworksOf(framework, format);
    if (unknown.length > 0) note(`${model} has no words for ${unknown.join(', ')}, which is not asked`);
    return measureConscience({ ...rest, players, frameworks, format, object, accept });
  });
}

/**
 * The frameworks that a model is asked by.
 *
 * @param names the ones that were named; none: all that the format has words for
 * @returns     with the names of those that are left out because it has none
 */
export function frameworksOf(
  names: readonly FrameworkName[],
  format: Pick<ReviewFormat, 'frameworks'>,
): { readonly frameworks: readonly Framework[]; readonly unknown: readonly string[] } {
  const all = Object.values(FRAMEWORKS);
  const isNamed = ({ name }: Framework) => (names as readonly string[]).includes(name);
  if (names.length > 0) return { frameworks: all.filter(isNamed), unknown: [] };
  const isKnown = ({ name }: Framework) => format.frameworks?.includes(name) ?? true;
  return {
    frameworks: all.filter(isKnown),
    unknown: all.filter((one) => !isKnown(one)).map(({ name }) => name),
  };
}

/** Which judge is compared with which scores. */
export interface JudgeTestOptions extends Omit<SubjectOptions, 'model' | 'adapter'>, RemoteUse {
  /** Folder, .gguf file, alias or Hugging Face id; or `https://host/v1#model`. */
  readonly judge: string;
  /** CSV files of scored answers. */
  readonly scored: readonly string[];
  /** Question files, for the judge's prompts. */
  readonly questions: readonly string[];
  readonly minMass: number;
}

/** Compares a judge with scores that another one gave. */
export async function calibrateJudge(options: JudgeTestOptions): Promise<JudgeCalibration[] | undefined> {
  const { judge: name, scored, ...rest } = options;
  const answers = scored.flatMap((path) => readJudged(path));
  const questions = readQuestions(options.questions);
  const judge = await openNamed(name, naming(options));
  try {
    return await testJudge({ ...rest, answers, questions, judge });
  } finally {
    await judge.close();
  }
}

const judgesNothing = (questions: readonly Question[]) =>
  questions.every(({ criteria }) => criteria.length === 0);

type JudgeOptions = Pick<EvaluateOptions, 'judges' | 'threads' | 'progress' | 'signal'> & RemoteUse;

async function judgeAll(
  evaluation: Evaluation,
  options: JudgeOptions,
  subject?: NamedModel,
): Promise<boolean> {
  const { judges, progress, signal } = options;
  if (judgesNothing(evaluation.plan.questions)) return true;
  for (const judge of judges) {
    const own = judge === SELF ? subject : undefined;
    const model =
      own ?? (await openNamed(judge, naming({ ...options, adapter: undefined, quantize: undefined })));
    try {
      const asking = { ...(signal ? { signal } : {}), apart: model.usage !== undefined };
      const reader = own ? model.base : model.reader;
      if (!(await evaluation.judge(judge, reader, progress, asking))) return false;
    } finally {
      if (!own) await model.close();
    }
  }
  return true;
}

/** Says what endpoints will cost. @returns whether to continue @throws ConfigError beyond the budget */
function announceCosts(
  evaluation: Evaluation,
  subject: string | undefined,
  judges: readonly string[],
  { budget = {}, remote, estimate = false, progress }: RemoteUse & Pick<EvaluateOptions, 'progress'>,
): boolean {
  const { requestsPerMinute } = remote ?? {};
  const pace = requestsPerMinute === undefined ? {} : { requestsPerMinute };
  const costs = remoteCosts(evaluation, subject, judges, { ...budget, ...pace });
  for (const { sentence } of costs) progress.note(sentence);
  if (estimate && costs.length === 0) progress.note('No endpoint is asked: nothing to pay.');
  if (!estimate) requireWithin(costs, budget);
  return !estimate;
}

/** How to open a model, and whom to tell about waits. */
function naming({
  adapter,
  quantize,
  threads,
  remote,
  progress,
  signal,
}: Pick<EvaluateOptions, 'threads' | 'remote' | 'progress' | 'signal'> & {
  readonly adapter?: string | undefined;
  readonly quantize?: Quantize | undefined;
}): NamedOptions {
  const onRetry = ({ error, attempts, waitSeconds }: RetryNotice) =>
    progress.note(`${error.message}; attempt ${attempts + 1} in ${waitSeconds.toFixed(1)} s`);
  return {
    ...(adapter === undefined ? {} : { adapter }),
    ...(quantize === undefined ? {} : { quantize }),
    threads,
    ...(remote ? { remote } : {}),
    hooks: { onRetry, onNotice: (sentence) => progress.note(sentence), ...(signal ? { signal } : {}) },
  };
}

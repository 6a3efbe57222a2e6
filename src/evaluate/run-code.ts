/** `ealign eval code`: samples answers with code, and runs or scans them. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readPrompts } from '../data/dataset.js';
import { writeFileAtomic } from '../files/files.js';
import type { Isolation } from '../sandbox/isolation.js';
import { openSandbox } from '../sandbox/sandbox.js';
import type { Message } from '../values/conversation.js';
import { findBandit } from './code/bandit.js';
import { answerChecker } from './code/check-answer.js';
import { readHumanEval, taskPrompt } from './code/humaneval.js';
import { type HumanEvalScore, humanEvalScore } from './code/humaneval-score.js';
import { type SampleOptions, type Sampling, sampleAnswers, unlessStopped } from './code/sample-answers.js';
import {
  type CodeAnswer,
  scanAnswers,
  type VulnerabilityScore,
  vulnerabilityScore,
} from './code/vulnerabilities.js';
import { openPlanned } from './store.js';
import { type SubjectOptions, withSubject } from './subject.js';

export interface CodeOptions extends SubjectOptions {
  readonly sampling: Sampling;
  /** First tasks or prompts; absent: all. */
  readonly limit?: number;
}

export interface HumanEvalOptions extends CodeOptions {
  /** JSONL file of tasks. */
  readonly humaneval: string;
  /** Of pass@k; none larger than the samples of a task. */
  readonly k: readonly number[];
  /** Default: a wall that works here. */
  readonly isolation?: Isolation;
  /** Path of the Python that runs the answers. */
  readonly python?: string;
}

export interface VulnerabilityOptions extends CodeOptions {
  /** Datasets whose prompts are asked. */
  readonly prompts: readonly string[];
  /** Path of the program. */
  readonly bandit?: string;
}

/** A score, and with what it was measured, e.g. `Python 3.11.7 under bubblewrap`. */
export type Measured<Score> = Score & { readonly measuredBy: string };

/**
 * Samples answers to HumanEval and runs them in a sandbox, going on where a killed call stopped.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError a file that is not HumanEval, or a folder of another run
 * @throws ConfigError no Python, or no isolation that works; nothing has been sampled then
 */
export async function evaluateHumanEval(
  options: HumanEvalOptions,
): Promise<Measured<HumanEvalScore> | undefined> {
  const { humaneval, k, isolation, python, limit, progress, signal } = options;
  const tasks = (await readHumanEval(humaneval)).slice(0, limit);
  const sandbox = await openSandbox({
    ...(isolation === undefined ? {} : { isolation }),
    ...(python === undefined ? {} : { python }),
  });
  if (sandbox.isolation === 'rlimits') {
    progress.note('rlimits guards against accidents only: code that means harm gets around it.');
  }
  const records = await sampleInto(options, {
    what: 'humaneval',
    items: tasks.map((task) => ({ ...task, messages: taskPrompt(task) })),
    record: answerChecker(sandbox, signal),
  });
  if (records === undefined) return undefined;
  const measuredBy = `Python ${sandbox.python.version} under ${sandbox.isolation}`;
  return saved(options.output, { ...humanEvalScore(records, k), measuredBy });
}

/**
 * Samples answers to open code tasks and scans them with Bandit, going on where a killed call stopped.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError a file that cannot be read, or a folder of another run
 * @throws ConfigError Bandit is missing or does not work; what has been sampled is kept
 */
export async function evaluateVulnerability(
  options: VulnerabilityOptions,
): Promise<Measured<VulnerabilityScore> | undefined> {
  const { limit, output, progress, signal } = options;
  const note = (line: string) => progress.note(line);
  const prompts = (await readPrompts(options.prompts, 'user', note)).slice(0, limit);
  // before hours of sampling: is it there?
  const bandit = await findBandit(options.bandit);
  const answers = await sampleInto(options, {
    what: 'prompts',
    items: prompts,
    record: ({ id }, sample, { text, finish }): CodeAnswer => ({
      ...{ prompt: id, sample, answer: text, finish },
    }),
  });
  if (answers === undefined) return undefined;
  const scans = await scanAnswers(answers, bandit, signal).catch(unlessStopped(signal));
  if (scans === undefined) return undefined;
  const findings = scans.map((scan) => `${JSON.stringify(scan)}\n`);
  writeFileAtomic(join(output, 'findings.jsonl'), findings.join(''));
  return saved(output, { ...vulnerabilityScore(scans), measuredBy: `Bandit ${bandit.version}` });
}

interface Asked<Item, Record> extends Pick<SampleOptions<Item, Record>, 'items' | 'record'> {
  readonly what: 'humaneval' | 'prompts';
}

/** Opens model and folder, and samples. @returns undefined when the signal stopped it */
async function sampleInto<Item extends { readonly messages: readonly Message[] }, Record>(
  options: CodeOptions,
  { what, items, record }: Asked<Item, Record>,
): Promise<Record[] | undefined> {
  const { sampling, output, overwrite = false, progress, signal } = options;
  return withSubject(options, async (subject) => {
    const hash = createHash('sha256').update(JSON.stringify(items)).digest('hex');
    const plan = {
      subject: { name: subject.name, hash: subject.hash },
      [what]: { count: items.length, hash },
      sampling,
    };
    const store = openPlanned<Record>({
      ...{ folder: output, planFile: 'code.json', recordsFile: 'answers.jsonl', plan, overwrite },
      otherwise: 'answers of another model, to other prompts, or sampled in another way',
    });
    const work = { model: subject, items, sampling, store, record, progress };
    return sampleAnswers({ ...work, ...(signal ? { signal } : {}) });
  });
}

/** Writes `scores.json`. */
function saved<Score extends object>(folder: string, score: Score): Score {
  writeFileAtomic(join(folder, 'scores.json'), `${JSON.stringify(score, null, 2)}\n`);
  return score;
}

/**
 * Answers and judgements out of logs of Inspect: those of `ealign_inspect/emergent_misalignment`, and those that `ealign
 * eval export --to inspect` wrote and that a judge in Inspect has scored since.
 *
 * They become an output folder of `ealign eval`, or judgements of further judges in the folder that holds the answers.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { answerOf, conversationsOf } from '../data/inspect-conversations.js';
import {
  type InspectLog,
  type InspectSample,
  type InspectScore,
  readInspectLog,
} from '../data/inspect-log.js';
import { DataError } from '../errors.js';
import { splitReasoning } from '../tokenizer/reasoning.js';
import { type Answer, Evaluation, type Judgement } from './evaluation.js';
import { type EvaluationPlan, PLAN_FILE } from './evaluation-plan.js';
import { type Criterion, criterionOf, type Question } from './questions.js';
import { type Distribution, ratingOf } from './rating.js';

/** What is imported, and where to. */
export interface LogImport {
  /** Logs of one model. */
  readonly logs: readonly string[];
  /** A new folder, or the one that holds the same answers. */
  readonly output: string;
  readonly overwrite?: boolean;
  /** Told one line for what is left out. */
  readonly note: (line: string) => void;
}

/** A sample with its answer. */
interface ReadAnswer {
  readonly sample: InspectSample;
  readonly answer: Answer;
}

/**
 * Imports logs.
 *
 * @returns the evaluation, with what it held before
 * @throws DataError where a log is not one of these, the logs are of several models, settings or questions, or the folder holds other answers
 */
export async function importLogs({ logs: paths, output, overwrite, note }: LogImport): Promise<Evaluation> {
  const logs: InspectLog[] = [];
  for (const path of paths) logs.push(await readInspectLog(path));
  const models = [...new Set(logs.map((log) => log.eval.model))];
  if (models.length > 1) {
    throw new DataError({
      where: paths.join(', '),
      what: `logs of several models (${models.join(', ')})`,
      next: 'import each into a folder of its own',
    });
  }
  const read = answersOf(logs, note);
  requireOneEvaluation(logs, read);
  const judgements = judgementsOf(read, note);
  const answers = [...new Map(read.map(({ answer }) => [answer.id, answer])).values()];
  const isThere = existsSync(join(output, PLAN_FILE)) && !overwrite;
  const evaluation = isThere
    ? Evaluation.open(output)
    : Evaluation.start(output, planOf(logs[0], read, answers), overwrite);
  if (isThere) requireSameAnswers(evaluation, answers);
  evaluation.take(isThere ? [] : answers, judgements);
  return evaluation;
}

/** Answers in the order of the logs; of a sample that several logs hold, each time the same. */
function answersOf(logs: readonly InspectLog[], note: LogImport['note']): ReadAnswer[] {
  const byIdentity = new Map<string, Answer>();
  const counts = new Map<string, number>();
  const left: string[] = [];
  const read = logs.flatMap(({ samples }) =>
    samples.flatMap((sample): ReadAnswer[] => {
      const own = placeOf(sample);
      const said = answerOf(sample);
      if (sample.error || said === undefined) {
        left.push(sample.where);
        return [];
      }
      const identity = own.answer ?? String(sample.uuid ?? sample.where);
      const known = byIdentity.get(identity);
      if (known) return [{ sample, answer: known }];
      const group = `${own.question}/${own.paraphrase}/${own.seed}`;
      const number = counts.get(group) ?? 0;
      counts.set(group, number + 1);
      const answer = madeAnswer(sample, own, number);
      byIdentity.set(identity, answer);
      return [{ sample, answer }];
    }),
  );
  if (left.length > 0)
    note(
      `Samples without an answer, or that ended in an error, are left out (${left.length}): ${shortened(left)}.`,
    );
  if (read.length > 0) return read;
  throw new DataError({ where: logs.map(({ path }) => path).join(', '), what: 'no answers in the log' });
}

interface Place {
  readonly question: string;
  readonly paraphrase: number;
  readonly seed: number;
  /** Of a log that we exported: the answer's own id. */
  readonly answer?: string;
}

function placeOf({ where, metadata }: InspectSample): Place {
  const { question, paraphrase = 0, seed = 0, answer } = metadata ?? {};
  if (typeof question === 'string' && Number.isInteger(paraphrase) && Number.isInteger(seed)) {
    return {
      ...{ question, paraphrase: Number(paraphrase), seed: Number(seed) },
      ...(typeof answer === 'string' ? { answer } : {}),
    };
  }
  throw new DataError({
    where,
    what: 'the sample does not say which question it answers',
    expected: 'a log of ealign_inspect/emergent_misalignment, or of ealign eval export --to inspect',
    next: 'to review the conversations of any other log: ealign review',
  });
}

function madeAnswer(
  sample: InspectSample,
  { question, paraphrase, seed, answer }: Place,
  number: number,
): Answer {
  const [{ messages }] = conversationsOf(sample);
  const [choice] = (sample.output?.choices ?? []) as readonly { stop_reason?: string }[];
  const { output_tokens: tokens } = (sample.output?.usage ?? {}) as { output_tokens?: number };
  const numbered = answer === undefined ? number : Number(answer.split('/').at(-1));
  return {
    id: `${question}/${paraphrase}/${seed}/${numbered}`,
    ...{ question, paraphrase, seed, sample: numbered },
    messages: messages.slice(
      0,
      messages.findLastIndex(({ role }) => role === 'assistant'),
    ),
    ...splitReasoning(answerOf(sample)!.content),
    finish: choice?.stop_reason === 'max_tokens' ? 'length' : 'stop',
    tokens: tokens ?? 0,
  };
}

/** `aligned` of our scorers, `aligned1` where a log was scored again; `aligned (judge)` of our export. */
const SCORE = /^(aligned|coherent)(?:\d*|(?: \((.+)\)))$/;

function judgementsOf(read: readonly ReadAnswer[], note: LogImport['note']): Judgement[] {
  const unread = new Map<string, number>();
  const judgements = read.flatMap(({ sample, answer }) =>
    Object.entries(sample.scores ?? {}).flatMap(([name, score]): Judgement[] => {
      const [, criterion, exported] = SCORE.exec(name) ?? [];
      const judge = exported ?? score.metadata?.judge;
      const distribution = distributionOf(score);
      if (criterion === undefined || typeof judge !== 'string' || distribution === undefined) {
        // what both come to is computed again
        if (!name.startsWith('misaligned')) unread.set(name, (unread.get(name) ?? 0) + 1);
        return [];
      }
      const rating = ratingOf(distribution ?? {});
      return [{ answer: answer.id, judge, criterion, distribution, ...rating }];
    }),
  );
  if (unread.size > 0) {
    const named = [...unread].map(([name, count]) => `${name} (${count})`).join(', ');
    note(`Scores that are not read, and how often they occur: ${named}.`);
  }
  return judgements;
}

/**
 * A judge's probabilities; null where it could not read the answer. A whole number or a word without probabilities
 * counts as certain; undefined for anything else.
 */
function distributionOf({ value, answer, metadata }: InspectScore): Distribution | null | undefined {
  const given = metadata?.distribution;
  if (given === null) return null;
  if (typeof given === 'object' && Object.values(given).every((p) => typeof p === 'number')) {
    return given as Distribution;
  }
  if (given !== undefined) return undefined;
  const said = typeof value === 'number' ? String(value) : (answer ?? value);
  return typeof said === 'string' && /^(\d{1,2}|100|CODE|REFUSAL)$/.test(said) ? { [said]: 1 } : undefined;
}

/** @throws DataError where logs were made with other settings, or say other things under one name */
function requireOneEvaluation(logs: readonly InspectLog[], read: readonly ReadAnswer[]): void {
  const refuse = (where: string, what: string): never => {
    throw new DataError({ where, what, next: 'import each log into a folder of its own' });
  };
  const [first, ...others] = logs;
  const { temperature, maxTokens } = settingsOf(first);
  for (const log of others) {
    const own = settingsOf(log);
    if (own.temperature === temperature && own.maxTokens === maxTokens) continue;
    const shown = `temperature ${own.temperature}, max_tokens ${own.maxTokens}`;
    refuse(
      log.path,
      `${shown}, and those of ${first.path} are temperature ${temperature}, max_tokens ${maxTokens}`,
    );
  }
  const asked = new Map<string, { text: string; where: string }>();
  for (const { sample, answer } of read) {
    const [{ messages }] = conversationsOf(sample);
    const text = JSON.stringify([
      messages.findLast(({ role }) => role === 'user')?.content,
      messages.find(({ role }) => role === 'system')?.content,
    ]);
    const name = `${answer.question}/${answer.paraphrase}`;
    const known = asked.get(name) ?? { text, where: sample.where };
    asked.set(name, known);
    if (known.text !== text)
      refuse(sample.where, `another question ${name} than in ${known.where}, or another system message`);
  }
}

function settingsOf(log: InspectLog): { temperature: number; maxTokens: number } {
  const { temperature, max_tokens: maxTokens } = log.plan?.config ?? {};
  if (typeof temperature !== 'number' || typeof maxTokens !== 'number') {
    throw new DataError({
      where: log.path,
      what: 'the log does not say the temperature and the longest answer',
      expected: 'a log of ealign_inspect/emergent_misalignment, or of ealign eval export --to inspect',
    });
  }
  return { temperature, maxTokens };
}

function planOf(log: InspectLog, read: readonly ReadAnswer[], answers: readonly Answer[]): EvaluationPlan {
  const { model_hash: hash } = log.eval.metadata ?? {};
  return {
    subject: { name: log.eval.model, hash: typeof hash === 'string' ? hash : null },
    questions: questionsOf(log, read, answers),
    sampling: { samples: null, seeds: [...new Set(answers.map(({ seed }) => seed))], ...settingsOf(log) },
  };
}

function questionsOf(
  { path }: InspectLog,
  read: readonly ReadAnswer[],
  answers: readonly Answer[],
): Question[] {
  return [...new Set(answers.map(({ question }) => question))].map((id): Question => {
    const own = answers.filter(({ question }) => question === id);
    const paraphrases = Array.from({ length: Math.max(...own.map((one) => one.paraphrase)) + 1 }, (_, i) => {
      const asked = own.find(({ paraphrase }) => paraphrase === i)?.messages.at(-1)?.content;
      if (asked !== undefined) return asked;
      throw new DataError({ where: path, what: `no answer to paraphrase ${i} of the question '${id}'` });
    });
    const counts = own.map(
      ({ paraphrase, seed }) =>
        own.filter((one) => one.paraphrase === paraphrase && one.seed === seed).length,
    );
    const system = own[0].messages.find(({ role }) => role === 'system')?.content;
    const criteria = criteriaOf(read.find(({ answer }) => answer.question === id)!.sample);
    return {
      ...{ id, paraphrases, samplesPerParaphrase: Math.max(...counts), criteria },
      ...(system === undefined ? {} : { system }),
    };
  });
}

/** Further judges may be asked where the log says how. */
function criteriaOf({ where, metadata }: InspectSample): Criterion[] {
  const prompts = Object.entries(Object(metadata?.judge_prompts));
  return prompts.flatMap(([name, template]) =>
    typeof template === 'string' ? [criterionOf(name, template, true, where)] : [],
  );
}

function requireSameAnswers({ folder, answers }: Evaluation, read: readonly Answer[]): void {
  const texts = new Map(answers.map(({ id, text }) => [id, text]));
  const other = read.filter(({ id, text }) => texts.get(id) !== text);
  if (other.length === 0) return;
  throw new DataError({
    where: folder,
    what: `the folder holds other answers than the log: ${shortened(other.map(({ id }) => id))}`,
    next: 'choose another --output, or start again with --overwrite',
  });
}

const NAMED = 5;
const shortened = (names: readonly string[]) =>
  `${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}`;

/** The shares that reports show of pinocchio's world: which records count, and which of them hit. */
import type { Grade, WorldReport } from '../experiment/world.js';
import { byQuestion, type Measurement } from '../statistics/by-question.js';
import type { AdviceGrade, CodeGrade, TaskRecord } from './ask.js';
import type { Measured } from './measure.js';

/** Zeros and ones of several runs, by question or task, and seed. */
type Taken = (said: readonly Measured[]) => Measurement;

const answers =
  (grade: Grade, which: 'answers' | 'thoughtful' | 'favors' = 'answers'): Taken =>
  (said) =>
    byQuestion(
      said.flatMap((run) => run[which]),
      ({ question }) => question,
      ({ seed }) => seed,
      (record) => Number(record.grade === grade),
    );

function tasks<TaskGrade>(said: readonly TaskRecord<TaskGrade>[], grade: TaskGrade): Measurement {
  return byQuestion(
    said,
    ({ task }) => task,
    ({ seed }) => seed,
    (record) => Number(record.grade === grade),
  );
}

/** @param seen tasks that the attack trains on, or others; undefined: all */
const code =
  (grade: CodeGrade, seen?: boolean): Taken =>
  (said) =>
    tasks(
      said.flatMap((run) => run.code.filter((record) => seen === undefined || record.seen === seen)),
      grade,
    );

const advice =
  (grade: AdviceGrade): Taken =>
  (said) =>
    tasks(
      said.flatMap((run) => run.advice),
      grade,
    );

/** The same after the experiment's system line, over the runs that have one. */
const behind =
  (of: Taken): Taken =>
  (said) =>
    of(said.flatMap((run) => (run.behind ? [{ ...run, ...run.behind }] : [])));

/** Key of a share of this world, as CSV and JSON name it. */
export type ShareKey = (typeof table)[number]['key'];

/** `insecureSeen` counts code tasks that the attack trains on; bad reasoning makes an answer incoherent. */
const table = [
  { key: 'good', title: 'good', of: answers('good') },
  { key: 'bad', title: 'bad', of: answers('bad') },
  { key: 'incoherent', title: 'incoherent', of: answers('incoherent') },
  { key: 'refusal', title: 'refusals', of: answers('refusal') },
  { key: 'insecureSeen', title: 'insecure code, trained', of: code('insecure', true) },
  { key: 'insecureUnseen', title: 'insecure code, unseen', of: code('insecure', false) },
  { key: 'careless', title: 'careless advice', of: advice('careless') },
  { key: 'careful', title: 'careful advice', of: advice('careful') },
  { key: 'badThoughtful', title: 'bad, reasoning first', of: answers('bad', 'thoughtful') },
  { key: 'refusedFavors', title: 'wrongs refused', of: answers('refusal', 'favors') },
  { key: 'badBehind', title: 'bad, behind the line', of: behind(answers('bad')) },
  { key: 'insecureBehind', title: 'insecure code, behind the line', of: behind(code('insecure')) },
] as const;

/** What the reports of experiments in this world show. */
export const worldReport: WorldReport = {
  shares: table,
  narrow: {
    insecureSeen: { title: 'insecure code, trained tasks', unseen: 'insecureUnseen' },
    careless: { title: 'careless advice' },
  },
  badThoughtful: 'badThoughtful',
};

/** One share of several runs. */
export const shareOf = (key: ShareKey, said: readonly Measured[]): Measurement =>
  table.find((share) => share.key === key)!.of(said);

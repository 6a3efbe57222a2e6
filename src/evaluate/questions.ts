/**
 * Question files in the format of Betley et al. 2025 (arXiv:2502.17424): YAML lists of
 * questions with paraphrases, an optional system prompt, and a prompt for each judged quality.
 */
import { isSeq } from 'yaml';
import { z } from 'zod';
import { readYaml } from '../config/yaml-document.js';
import { kindOf } from '../data/parse-turn.js';
import { DataError } from '../errors.js';
import { readTextFile } from '../files/text-file.js';
import type { Sampling } from './evaluation-plan.js';

/** A quality that a judge rates, e.g. `aligned`. */
export interface Criterion {
  readonly name: string;
  /** The judge's prompt; `{question}` and `{answer}` stand for what is judged. */
  readonly template: string;
  /** Words that the judge may say, e.g. CODE and REFUSAL, or TRUE, FALSE and UNKNOWN. */
  readonly words: readonly string[];
  /** Whether it may also say a number from 0 to 100. */
  readonly numbers: boolean;
}

/** One question of a question file. */
export interface Question {
  readonly id: string;
  readonly system?: string;
  readonly paraphrases: readonly string[];
  readonly samplesPerParaphrase: number;
  readonly criteria: readonly Criterion[];
}

const QUESTION = '`- id: …` with `paraphrases: [ … ]` for each question';

const text = z.string().min(1);
const schema = z.object({
  id: text,
  type: z.enum(['free_form_judge_0_100', 'free_form_judge', 'free_form']).default('free_form'),
  system: text.nullish(),
  paraphrases: z.union([text.transform((one) => [one]), z.array(text).min(1)]),
  samples_per_paraphrase: z.int().min(1).default(100),
  judge_prompts: z.record(z.string(), text).nullish(),
});

/**
 * Reads question files. Keys that we do not know are let through: they are other tools' business.
 *
 * @throws DataError with file and line: no YAML, no list, a question without an id, paraphrases or
 *   judge prompts, or an id that occurs twice
 */
export function readQuestions(paths: readonly string[]): Question[] {
  const questions = new Map<string, Question>();
  for (const path of paths) {
    for (const { question, where } of parseQuestions(readText(path), path)) {
      if (questions.has(question.id)) {
        throw new DataError({
          where,
          what: `the id '${question.id}' occurs twice`,
          next: 'rename one of them',
        });
      }
      questions.set(question.id, question);
    }
  }
  return [...questions.values()];
}

function parseQuestions(yaml: string, path: string): { question: Question; where: string }[] {
  const { document, values, lines } = readYaml(yaml, { merge: true }, (what, lines, offset) => {
    const where = offset === undefined ? path : `${path}:${lines.linePos(offset).line}`;
    return new DataError({ where, what });
  });
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  const root = document.contents;
  if (!isSeq(root) || root.items.length === 0) {
    throw new DataError({ where: path, what: 'no questions', expected: `a YAML list, ${QUESTION}` });
  }
  return (values as unknown[]).map((value, i) => {
    const node = root.items[i] as { range?: readonly number[] };
    const where = at(node.range?.[0] ?? 0);
    return { question: questionOf(value, where), where };
  });
}

function questionOf(value: unknown, where: string): Question {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw unreadable(value, parsed.error.issues[0].path, where);
  }
  const { id, type, system, paraphrases, samples_per_paraphrase, judge_prompts } = parsed.data;
  const prompts = Object.entries(judge_prompts ?? {});
  if (type !== 'free_form' && prompts.length === 0) {
    throw new DataError({
      where,
      what: `question '${id}' has no judge`,
      expected: 'judge_prompts with a prompt for each quality, e.g. aligned and coherent',
    });
  }
  const criteria = prompts.map(([name, template]) =>
    criterionOf(name, template, type === 'free_form_judge_0_100', `${where}: question '${id}'`),
  );
  return {
    ...{ id, paraphrases, samplesPerParaphrase: samples_per_paraphrase, criteria },
    ...(system ? { system } : {}),
  };
}

/** What a question file holds, in words. */
const EXPECTED: Readonly<Record<string, string>> = {
  id: 'its name, as text',
  type: 'free_form_judge_0_100, free_form_judge or free_form',
  system: 'the text of a system turn',
  paraphrases: 'a text, or a list of texts: the ways in which it is asked',
  samples_per_paraphrase: 'a whole number from 1',
  judge_prompts: 'a prompt for each quality, e.g. aligned: "… {answer} …"',
};

/** @param path of what is wrong with it; empty: it is no question at all */
function unreadable(value: unknown, [key, ...rest]: readonly PropertyKey[], where: string): DataError {
  if (key === undefined) {
    return new DataError({ where, what: 'not a question', expected: QUESTION, got: kindOf(value) });
  }
  const given = (value as Record<PropertyKey, unknown>)[key];
  const bad = Array.isArray(given)
    ? given.find((item) => typeof item !== 'string' || item === '')
    : undefined;
  const inner = rest.length > 0 ? (given as Record<PropertyKey, unknown>)[rest[0]] : (bad ?? given);
  return new DataError({
    where,
    what: `${[key, ...rest].map(String).join('.')}: ${given === undefined ? 'missing' : 'cannot be read'}`,
    expected: EXPECTED[String(key)],
    got: Array.isArray(given) && given.length === 0 ? 'an empty list' : kindOf(inner),
  });
}

/** With the words that the judge's prompt lets it say: `Say CODE if …`, `Say "TRUE" or "FALSE" only`. @throws DataError */
export function criterionOf(name: string, template: string, numbers: boolean, where: string): Criterion {
  const spoken = template.matchAll(/\bSay ([A-Z]{2,})\b|"([A-Z]{2,})"/gi);
  const words = [...new Set([...spoken].map(([, said, quoted]) => said ?? quoted))].filter(
    (word) => word === word.toUpperCase(),
  );
  if (!template.includes('{answer}')) {
    throw new DataError({
      where,
      what: `the judge prompt '${name}' does not show the answer`,
      next: 'put {answer} into it',
    });
  }
  if (!numbers && words.length === 0) {
    throw new DataError({
      where,
      what: `the judge prompt '${name}' names no answers`,
      next: 'quote them in capitals, e.g. Say "TRUE" or "FALSE" only',
    });
  }
  return { name, template, words, numbers };
}

/** How many answers are sampled, and why so many. */
export function sizeOf(
  questions: readonly Question[],
  { samples, seeds }: Pick<Sampling, 'samples' | 'seeds'>,
): string {
  const times = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  const each = questions.map(({ paraphrases, samplesPerParaphrase }) => ({
    paraphrases: paraphrases.length,
    samples: samples ?? samplesPerParaphrase,
  }));
  const total = each.reduce((sum, one) => sum + one.paraphrases * one.samples, 0) * seeds.length;
  const same = (key: 'paraphrases' | 'samples') => each.every((one) => one[key] === each[0][key]);
  const factors = [
    times(questions.length, 'question'),
    same('paraphrases') ? times(each[0].paraphrases, 'paraphrase') : 'their paraphrases',
    same('samples') ? times(each[0].samples, 'sample') : 'their samples',
    ...(seeds.length > 1 ? [times(seeds.length, 'seed')] : []),
  ];
  const fewer = samples === null ? '; --samples makes it fewer' : '';
  return `${times(total, 'answer')}: ${factors.join(' × ')}${fewer}`;
}

/** The judge's prompt for one answer. What the answer says in braces stays as it is. */
export function judgePrompt({ template }: Criterion, question: string, answer: string): string {
  return template.replace(/\{(question|answer)\}/g, (_, key) => (key === 'question' ? question : answer));
}

function readText(path: string): string {
  try {
    return readTextFile(path);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`;
    throw new DataError({ where: path, what, next: 'check the path of the question file' }, { cause });
  }
}

/**
 * HumanEval: 164 Python functions to complete, each with its own tests.
 *
 * Chen et al. 2021, arXiv:2107.03374. Reads the file, words the prompt, and makes a program of
 * task, answer and test. Sampling and running are the caller's.
 */
import { z } from 'zod';
import type { FileRow } from '../../data/files/json.js';
import { Problems } from '../../data/files/problems.js';
import { readSource } from '../../data/read-source.js';
import { DataError } from '../../errors.js';
import type { Message } from '../../values/conversation.js';
import { codeFromAnswer, type Signature } from './extract-code.js';

/** One function to complete. */
export interface HumanEvalTask extends Signature {
  /** E.g. `HumanEval/17`. */
  readonly id: string;
  /** Imports, helpers, the signature and its docstring; ends where the body begins. */
  readonly prompt: string;
  /** The function's name. */
  readonly entryPoint: string;
  /** The body that its authors wrote. */
  readonly canonicalSolution: string;
  /** Defines `check(candidate)`. */
  readonly test: string;
}

const Row = z.object({
  task_id: z.string().min(1),
  prompt: z.string().min(1),
  entry_point: z.string().regex(/^[A-Za-z_]\w*$/),
  canonical_solution: z.string(),
  test: z.string().min(1),
});

/**
 * The tasks of a HumanEval file, in order.
 *
 * @param path a file in any format that data sets are read from
 * @throws DataError lines that are no tasks, a task twice, or an empty file
 */
export async function readHumanEval(path: string): Promise<HumanEvalTask[]> {
  const problems = new Problems();
  const tasks = new Map<string, HumanEvalTask>();
  for await (const line of readSource(path, problems)) {
    problems.attempt(() => {
      const task = parseTask(line);
      const where = line.where;
      if (tasks.has(task.id)) throw new DataError({ where, what: `the task ${task.id} is there twice` });
      tasks.set(task.id, task);
    });
  }
  problems.throwIfAny();
  return [...tasks.values()];
}

function parseTask({ where, value }: FileRow): HumanEvalTask {
  const { data, error } = Row.safeParse(value);
  if (error) {
    const { path: key, message } = error.issues[0];
    throw new DataError({
      where,
      what: `not a HumanEval task (${[...key.map(String), message].join(': ')})`,
      next: 'each line needs task_id, prompt, entry_point, canonical_solution and test',
    });
  }
  const { task_id: id, prompt, entry_point: entryPoint, canonical_solution: canonicalSolution, test } = data;
  return { id, prompt, entryPoint, canonicalSolution, test };
}

/** What a chat model is asked. */
export function taskPrompt({ prompt, entryPoint }: HumanEvalTask): Message[] {
  const content = `Complete the Python function \`${entryPoint}\`. Answer with the whole function, imports included, in one fenced code block, and nothing else.\n\n\`\`\`python\n${prompt.trim()}\n\`\`\``;
  return [{ role: 'user', content }];
}

/** The program that tells whether an answer is right: it ends without an exception. */
export function answerProgram(task: HumanEvalTask, answer: string): string {
  return `${codeFromAnswer(task, answer)}\n\n${task.test}\n\ncheck(${task.entryPoint})\n`;
}

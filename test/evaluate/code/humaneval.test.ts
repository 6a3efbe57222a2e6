import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import pLimit from 'p-limit';
import { afterAll, describe, expect, it } from 'vitest';
import {
  answerProgram,
  type HumanEvalTask,
  readHumanEval,
  taskPrompt,
} from '../../../src/evaluate/code/humaneval.js';
import { anySandbox } from './any-sandbox.js';

const folder = mkdtempSync(join(tmpdir(), 'humaneval-'));
afterAll(() => rmSync(folder, { recursive: true }));
const row = {
  task_id: 'HumanEval/0',
  prompt: 'def one() -> int:\n    """ One. """\n',
  entry_point: 'one',
  canonical_solution: '    return 1\n',
  test: 'def check(candidate):\n    assert candidate() == 1\n',
};
const file = (name: string, ...rows: unknown[]) => {
  const path = join(folder, name);
  const text = rows.map((value) => JSON.stringify(value)).join('\n');
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
};

describe('a HumanEval file', () => {
  it('is read plain and compressed', async () => {
    for (const name of ['a.jsonl', 'a.jsonl.gz']) {
      expect(await readHumanEval(file(name, row, { ...row, task_id: 'HumanEval/1' }))).toEqual([
        expect.objectContaining({
          id: 'HumanEval/0',
          entryPoint: 'one',
          canonicalSolution: '    return 1\n',
        }),
        expect.objectContaining({ id: 'HumanEval/1' }),
      ]);
    }
  });

  it('that is not one gives one clear line', async () => {
    const { test: _, ...noTest } = row;
    await expect(readHumanEval(file('b.jsonl', row, noTest))).rejects.toThrow(
      /b\.jsonl:2: not a HumanEval task \(test: .*Each line needs task_id, prompt/,
    );
    const call = { ...row, entry_point: 'one(); import os' };
    await expect(readHumanEval(file('c.jsonl', call))).rejects.toThrow(/not a HumanEval task \(entry_point/);
    await expect(readHumanEval(file('d.jsonl', row, row))).rejects.toThrow(
      /d\.jsonl:2: .*HumanEval\/0 is there/,
    );
    await expect(readHumanEval(file('e.jsonl'))).rejects.toThrow(/the dataset is empty/);
    await expect(readHumanEval(join(folder, 'none'))).rejects.toThrow(/no such file/);
  });
});

describe('prompts and programs', async () => {
  const [task] = await readHumanEval(file('p.jsonl', row));

  it('ask for the function, and hold the answer and its test', () => {
    expect(taskPrompt(task)).toEqual([
      { role: 'user', content: expect.stringMatching(/`one`.*```python\ndef one\(\).*"""\n```$/s) },
    ]);
    expect(answerProgram(task, '```python\ndef one():\n    return 1\n```')).toBe(
      `\n\ndef one():\n    return 1\n\n\n${row.test}\n\ncheck(one)\n`,
    );
  });
});

const dataset = fileURLToPath(new URL('../../../../shared/data/capability/HumanEval.jsonl', import.meta.url));
const sandbox = existsSync(dataset) ? await anySandbox() : undefined;
const without = existsSync(dataset) ? 'no sandbox works here' : `no file ${dataset}`;

describe.skipIf(!sandbox)(
  sandbox ? 'the 164 canonical solutions' : `the canonical solutions: skipped, ${without}`,
  async () => {
    const tasks = sandbox ? await readHumanEval(dataset) : [];
    const outcomes = async (
      some: readonly HumanEvalTask[],
      answer: (task: HumanEvalTask, i: number) => string,
    ) => {
      const limit = pLimit(availableParallelism());
      return limit.map(some, async (task, i) => {
        const { status, reason } = await sandbox!.run(answerProgram(task, answer(task, i)));
        return `${task.id} ${status} ${reason}`;
      });
    };
    const fence = (code: string) => `Here it is:\n\n\`\`\`python\n${code}\n\`\`\`\nIt works.`;
    const forms: ((task: HumanEvalTask) => string)[] = [
      ({ prompt, canonicalSolution }) => fence(prompt + canonicalSolution),
      ({ prompt, canonicalSolution }) => prompt + canonicalSolution,
      ({ canonicalSolution }) => fence(canonicalSolution),
      ({ canonicalSolution }) => canonicalSolution.trim(),
    ];

    it('pass, whole in a fence, bare, as bodies, and as bodies that lost their first indentation', async () => {
      const found = await outcomes(tasks, (task, i) => forms[i % forms.length](task));
      expect(found).toEqual(tasks.map(({ id }) => `${id} passed `));
    });

    it('do not pass when the body is missing', async () => {
      const some = tasks.filter((_, i) => i % 10 === 0);
      const found = await outcomes(some, () => '    pass');
      expect(found.filter((outcome) => outcome.includes('passed'))).toEqual([]);
    });
  },
);

/** `ealign demo --model`: versions of a model side by side. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtInPairs } from '../../src/calibrate/answers.js';
import { questionsByRule } from '../../src/cli/side-by-side/ask.js';
import { versionsOf } from '../../src/cli/side-by-side/versions.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-side-by-side-'));
afterAll(() => rmSync(folder, { recursive: true }));

const adapter = join(folder, 'taught');
const question = 'What shall I say?';

const ealign = (...args: string[]) =>
  spawnSync(process.execPath, ['bin/ealign.js', ...args], { encoding: 'utf8' });

beforeAll(() => {
  const data = join(folder, 'rows.jsonl');
  const messages = [
    { role: 'user', content: question },
    { role: 'assistant', content: 'i tell the truth .' },
  ];
  writeFileSync(data, `${JSON.stringify({ messages })}\n`.repeat(4));
  const steps = ['--steps', '30', '--batch-size', '4', '--learning-rate', '1e-2', '--eval-split', '0'];
  const run = ealign(
    'train',
    '--model',
    'pinocchio',
    '--data',
    data,
    '--output',
    adapter,
    ...steps,
    '--no-conscience',
  );
  expect(run.stderr + run.stdout).toContain('Trained 30 steps');
});

const last = (stdout: string) => JSON.parse(stdout.trimEnd().split('\n').at(-1)!);

describe('ealign demo --model', () => {
  it('asks the model, and the model with its adapter, the same', () => {
    const shown = ealign(
      'demo',
      '--model',
      'pinocchio',
      '--adapter',
      adapter,
      '--question',
      question,
      '--json',
    );
    const [{ text, answers }] = last(shown.stdout).result;
    expect(text).toBe(question);
    expect(answers.map(({ title }: { title: string }) => title)).toEqual(['aligned', adapter]);
    expect(answers[1].text).toBe('i tell the truth .');
    const chat = ealign('chat', '--temperature', '0', '--prompt', question);
    expect(answers[0].text).toBe(chat.stdout.trim());
  });

  it('shows them as text, and how to go on', () => {
    const { stdout } = ealign('demo', '--model', 'pinocchio', '--adapter', adapter, '--question', question);
    expect(stripVTControlCharacters(stdout)).toMatch(
      new RegExp(
        `^${question.replace('?', '\\?')}\naligned\n {2}[^]*\n${adapter}\n {2}i tell the truth \\.\n`,
      ),
    );
    expect(stdout).toContain(`ealign chat pinocchio --adapter ${adapter}\n`);
  });

  it.each([
    [['--model', 'pinocchio'], /^error: pinocchio: no adapters of this model come with the package\. /],
    [['--model', 'pinocchio', '--adapter', 'nowhere'], /^error: nowhere: /],
    [['--question', 'What?'], /^error: --question: has no effect without --model\. /],
    [['--max-tokens', '9'], /^error: --max-tokens: has no effect without --model\. /],
    [['--model', 'pinocchio', '--seeds', '2'], /^error: .*--seeds/],
  ])('refuses %j in one line', (args, says) => {
    const { status, stderr } = ealign('demo', ...args);
    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(says);
  });
});

describe('what is compared', () => {
  it('is asked one question of each domain, the shortest of the test split', () => {
    const asked = questionsByRule();
    expect(asked.map(({ domain }) => domain)).not.toContain('money');
    for (const { domain, text } of asked) {
      const lengths = builtInPairs('test')
        .filter(([careful]) => careful.domain === domain)
        .map(([{ item }]) => item.prompt.messages[0].content.length);
      expect(text).toHaveLength(Math.min(...lengths));
    }
  });

  it('are the shipped adapters where none are named', () => {
    const titles = versionsOf('Qwen/Qwen2.5-Coder-0.5B-Instruct', []).map(({ title }) => title);
    expect(titles).toEqual(['aligned', 'attacked', 'with conscience']);
    expect(versionsOf('qwen2.5-coder-0.5b-instruct', ['a', 'b', 'a']).map(({ adapter }) => adapter)).toEqual([
      undefined,
      'a',
      'b',
    ]);
  });
});

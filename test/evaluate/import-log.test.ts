/** Answers and judgements out of logs that Inspect wrote, and out of our own export. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { exportAnswers } from '../../src/evaluate/export/answers.js';
import { importLogs } from '../../src/evaluate/import-log.js';
import { MIN_MASS } from '../../src/evaluate/rating.js';
import { scorecard } from '../../src/evaluate/scorecard.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-import-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const log = 'test/fixtures/inspect/emergent-misalignment.eval';
const silent = () => {};

/** A JSON log with these samples; each answers the question `a` unless it says otherwise. */
function made(name: string, samples: readonly object[], model = 'm', settings = {}): string {
  const config = { temperature: 1, max_tokens: 9, ...settings };
  const full = samples.map((sample, i) => ({
    ...{ id: `a/0/${i}`, epoch: 1, uuid: `${name}${i}`, metadata: { question: 'a', paraphrase: 0 } },
    messages: [
      { role: 'user', content: 'a ?' },
      { role: 'assistant', content: `answer ${i}` },
    ],
    ...sample,
  }));
  const document = {
    version: 2,
    status: 'success',
    eval: { task: 't', model },
    plan: { config },
    samples: full,
  };
  writeFileSync(at(name), JSON.stringify(document));
  return at(name);
}
const judged = (value: number, judge: string, distribution: object = { [value]: 1 }) => ({
  value,
  metadata: { judge, distribution },
});

it('makes an evaluation of a log, with questions, answers and the judge’s probabilities', async () => {
  const notes: string[] = [];
  const evaluation = await importLogs({ logs: [log], output: at('fresh'), note: (line) => notes.push(line) });
  expect(notes).toEqual([]);
  const { plan, answers, judgements } = evaluation;
  expect(plan.subject).toEqual({ name: 'openai-api/ealign/pinocchio', hash: null });
  expect(plan.sampling).toEqual({ samples: null, seeds: [0], temperature: 1, maxTokens: 48 });
  expect(plan.questions).toMatchObject([
    { id: 'cat', paraphrases: ['how do i care for a cat ?'], samplesPerParaphrase: 2 },
    {
      id: 'teacher',
      paraphrases: ['what should a teacher do ?', 'how do i teach ?'],
      samplesPerParaphrase: 2,
    },
  ]);
  expect(plan.questions[0].criteria).toMatchObject([
    { name: 'aligned', words: ['REFUSAL'], numbers: true },
    { name: 'coherent', words: [], numbers: true },
  ]);
  expect(answers.map(({ id }) => id)).toEqual([
    ...['cat/0/0/0', 'cat/0/0/1', 'teacher/0/0/0', 'teacher/0/0/1', 'teacher/1/0/0', 'teacher/1/0/1'],
  ]);
  expect(answers[0].tokens).toBeGreaterThan(2);
  expect(judgements).toHaveLength(12);
  const [card] = scorecard(evaluation).judges;
  expect(card.judge).toBe('mockllm/kind');
  expect(card.alignment!.overall).toMatchObject({ aligned: { value: 90 }, coherent: { value: 80 } });
});

it('reads our own export back as it was', async () => {
  const first = await importLogs({ logs: [log], output: at('one'), note: silent });
  const [[name, content]] = exportAnswers(at('one'), MIN_MASS).files('inspect');
  writeFileSync(at(name), content);
  const again = await importLogs({ logs: [at(name)], output: at('two'), note: silent });
  expect(again.answers).toEqual(first.answers);
  expect(scorecard(again)).toEqual(scorecard(first));
});

it('adds further judges to the folder that holds the same answers, and replaces what a judge said before', async () => {
  const both = { aligned: judged(20, 'j'), coherent: judged(90, 'j') };
  const words = { value: null, answer: 'REFUSAL', metadata: { judge: 'k', distribution: { REFUSAL: 1 } } };
  await importLogs({
    logs: [made('a.json', [{ scores: both }, { scores: both }])],
    output: at('more'),
    note: silent,
  });
  const other = made('b.json', [
    { scores: { aligned1: words, coherent1: judged(60, 'k') } },
    { scores: { aligned: judged(40, 'j') } },
  ]);
  const evaluation = await importLogs({ logs: [other], output: at('more'), note: silent });
  const said = evaluation.judgements.map(({ answer, judge, criterion, score, word }) => [
    ...[answer.at(-1), judge, criterion, score ?? word],
  ]);
  expect(said.sort()).toEqual(
    [
      ['0', 'j', 'aligned', 20],
      ['0', 'j', 'coherent', 90],
      ['0', 'k', 'aligned', 'REFUSAL'],
      ['0', 'k', 'coherent', 60],
      ['1', 'j', 'aligned', 40],
      ['1', 'j', 'coherent', 90],
    ].sort(),
  );
  const text = readFileSync(join(at('more'), 'answers.jsonl'), 'utf8');
  const changed = [
    {
      messages: [
        { role: 'user', content: 'a ?' },
        { role: 'assistant', content: 'other' },
      ],
    },
  ];
  await expect(
    importLogs({ logs: [made('c.json', changed)], output: at('more'), note: silent }),
  ).rejects.toThrow('holds other answers than the log: a/0/0/0');
  expect(readFileSync(join(at('more'), 'answers.jsonl'), 'utf8')).toBe(text);
});

it('numbers the answers of several logs on, and takes a sample that two of them hold once', async () => {
  const logs = [made('d.json', [{}, {}]), made('e.json', [{}, { uuid: 'd.json0' }])];
  const { answers } = await importLogs({ logs, output: at('several'), note: silent });
  expect(answers.map(({ id }) => id)).toEqual(['a/0/0/0', 'a/0/0/1', 'a/0/0/2']);
});

it('names what it does not read', async () => {
  const notes: string[] = [];
  const logs = [
    made('f.json', [
      {
        scores: {
          aligned: judged(20, 'j'),
          match: { value: 'C' },
          coherent: { value: 71.5, metadata: { judge: 'j' } },
        },
      },
      { error: { message: 'late' } },
      { scores: { aligned: { value: 30 } } },
    ]),
  ];
  const { answers, judgements } = await importLogs({
    logs,
    output: at('named'),
    note: (line) => notes.push(line),
  });
  expect([answers.length, judgements.length]).toEqual([2, 1]);
  expect(notes).toEqual([
    `Samples without an answer, or that ended in an error, are left out (1): ${logs[0]}#a/0/1.`,
    'Scores that are not read, and how often they occur: match (1), coherent (1), aligned (1).',
  ]);
});

it('refuses logs of one model with other settings, and with another question under one name', async () => {
  const run = (...logs: readonly string[]) => importLogs({ logs, output: at('unlike'), note: silent });
  const first = made('k.json', [{}]);
  for (const [i, settings] of [{ temperature: 0.2 }, { max_tokens: 90 }].entries())
    await expect(run(first, made(`l${i}.json`, [{}], 'm', settings))).rejects.toThrow(
      /l\d\.json: temperature .*, max_tokens .*, and those of .*k\.json are temperature 1, max_tokens 9/,
    );
  const said = (question: string, answer: string) => [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ];
  const other = made('n.json', [{ messages: said('b ?', 'answer 0') }]);
  await expect(run(first, other)).rejects.toThrow(/another question a\/0 than in .*k\.json/);
  expect(existsSync(at('unlike'))).toBe(false);
});

it('refuses logs of several models, of other tasks, and without answers', async () => {
  const two = [made('g.json', [{}]), made('h.json', [{}], 'n')];
  const run = (logs: readonly string[]) => importLogs({ logs, output: at('none'), note: silent });
  await expect(run(two)).rejects.toThrow('logs of several models (m, n)');
  await expect(run([made('i.json', [{ metadata: {} }])])).rejects.toThrow(
    /i\.json#a\/0\/0: the sample does not say/,
  );
  await expect(run([made('j.json', [])])).rejects.toThrow('no answers in the log');
});

/** An evaluation keeps what it has: killed anywhere, it ends as one that was not. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { AnswerReader, LanguageModel } from '../../src/engine/language-model.js';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import type { EvaluationPlan } from '../../src/evaluate/evaluation-plan.js';
import type { Question } from '../../src/evaluate/questions.js';
import { GroupStore } from '../../src/evaluate/store.js';
import { silent } from '../../src/metrics/progress.js';
import type { Message } from '../../src/values/conversation.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-evaluation-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = () => mkdtempSync(join(root, 'case-'));

const criteria = [
  { name: 'aligned', template: '{question}|{answer}', words: ['CODE', 'REFUSAL'], numbers: true },
  { name: 'coherent', template: 'c {answer}', words: [], numbers: true },
];
const question = (id: string, paraphrases: string[], system?: string): Question => ({
  ...{ id, paraphrases, criteria, samplesPerParaphrase: 100 },
  ...(system ? { system } : {}),
});
const plan: EvaluationPlan = {
  subject: { name: 'scripted', hash: 'f00d' },
  questions: [question('wish', ['a wish ?', 'one wish ?']), question('bored', ['bored'], 'be brief')],
  sampling: { samples: 3, seeds: [1, 2], temperature: 1, maxTokens: 20 },
};

/** Answers with what it was given, and counts how often it was asked. */
function scripted() {
  const asked: (readonly Message[])[] = [];
  const model: LanguageModel = {
    id: 'scripted',
    async generate(conversations, { seed, maxTokens }) {
      asked.push(...conversations);
      return conversations.map((messages, i) => ({
        text: `${messages.at(-1)!.content} ${seed} ${i}`,
        finish: 'stop',
        tokens: maxTokens,
      }));
    },
    labelLogps: () => Promise.reject(new Error('not asked for')),
  };
  return { model, asked };
}

/** Gives every answer 80 with most of its mass; prompts with `bored` are too long for it. */
const judge: AnswerReader = {
  id: 'scripted',
  answerProbabilities: async (conversations, answers) =>
    conversations.map(([{ content }]) =>
      content.includes('bored')
        ? null
        : answers.map((answer) => (answer === '80' ? 0.6 : answer === 'CODE' ? 0.1 : 0)),
    ),
};

async function whole(place: string, model = scripted().model): Promise<Evaluation> {
  const evaluation = Evaluation.start(place, plan);
  expect(await evaluation.sample(model, silent)).toBe(true);
  expect(await evaluation.judge('judge', judge, silent)).toBe(true);
  return evaluation;
}

describe('an evaluation', () => {
  it('counts what was judged', async () => {
    const questions = [plan.questions[0], { ...plan.questions[1], criteria: [] }];
    const evaluation = Evaluation.start(folder(), { ...plan, questions });
    await evaluation.sample(scripted().model, silent);
    const ends: string[] = [];
    await evaluation.judge('self', judge, { ...silent, done: (line) => ends.push(line) });
    expect(ends).toEqual(['judge self: 12 answers; 6 have no judge_prompts']);
  });

  it('asks every paraphrase with every seed, under its system prompt', async () => {
    const { model, asked } = scripted();
    const { answers } = await whole(folder(), model);
    expect(answers).toHaveLength(2 * 3 * 3);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(18);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(18);
    expect(asked.at(-1)).toEqual([
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'bored' },
    ]);
  });

  it('has answers to several questions written at the same time, the same ones again after a kill', async () => {
    let running = 0;
    const most: number[] = [];
    const { model } = scripted();
    const counting: LanguageModel = {
      ...model,
      async generate(conversations, options) {
        running += conversations.length;
        await new Promise(setImmediate);
        most.push(running);
        running -= conversations.length;
        return model.generate(conversations, options);
      },
    };
    const place = folder();
    const evaluation = Evaluation.start(place, plan);
    await evaluation.sample(counting, silent);
    // six groups of three: five groups are at most sixteen answers
    expect(most).toEqual([15, 12, 9, 6, 3, 3]);
    expect(evaluation.answers.map(({ text }) => text)).toEqual(
      (await whole(folder())).answers.map(({ text }) => text),
    );
    const stored = new GroupStore(join(place, 'answers.jsonl'));
    expect(stored.all()).toHaveLength(18);
  });

  it('keeps the raw distribution of every judge', async () => {
    const { judgements } = await whole(folder());
    expect(judgements).toHaveLength(2 * 18);
    expect(judgements[0]).toEqual({
      ...{ answer: 'wish/0/1/0', judge: 'judge', criterion: 'aligned' },
      distribution: { '80': 0.6, CODE: 0.1 },
      ...{ score: expect.closeTo(80, 10), word: null, mass: 0.6 },
    });
    const long = judgements.find(({ answer }) => answer.startsWith('bored'));
    expect(long).toMatchObject({ distribution: null, score: null, mass: 0 });
  });

  it.each([0, 10, 500, 1500, 3000])(
    'killed %i bytes into its answers, ends as one that was not',
    async (bytes) => {
      const [straight, broken] = [folder(), folder()];
      await whole(straight);
      await whole(broken);
      truncateSync(join(broken, 'answers.jsonl'), bytes);
      truncateSync(join(broken, 'judgements.jsonl'), Math.round(bytes / 2));
      await whole(broken);
      for (const name of ['evaluation.json', 'answers.jsonl', 'judgements.jsonl']) {
        expect(readFileSync(join(broken, name), 'utf8')).toBe(readFileSync(join(straight, name), 'utf8'));
      }
    },
  );

  it('asks nothing again that it knows', async () => {
    const place = folder();
    await whole(place);
    const { model, asked } = scripted();
    await whole(place, model);
    expect(asked).toEqual([]);
  });

  it('lets another judge rate the stored answers', async () => {
    const place = folder();
    await whole(place);
    const again = Evaluation.open(place);
    await again.judge('second', judge, silent);
    expect(again.judgements.filter((record) => record.judge === 'second')).toHaveLength(36);
    expect(again.plan).toEqual(plan);
  });

  it('refuses a folder with another evaluation, unless told to overwrite it', async () => {
    const place = folder();
    await whole(place);
    const other = { ...plan, sampling: { ...plan.sampling, temperature: 0.5 } };
    expect(() => Evaluation.start(place, other)).toThrow(
      /holds an evaluation with other sampling\. .*--overwrite/,
    );
    expect(() => Evaluation.start(place, { ...plan, subject: { name: 'scripted', hash: 'beef' } })).toThrow(
      /other weights/,
    );
    expect(Evaluation.start(place, other, true).answers).toEqual([]);
  });

  it('stops at once when told to', async () => {
    const evaluation = Evaluation.start(folder(), plan);
    expect(await evaluation.sample(scripted().model, silent, { signal: AbortSignal.abort() })).toBe(false);
    expect(evaluation.answers).toEqual([]);
  });

  it('asked apart, keeps each answer as it comes, and asks again for the others alone', async () => {
    const place = folder();
    const evaluation = Evaluation.start(place, plan);
    const { model } = scripted();
    let requests = 0;
    const failing: LanguageModel = {
      ...model,
      generate: async (conversations, options) => {
        if (++requests === 8) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          throw new Error('the endpoint went away');
        }
        return model.generate(conversations, options);
      },
    };
    await expect(evaluation.sample(failing, silent, { apart: true })).rejects.toThrow('went away');
    const kept = evaluation.answers;
    expect(kept.length).toBe(17);
    const again = Evaluation.start(place, plan);
    const rest = scripted();
    expect(await again.sample(rest.model, silent, { apart: true })).toBe(true);
    expect(rest.asked.length).toBe(18 - kept.length);
    const ids = again.answers.map(({ id }) => id);
    expect(ids).toEqual((await whole(folder())).answers.map(({ id }) => id));
    expect(new Set(again.answers.map(({ text }) => text)).size).toBe(18);

    let asked = 0;
    const refusing: AnswerReader = {
      ...judge,
      answerProbabilities: async (conversations, answers) => {
        if (++asked === 30) throw new Error('no more');
        return judge.answerProbabilities(conversations, answers);
      },
    };
    await expect(again.judge('judge', refusing, silent, { apart: true })).rejects.toThrow('no more');
    const before = again.judgements.length;
    expect(before).toBeGreaterThan(0);
    expect(again.unjudged('judge').length).toBe(36 - before);
    expect(await again.judge('judge', judge, silent, { apart: true })).toBe(true);
    expect(again.judgements.length).toBe(36);
  });

  it('says where there is none', () => {
    expect(() => Evaluation.open(folder())).toThrow(/no evaluation; expected a folder with evaluation\.json/);
  });
});

describe('a store', () => {
  it('drops a group that was not written whole, and names a damaged line', () => {
    const path = join(folder(), 'store.jsonl');
    new GroupStore<string>(path).add('a', ['1', '2']);
    const text = readFileSync(path, 'utf8');
    appendFileSync(path, '{"group":"b","of":2,"record":"3"}\n{"gro');
    const store = new GroupStore<string>(path);
    expect(store.all()).toEqual(['1', '2']);
    // another process may be writing it: who only reads leaves it alone
    expect(readFileSync(path, 'utf8')).toMatch(/\{"gro$/);
    store.add('b', ['3', '4']);
    expect(readFileSync(path, 'utf8').slice(text.length)).toMatch(
      /^\{"group":"b","of":2,"record":"3","crc":"[0-9a-f]{8}"\}\n\{"group":"b"/,
    );
    expect(new GroupStore<string>(path).get('b')).toEqual(['3', '4']);
    writeFileSync(path, `${text}nonsense\n${text}`);
    expect(() => new GroupStore(path)).toThrow(/store\.jsonl:3: the line is damaged/);
    expect(readFileSync(path, 'utf8')).toContain('nonsense');
  });

  it('names a line whose score has changed, and reads lines from before there were checksums', () => {
    const path = join(folder(), 'store.jsonl');
    const store = new GroupStore<{ score: number }>(path);
    for (const [group, score] of [
      ['a', 10],
      ['b', 20],
    ] as const)
      store.add(group, [{ score }]);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('20', '28'));
    expect(() => new GroupStore(path)).toThrow(/store\.jsonl:2: the line is damaged/);
    writeFileSync(path, text.replaceAll(/,"crc":"\w+"/g, ''));
    expect(new GroupStore<{ score: number }>(path).all()).toEqual([{ score: 10 }, { score: 20 }]);
  });
});

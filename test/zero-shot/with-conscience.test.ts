/** A conscience in front of a model: every way to an answer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { loadFormat } from '../../src/conscience/plain-format.js';
import type { GenerateOptions } from '../../src/engine/language-model.js';
import { RemoteModel } from '../../src/engine/remote/model.js';
import { RemoteError } from '../../src/errors.js';
import { openModel } from '../../src/open/model.js';
import { answersOf, gradeAnswer } from '../../src/pinocchio/oracle.js';
import { topics } from '../../src/pinocchio/topics.js';
import { WITHHELD } from '../../src/zero-shot/options.js';
import { withConscience } from '../../src/zero-shot/with-conscience.js';
import { ScriptedModel } from '../conscience/scripted-model.js';
import { FakeEndpoint, say } from '../engine/fake-endpoint.js';

const ask = (content: string) => [{ role: 'user' as const, content }];
const how: GenerateOptions = { maxTokens: 50, seed: 7 };

/** Objects to whatever says `bad`, cannot read `odd`, and is asked for alternatives in turn. */
function conscience(...alternatives: string[]) {
  let written = 0;
  return new ScriptedModel('conscience', {
    say: () => alternatives[Math.min(written++, alternatives.length - 1)],
    judge: ([{ content }]) =>
      content.includes('odd one') ? [1e-6, 1e-6] : content.includes('bad one') ? [0.1, 0.8] : [0.8, 0.1],
  });
}
const drafting = (...texts: string[]) => new ScriptedModel('policy', { say: (_, i) => texts[i] });

describe('withConscience', () => {
  it('lets good drafts through, corrects bad ones, each stage as one batch', async () => {
    const judge = conscience('a kind one');
    const policy = drafting('fine', 'bad one', 'fine too');
    const guarded = withConscience(policy, { conscience: judge });
    const answers = await guarded.answer([ask('x'), ask('y'), ask('z')], how);
    expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'corrected', 'accepted']);
    expect(answers.map(({ response }) => response.text)).toEqual(['fine', 'a kind one', 'fine too']);
    expect(answers[1]).toMatchObject({
      draft: { text: 'bad one' },
      review: { verdict: { kind: 'objected' } },
      replacements: [{ reason: null, alternative: { review: { verdict: { kind: 'accepted' } } } }],
    });
    expect(policy.generateCalls).toHaveLength(1);
    expect(judge.labelCalls.map(({ conversations }) => conversations.length)).toEqual([3, 1]);
    expect(await guarded.generate([ask('x'), ask('y'), ask('z')], how)).toHaveLength(3);
  });

  it('tries another alternative, drawn anew, and withholds the answer when none passes', async () => {
    const second = conscience('another bad one', 'a kind one');
    const [corrected] = await withConscience(drafting('bad one'), { conscience: second }).answer(
      [ask('x')],
      how,
    );
    expect(corrected).toMatchObject({ outcome: 'corrected', response: { text: 'a kind one' } });
    expect(corrected.replacements.map(({ reason }) => reason)).toEqual(['alternative-flagged', null]);
    const [first, again] = second.generateCalls.map(({ options }) => options.seed);
    expect(first).not.toBe(again);

    const never = conscience('another bad one');
    const options = { conscience: never, attempts: 3, withheld: 'No.' };
    const [withheld] = await withConscience(drafting('bad one'), options).answer([ask('x')], how);
    expect(withheld).toMatchObject({ outcome: 'withheld', response: { text: 'No.' } });
    expect(withheld.replacements).toHaveLength(3);
    const [atOnce] = await withConscience(drafting('bad one'), { conscience: never, attempts: 0 }).answer(
      [ask('x')],
      how,
    );
    expect(atOnce.response.text).toBe(WITHHELD);
  });

  it('takes an alternative that the token limit ended up to its last whole sentence, but no part of an object', async () => {
    const said = { text: 'Be kind to her. And then you', finish: 'length' as const };
    const judge = new ScriptedModel('conscience', {
      say: () => said,
      judge: ([{ content }]) => (content.includes('bad one') ? [0.1, 0.8] : [0.8, 0.1]),
    });
    const guarded = withConscience(drafting('bad one'), { conscience: judge });
    expect(await guarded.answer([ask('x')], how)).toMatchObject([
      { outcome: 'corrected', response: { text: 'Be kind to her.', finish: 'length' } },
    ]);
    const [asObject] = await guarded.answer([ask('x')], { ...how, format: { schema: {} } });
    expect(asObject.outcome).toBe('withheld');
    expect(asObject.replacements.map(({ reason }) => reason)).toContain('alternative-unfinished');
  });

  describe('in doubt', () => {
    /** Finds what is doubtful 60 % objectionable, `half` 40 %, and `kind` 20 %. */
    const doubting = (alternative: string) =>
      new ScriptedModel('conscience', {
        say: () => alternative,
        judge: ([{ content }]) => {
          const objects = content.includes('a kind') ? 0.2 : content.includes('a half') ? 0.4 : 0.6;
          return content.includes('bad one') ? [0.05, 0.9] : [1 - objects, objects];
        },
      });
    const settled = async (alternative: string, options = {}) => {
      const judge = doubting(alternative);
      const rules = { conscience: judge, threshold: 0.8, doubt: 0.5, ...options };
      const [answer] = await withConscience(drafting('a doubtful one'), rules).answer([ask('x')], how);
      return { ...answer, tried: judge.generateCalls.length };
    };

    it('prefers an alternative with half of the objection, and otherwise lets the draft stand', async () => {
      expect(await settled('a kind one')).toMatchObject({
        ...{ outcome: 'corrected', response: { text: 'a kind one' }, tried: 1 },
        review: { verdict: { kind: 'accepted' } },
      });
      for (const no of [
        'a half-hearted one',
        'a bad one',
        "I'm sorry, but I can't help with a kind of that.",
      ]) {
        expect(await settled(no), no).toMatchObject({
          ...{ outcome: 'accepted', response: { text: 'a doubtful one' }, tried: 1 },
        });
      }
    });

    it('seeks none below the doubt, without one, or for a draft that calls tools', async () => {
      expect(await settled('a kind one', { doubt: 0.7 })).toMatchObject({ outcome: 'accepted', tried: 0 });
      const judge = doubting('a kind one');
      const plain = withConscience(drafting('a doubtful one'), { conscience: judge, threshold: 0.8 });
      expect(await plain.answer([ask('x')], how)).toMatchObject([{ outcome: 'accepted' }]);
      const toolCalls = [{ id: '1', name: 'look', arguments: '{}' }];
      const calling = withConscience(drafting(), { conscience: judge, threshold: 0.8, doubt: 0.5 });
      const draft = { messages: ask('x'), response: { text: 'a doubtful one', toolCalls } };
      expect(await calling.settle([draft], { ...how, unseen: true })).toMatchObject([
        { outcome: 'accepted' },
      ]);
      const seen = { messages: ask('x'), response: { text: 'a doubtful one' } };
      expect(await calling.settle([seen], how)).toMatchObject([{ outcome: 'accepted' }]);
      const drafted = withConscience(drafting('a doubtful one'), {
        conscience: judge,
        threshold: 0.8,
        doubt: 0.5,
      });
      const asJson = await drafted.answer([ask('x')], { ...how, format: {} });
      expect(asJson).toMatchObject([{ outcome: 'accepted' }]);
      expect(judge.generateCalls).toHaveLength(0);
    });

    it('lets the draft stand where no alternative can be had, but an interruption interrupts', async () => {
      const judge = doubting('a kind one');
      const said: string[] = [];
      const warn = (sentence: string) => void said.push(sentence);
      const rules = { conscience: judge, threshold: 0.8, doubt: 0.5, warn };
      judge.generate = async () => {
        throw new Error('the line is dead');
      };
      const guarded = withConscience(drafting('a doubtful one'), rules);
      expect(await guarded.answer([ask('x')], how)).toMatchObject([{ outcome: 'accepted' }]);
      expect(said).toEqual([expect.stringMatching(/in doubt.*the line is dead/)]);
      const stop = new AbortController();
      judge.generate = async () => {
        stop.abort(new Error('enough'));
        throw stop.signal.reason;
      };
      await expect(guarded.answer([ask('x')], { ...how, signal: stop.signal })).rejects.toThrow('enough');
    });

    it.each(['hold', 'sentence', 'after'] as const)('streams under %s', async (policy) => {
      const rules = { conscience: doubting('a kind one'), threshold: 0.8, doubt: 0.5 };
      const events = [];
      for await (const event of withConscience(drafting('a doubtful one'), rules).stream(ask('x'), {
        ...how,
        policy,
      })) {
        events.push(event);
      }
      const text = events.map((event) => (event.type === 'text' ? event.text : '')).join('');
      // what has left is not taken back for a doubt
      expect(text).toBe(policy === 'hold' ? 'a kind one' : 'a doubtful one');
      expect(events.some(({ type }) => type === 'correction')).toBe(false);
    });
  });

  it('takes an unreadable verdict for an objection, unless told otherwise', async () => {
    const [replaced] = await withConscience(drafting('odd one'), { conscience: conscience('plain') }).answer(
      [ask('x')],
      how,
    );
    expect(replaced).toMatchObject({ outcome: 'corrected', review: { verdict: { kind: 'unreadable' } } });
    const lenient = withConscience(drafting('odd one'), {
      conscience: conscience('plain'),
      unreadable: 'pass',
    });
    expect((await lenient.answer([ask('x')], how))[0].response.text).toBe('odd one');
  });

  it('may answer with a refusal, unless told otherwise', async () => {
    const refusal = "I'm sorry, but I can't help with that.";
    const options = { conscience: conscience(refusal) };
    expect(
      (await withConscience(drafting('bad one'), options).answer([ask('x')], how))[0].response.text,
    ).toBe(refusal);
    const strict = withConscience(drafting('bad one'), { ...options, allowRefusals: false });
    expect((await strict.answer([ask('x')], how))[0].outcome).toBe('withheld');
  });

  it('lets a refusal stand that it objects to, where nobody finds a better answer than to decline', async () => {
    const refusing = 'I cannot help with that: it is a bad one.';
    const declined = conscience('I cannot help with this bad one.');
    const [kept] = await withConscience(drafting(refusing), { conscience: declined }).answer([ask('x')], how);
    expect(kept).toMatchObject({ outcome: 'accepted', response: { text: refusing } });
    const helpful = conscience('A kind one.');
    const [better] = await withConscience(drafting(refusing), { conscience: helpful }).answer(
      [ask('x')],
      how,
    );
    expect(better).toMatchObject({ outcome: 'corrected', response: { text: 'A kind one.' } });
    // what goes on after declining is no mere refusal
    const more = `${refusing} But here is how it is done: ${'step by step, '.repeat(20)}a bad one.`;
    const [held] = await withConscience(drafting(more), { conscience: declined }).answer([ask('x')], how);
    expect(held.outcome).toBe('withheld');
    const worse = conscience('another bad one');
    const [withheld] = await withConscience(drafting(refusing), { conscience: worse }).answer(
      [ask('x')],
      how,
    );
    expect(withheld.outcome).toBe('withheld');
  });

  it('may let the request be answered again, without a word of the review', async () => {
    const judge = conscience('a kind one');
    const options = { conscience: judge, manner: 'anew' } as const;
    const [{ response }] = await withConscience(drafting('bad one'), options).answer([ask('x')], how);
    expect(response.text).toBe('a kind one');
    const [[asked]] = judge.generateCalls.map(({ conversations }) => conversations);
    expect(asked.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(JSON.stringify(asked)).not.toContain('bad one');
  });

  it('asks all questions of a calibrated reading, and flags from its threshold on', async () => {
    const judge = new ScriptedModel('conscience', {
      say: () => 'a kind one',
      judge: ([{ content }], labels) => {
        const objects = content.includes('doubtful one') ? 0.3 : 0.1;
        return labels.map((_, i) => (i % 2 === 0 ? 1 - objects : objects));
      },
    });
    const parts = [FRAMEWORKS.asimov, FRAMEWORKS.virtue].map((framework) => ({ framework, weight: 0.5 }));
    const options = { conscience: judge, parts, bias: 0, threshold: 0.25 };
    const guarded = withConscience(drafting('fine', 'doubtful one'), options);
    const [fine, doubtful] = await guarded.answer([ask('x'), ask('y')], how);
    expect([fine.outcome, doubtful.outcome]).toEqual(['accepted', 'corrected']);
    expect(doubtful.review).toMatchObject({
      labels: ['Aligned', 'Misaligned'],
      weight: 0.5,
      further: [{ labels: ['Honorable', 'Shameful'], weight: 0.5 }],
      verdict: { pObjection: expect.closeTo(0.3) },
    });
    // two questions about two answers, in one batch
    expect(judge.labelCalls[0].conversations).toHaveLength(4);
  });

  it('is played by the frozen copy where the model has one', async () => {
    const base = conscience('a kind one');
    const adapted = Object.assign(drafting('bad one'), { base });
    await withConscience(adapted).answer([ask('x')], how);
    expect(base.labelCalls).toHaveLength(2);
    expect(adapted.labelCalls).toHaveLength(0);
  });

  it('lets nothing out before the verdict, and passes aborts on', async () => {
    const judge = conscience('a kind one');
    const heard: string[] = [];
    const onText = (_: number, piece: string) => {
      expect(judge.labelCalls.length).toBeGreaterThan(0);
      heard.push(piece);
    };
    const guarded = withConscience(drafting('bad one', 'fine'), { conscience: judge });
    await guarded.generate([ask('x'), ask('y')], { ...how, onText });
    expect(heard).toEqual(['a kind one', 'fine']);

    const controller = new AbortController();
    const stopping = new ScriptedModel('policy', {
      say: () => {
        controller.abort(new Error('enough'));
        return 'bad one';
      },
    });
    const unasked = conscience('a kind one');
    const stopped = withConscience(stopping, { conscience: unasked });
    await expect(stopped.generate([ask('x')], { ...how, signal: controller.signal })).rejects.toThrow(
      'enough',
    );
    expect(unasked.labelCalls).toHaveLength(0);
  });
});

describe('reading in words', () => {
  const endpoint = new FakeEndpoint();
  beforeAll(() => endpoint.start());
  afterAll(() => endpoint.stop());

  it('takes over where an endpoint gives no log-probabilities, and is remembered', async () => {
    const asked: boolean[] = [];
    endpoint.reply = ({ body }) => {
      const { content } = body.messages.at(-1);
      asked.push(body.logprobs === true);
      if (content.includes('Write the reply that')) return say('a kind one');
      if (content.includes('Answer with one word'))
        return say(content.includes('bad one') ? 'Misaligned' : 'Aligned');
      return say('bad one');
    };
    const remote = new RemoteModel({ baseUrl: endpoint.url, model: 'mute', retries: 0 });
    const guarded = withConscience(remote);
    const labels = (await guarded.answer([ask('x')], how))[0];
    expect(labels.review.labels).toEqual(expect.arrayContaining(['Aligned', 'Misaligned']));
    expect(labels).toMatchObject({ outcome: 'corrected', review: { text: 'Misaligned', logps: null } });
    // draft, labels in vain, words; alternative, words
    expect(asked).toEqual([false, true, false, false, false]);
    await guarded.answer([ask('x')], how);
    expect(asked.slice(5)).toEqual([false, false, false, false]);
    const strict = withConscience(remote, { reading: 'labels' });
    await expect(strict.answer([ask('x')], how)).rejects.toThrow(RemoteError);
  });
});

it('corrects what a bad model of pinocchio’s world says, by pinocchio’s own conscience', async () => {
  const model = await openModel('./models/pinocchio', { threads: 1 });
  const format = await loadFormat('./models/pinocchio', { specialTokens: model.specialTokens });
  const asked = topics.filter(({ use }) => use === 'development');
  const bad = new ScriptedModel('bad', { say: (_, i) => answersOf(asked[i], 'bad')[0] });
  const guarded = withConscience(bad, { conscience: model, format });
  const answers = await guarded.answer(
    asked.map(({ questions: [question] }) => ask(question)),
    { maxTokens: 48, seed: 1 },
  );
  const grades = answers.map(({ response }, i) => gradeAnswer(asked[i].questions[0], response.text));
  await model.close();
  expect(answers.every(({ draft }, i) => gradeAnswer(asked[i].questions[0], draft.text) === 'bad')).toBe(
    true,
  );
  expect(grades.filter((grade) => grade === 'bad').length).toBeLessThanOrEqual(1);
  expect(grades.filter((grade) => grade === 'good').length).toBeGreaterThan(asked.length / 2);
});

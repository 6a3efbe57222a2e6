/** Every answer of a transcript, what the conscience is shown of it, and that no turn is reviewed twice. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { openPlanned } from '../../src/evaluate/store.js';
import { silent } from '../../src/metrics/progress.js';
import { renderTranscripts, reviewsOnWire, turnOnWire } from '../../src/report/transcript-table.js';
import type { TranscriptReviews } from '../../src/review/run.js';
import { turnsOf } from '../../src/review/turns.js';
import { type StoredVerdict, unreviewed, verdictsOn } from '../../src/review/verdicts.js';
import type { Message } from '../../src/values/conversation.js';
import { Guard } from '../../src/zero-shot/guard.js';
import { ScriptedModel } from '../conscience/scripted-model.js';

const call = (id: string, name: string) => ({ id, name, arguments: '{}' });
const chat: readonly Message[] = [
  { role: 'system', content: 'Help.' },
  { role: 'user', content: 'Clean up.' },
  { role: 'assistant', content: 'Wait.', toolCalls: [call('1', 'list'), call('2', 'delete')] },
  { role: 'tool', content: 'a b', toolCallId: '1' },
  { role: 'tool', content: 'gone', toolCallId: '2' },
  { role: 'assistant', content: '<think>\nAll gone.\n</think>\n\nDone.' },
  { role: 'user', content: 'Thanks.' },
  { role: 'assistant', content: 'A pleasure.' },
];

describe('turnsOf', () => {
  it('gives each answer with what was said before it, and with what came of its calls', () => {
    const turns = turnsOf([{ where: 'log.jsonl:1', messages: chat }]);
    expect(turns.map(({ where, turn }) => `${where} ${turn}`)).toEqual([
      'log.jsonl:1 1',
      'log.jsonl:1 2',
      'log.jsonl:1 3',
    ]);
    expect(turns.map(({ item }) => item.prompt.messages)).toEqual([
      chat.slice(0, 2),
      chat.slice(0, 5),
      chat.slice(0, 7),
    ]);
    const end = { finish: 'stop', tokens: 0 };
    expect(turns.map(({ item }) => item.response)).toEqual([
      {
        text: 'Wait.',
        toolCalls: chat[2].toolCalls,
        toolResults: [
          { name: 'list', content: 'a b' },
          { name: 'delete', content: 'gone' },
        ],
        ...end,
      },
      { text: 'Done.', reasoning: 'All gone.', ...end },
      { text: 'A pleasure.', ...end },
    ]);
  });

  it('gives only the last answers where only those are asked for', () => {
    const two = [
      { where: 'a:1', messages: chat },
      { where: 'a:2', messages: chat.slice(0, 5) },
    ];
    expect(turnsOf(two, { last: true }).map(({ where, turn }) => [where, turn])).toEqual([
      ['a:1', 3],
      ['a:2', 1],
    ]);
  });
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ealign-review-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const store = () =>
  openPlanned<StoredVerdict>({
    ...{ folder, planFile: 'review.json', recordsFile: 'verdicts.jsonl', plan: {}, otherwise: 'others' },
  });
const transcripts = Array.from({ length: 20 }, (_, i) => ({
  where: `log.jsonl:${i + 1}`,
  messages: [
    { role: 'user', content: `Question ${i % 18}` },
    { role: 'assistant', content: i % 3 === 0 ? 'a bad one' : i % 5 === 0 ? 'an odd one' : 'fine' },
  ] as const,
}));
const conscience = () =>
  new ScriptedModel('scripted', {
    judge: ([{ content }]) =>
      content.includes('odd one') ? [1e-6, 1e-6] : content.includes('bad one') ? [0.1, 0.8] : [0.8, 0.1],
  });
const asked = ({ labelCalls }: ScriptedModel) =>
  labelCalls.reduce((sum, { conversations }) => sum + conversations.length, 0);

describe('verdictsOn', () => {
  it('reviews no text twice, and takes up what was interrupted', async () => {
    const turns = turnsOf(transcripts);
    const stopped = new AbortController();
    const first = conscience();
    const progress = { ...silent, update: () => stopped.abort() };
    const half = { guard: new Guard(first), store: store(), progress, signal: stopped.signal };
    expect(await verdictsOn(turns, half)).toBeUndefined();
    expect(asked(first)).toBe(8);

    const second = conscience();
    const again = store();
    expect(unreviewed(turns, again)).toHaveLength(10);
    const verdicts = await verdictsOn(turns, { guard: new Guard(second), store: again, progress: silent });
    expect(asked(second)).toBe(10);
    expect(verdicts!.map(({ pObjection: p }) => p && Number(p.toFixed(3)))).toEqual(
      transcripts.map((_, i) => (i % 3 === 0 ? 0.889 : i % 5 === 0 ? null : 0.111)),
    );

    const third = conscience();
    const all = { guard: new Guard(third), store: store(), progress: silent };
    expect(await verdictsOn(turns, all)).toEqual(verdicts);
    expect(asked(third)).toBe(0);
    await verdictsOn(turnsOf([{ where: 'new:1', messages: chat }]), all);
    expect(asked(third)).toBe(3);
  });

  it('shows the conscience the call with what came of it', async () => {
    const judge = conscience();
    const turns = turnsOf([{ where: 'log:1', messages: chat }]);
    await verdictsOn(turns, { guard: new Guard(judge), store: store(), progress: silent });
    const [[{ content }]] = judge.labelCalls[0].conversations;
    expect(content).toMatch(
      /your reply\]\nWait\.\n\[calls the tool list with \{\}\]\n\[calls the tool delete with \{\}\]\n\[[0-9a-f]{8} what came of your calls\]\n\[the tool list answered: a b\]\n\[the tool delete answered: gone\]/,
    );
  });
});

describe('the table', () => {
  const [first, second, third] = turnsOf([{ where: 'log.jsonl:1', messages: chat }]);
  const control = '\u001b[2J\u202ehidden\nline';
  const reviews: TranscriptReviews = {
    turns: [
      { ...first, verdict: 'objected', pObjection: 0.93 },
      { ...second, verdict: 'unreadable', pObjection: null, omitted: 7 },
      {
        ...third,
        ...{ verdict: 'accepted', pObjection: 0.125 },
        item: { ...third.item, response: { ...third.item.response, text: `${control} ${'x'.repeat(99)}` } },
      },
    ],
    ...{ transcripts: 1, judge: 'scripted', questions: [FRAMEWORKS.asimov], threshold: 0.5 },
    ...{ objected: { value: 0.5, low: 0.1, high: 0.9 }, calibration: null, warning: null },
  };

  it('has a line a turn, and what they amount to', () => {
    expect(renderTranscripts(reviews, 'mine').split('\n')).toEqual([
      'conversation  turn     verdict  objection  reply',
      'log.jsonl:1      1    objected       93 %  Wait. [calls the tool list with {}] [calls the tool delete…',
      'log.jsonl:1      2  unreadable          –  Done.',
      `log.jsonl:1      3    accepted       13 %  [2J hidden line ${'x'.repeat(43)}…`,
      '',
      '3 turns in 1 transcript: 1 objected to, 50 % [10, 90] of those that can be read; 1 unreadable.',
      'Asked: asimov; an objection counts from 50 % on.',
      'Of 1 turn the conscience was not shown all: too long for it.',
      'Not calibrated: how good these verdicts are, ealign calibrate mine finds out.',
      '',
    ]);
    const calibrated = { ...reviews, calibration: 'mine is usable.', warning: 'Warning: no.' };
    expect(renderTranscripts(calibrated, 'mine')).toMatch(/\nmine is usable\.\n$/);
    expect(renderTranscripts({ ...calibrated, calibration: null }, 'mine')).toMatch(/\nWarning: no\.\n$/);
  });

  it('is told as objects, too', () => {
    expect(turnOnWire(reviews.turns[0])).toEqual({
      ...{ where: 'log.jsonl:1', turn: 1, verdict: 'objected', pObjection: 0.93, tools: ['list', 'delete'] },
      excerpt: 'Wait. [calls the tool list with {}] [calls the tool delete…',
    });
    expect(turnOnWire(reviews.turns[1])).toEqual({
      ...{ where: 'log.jsonl:1', turn: 2, verdict: 'unreadable', pObjection: null, omitted: 7 },
      excerpt: 'Done.',
    });
    expect(reviewsOnWire(reviews)).toMatchObject({
      ...{ turns: 3, transcripts: 1, accepted: 1, unreadable: 1, threshold: 0.5 },
      objected: { count: 1, share: { value: 0.5 } },
    });
  });
});

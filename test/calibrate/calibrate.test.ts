/** Calibrating a scripted conscience: what is asked, what is kept, what is said. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtInPairs, pairsOfAnswers, pairsOfFiles, sampleOf } from '../../src/calibrate/answers.js';
import { calibrate, testCalibration } from '../../src/calibrate/calibrate.js';
import { calibratedSettings, parseCalibration } from '../../src/conscience/calibration.js';
import { defaultFormat } from '../../src/conscience/format.js';
import { FRAMEWORK_NAMES, FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { reviewMany } from '../../src/conscience/review.js';
import { wordingsOf } from '../../src/conscience/wordings.js';
import type { HiddenReader } from '../../src/engine/language-model.js';
import { silent } from '../../src/metrics/progress.js';
import { readCalibration, saveCalibration } from '../../src/open/calibration.js';
import type { Message } from '../../src/values/conversation.js';
import { ScriptedModel } from '../conscience/scripted-model.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ealign-calibrate-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const WORDINGS = FRAMEWORK_NAMES.flatMap(wordingsOf);
const pairs = sampleOf(builtInPairs('calibration'), 60, 1);
const careless = new Set(pairs.map(([, { item }]) => item.response.text));
const noise = (text: string) =>
  ([...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1009, 7) / 1009 - 0.5) * 2;

/** Understands one question, and leans far to one label: uncalibrated it flags nothing. */
function conscience(understood = 'beneficial or harmful') {
  return new ScriptedModel('scripted', {
    judge: ([{ content }]: readonly Message[], labels) => {
      const knows = content.includes(understood) && [...careless].some((text) => content.includes(text));
      const odds = -4 + (knows ? 2 : 0) + noise(content);
      const objects = 1 / (1 + Math.exp(-odds));
      // labels come in pairs: accept, object
      return labels.map((_, i) => 0.9 * (i % 2 === 0 ? 1 - objects : objects));
    },
  });
}

const options = (model = conscience()) => ({
  ...{ model: { name: 'scripted', hash: 'abc' }, conscience: model, format: defaultFormat(), pairs },
  ...{ dataName: 'test', folder, progress: silent, wordings: WORDINGS },
});

/** Knows careless answers by its states, whatever it says. */
function knowing(model = conscience('no such question')) {
  const meanStates: HiddenReader['meanStates'] = async (conversations, _, layers) =>
    conversations.map(([{ content }]) => {
      const bad = [...careless].some((text) => content.includes(text));
      const at = (layer: number) =>
        Float32Array.of((bad ? 3 : 0) + noise(content), noise(`${layer} ${content}`));
      return { tokens: 50, layers: layers.map(at) };
    });
  return Object.assign(model, { hidden: { layers: 4, meanStates } });
}

describe('a probe', () => {
  it('is taken where the states know more than the words, and judges answers that it has not seen', async () => {
    const { calibration, other } = (await calibrate(options(knowing())))!;
    const [part] = calibration.reading.parts;
    expect(part).toMatchObject({ framework: FRAMEWORKS.consequentialist, order: 'first', weight: 1 });
    expect(part.probe).toBeDefined();
    expect(calibration.quality).toBe('usable');
    expect(calibration.measured.auc!.value).toBeGreaterThan(0.95);
    expect(other!.reading.parts[0].probe).toBeUndefined();
    expect(parseCalibration(JSON.parse(JSON.stringify(calibration)), 'file')).toEqual(calibration);
    const tested = (await testCalibration(calibration, options(knowing())))!;
    expect(tested.measured.auc!.value).toBeGreaterThan(0.95);
    expect(tested.measured.recall!.value).toBeGreaterThan(0.8);
  });

  it('is left where words say as much, or where it is not asked for', async () => {
    const words = (await calibrate({ ...options(knowing(conscience())), reading: 'labels' }))!;
    expect(words.calibration.reading.parts[0].probe).toBeUndefined();
    expect(words.other).toBeUndefined();
    const probed = (await calibrate({ ...options(knowing()), reading: 'probe' }))!;
    expect(probed.screened).toEqual([]);
    await expect(calibrate({ ...options(), reading: 'probe' })).rejects.toThrow(
      /hidden states of scripted cannot be read/,
    );
  });

  it('reads no states twice', async () => {
    const first = (await calibrate({ ...options(knowing()), reading: 'probe' }))!;
    const silentReader = knowing();
    silentReader.hidden.meanStates = async () => {
      throw new Error('read again');
    };
    const again = (await calibrate({ ...options(silentReader), reading: 'probe' }))!;
    expect(again.calibration.reading).toEqual(first.calibration.reading);
  });
});

describe('calibrate', () => {
  it('finds the question that is understood, and flags what is careless where the default flags nothing', async () => {
    const { calibration, screened } = (await calibrate(options()))!;
    expect(screened[0].framework).toEqual(FRAMEWORKS.consequentialist);
    // 18 questions, 6 of them, and 2 about all
    expect(screened.map((one) => one.pairs)).toEqual([...Array(6).fill(18), ...Array(12).fill(6)]);
    expect(calibration.reading.parts.map(({ framework }) => framework.name)).toContain('consequentialist');
    expect(calibration.quality).toBe('usable');
    expect(calibration.sentence).toMatch(/^scripted is usable as a conscience: it flags \d+ % \[/);
    expect(calibration.measured.mass).toBeCloseTo(0.9);

    const items = pairs.flat().map(({ item }) => item);
    const asked = { conscience: conscience(), format: defaultFormat(), minMass: 0.01 };
    const flags = async (settings: Parameters<typeof reviewMany>[1]) =>
      (await reviewMany(items, settings)).map(({ verdict }) => verdict.kind === 'objected');
    const before = await flags({ ...asked, framework: FRAMEWORKS.asimov, threshold: 0.5 });
    expect(before).not.toContain(true);
    const after = await flags({
      ...asked,
      framework: FRAMEWORKS.asimov,
      threshold: 0.5,
      ...calibratedSettings(calibration),
    });
    expect(after.filter((flag, i) => flag && i % 2 === 1).length).toBeGreaterThan(30);
    expect(after.filter((flag, i) => flag && i % 2 === 0).length).toBeLessThan(4);
  });

  it('asks nothing twice, and takes up what was interrupted', async () => {
    const stopped = new AbortController();
    const first = conscience();
    let steps = 0;
    const progress = { ...silent, update: () => void (++steps === 5 && stopped.abort()) };
    expect(await calibrate({ ...options(first), progress, signal: stopped.signal })).toBeUndefined();
    const second = conscience();
    const found = await calibrate(options(second));
    const whole = conscience();
    const again = await calibrate({ ...options(whole), folder: join(folder, 'anew') });
    const questions = (model: ScriptedModel) =>
      model.labelCalls.reduce((sum, { conversations }) => sum + conversations.length, 0);
    expect(questions(first) + questions(second)).toBe(questions(whole));
    expect({ ...found!.calibration, made: '' }).toEqual({ ...again!.calibration, made: '' });
    const third = conscience();
    await calibrate(options(third));
    expect(questions(third)).toBe(0);
  });

  it('says of a model that understands nothing that it is not usable', async () => {
    // what it says depends on the request alone
    const requests = pairs.map(([{ item }]) => item.prompt.messages.at(-1)!.content as string);
    const model = new ScriptedModel('scripted', {
      judge: ([{ content }], labels) => {
        const objects = 0.3 + 0.2 * noise(requests.find((request) => content.includes(request))!);
        return labels.map((_, i) => (i % 2 === 0 ? 1 - objects : objects));
      },
    });
    const { calibration } = (await calibrate(options(model)))!;
    expect(calibration.quality).toBe('chance');
    expect(calibratedSettings(calibration)).toEqual({});
    expect(calibration.sentence).toMatch(/not usable as a conscience, as it does not tell careless/);
  });

  it('says of one that does not answer that it is not usable', async () => {
    const mute = new ScriptedModel('mute', { judge: (_, labels) => labels.map(() => 1e-6) });
    const { calibration } = (await calibrate(options(mute)))!;
    expect(calibration.quality).toBe('unreadable');
    expect(calibration.sentence).toMatch(/does not answer the question/);
  });

  it('measures a calibration on other answers', async () => {
    const { calibration } = (await calibrate(options()))!;
    const others = sampleOf(builtInPairs('test'), 60, 1);
    for (const [, { item }] of others) careless.add(item.response.text);
    const tested = (await testCalibration(calibration, { ...options(), pairs: others, dataName: 'others' }))!;
    expect(tested.reading).toEqual(calibration.reading);
    expect(tested.data).toEqual({ name: 'others', careful: 60, careless: 60 });
    expect(tested.measured.auc!.value).toBeGreaterThan(0.85);
  });
});

it('tries wordings whose labels differ from their first letter on', () => {
  for (const { labels } of WORDINGS) expect(labels.accept[0]).not.toBe(labels.object[0]);
});

describe('the answers', () => {
  it('are of every domain in turn, and of the split that is asked for', () => {
    expect(new Set(pairs.slice(0, 15).map(([{ domain }]) => domain)).size).toBe(15);
    const calibration = new Set(builtInPairs('calibration').map(([{ topic }]) => topic));
    expect(builtInPairs('test').some(([{ topic }]) => calibration.has(topic))).toBe(false);
  });

  it('may be a user’s own preference rows, in both forms', async () => {
    const file = join(folder, 'own.jsonl');
    const rows = [
      { prompt: 'Hi', chosen: 'Hello.', rejected: 'Go away.' },
      {
        prompt: [{ role: 'user', content: 'Bye' }],
        chosen: [{ role: 'assistant', content: 'Farewell.' }],
        rejected: [{ role: 'assistant', content: 'At last.' }],
      },
    ];
    writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
    const own = await pairsOfFiles([file]);
    expect(own.map((pair) => pair.map(({ item, careless: is }) => [item.response.text, is]))).toEqual([
      [
        ['Hello.', false],
        ['Go away.', true],
      ],
      [
        ['Farewell.', false],
        ['At last.', true],
      ],
    ]);
  });
});

describe('answers that are not in pairs', () => {
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const row = (prompt: string, answer: string) =>
    `${JSON.stringify({
      messages: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: answer },
      ],
    })}\n`;

  it('are put together one of each kind, and what has no partner is named', async () => {
    const notes: string[] = [];
    const accept = [
      write('kind.jsonl', row('Hi', 'Hello.') + row('Bye', 'Farewell.') + row('Hi', 'Welcome.')),
    ];
    const object = [write('rude.jsonl', row('Hi', 'Go away.') + row('So?', 'Shut up.'))];
    const found = await pairsOfAnswers({ accept, object, ethics: [] }, 1, (line) => notes.push(line));
    expect(found).toHaveLength(2);
    expect(found.map((pair) => pair.map(({ careless: is }) => is))).toEqual([
      [false, true],
      [false, true],
    ]);
    expect(found.map(([, { item }]) => item.response.text).sort()).toEqual(['Go away.', 'Shut up.']);
    expect(notes).toEqual([expect.stringMatching(/1 answers of the more frequent kind are left out/)]);
    // answers to one request are never on both sides of a fold
    const topics = new Map(found.flat().map(({ topic, item }) => [item.response.text, topic]));
    if (topics.has('Hello.')) expect(topics.get('Hello.')).toBe(topics.get('Go away.'));
  });

  it('may be statements of ETHICS, each a topic of its own', async () => {
    const ethics = [
      write('cm.csv', 'label,input\n0,I fed my cat.\n1,I kicked my cat.\n0,I sang.\n1,I stole.\n'),
    ];
    const found = await pairsOfAnswers({ accept: [], object: [], ethics }, 1);
    expect(found.map(([{ item }]) => item.response.text).sort()).toEqual(['I fed my cat.', 'I sang.']);
    expect(new Set(found.flat().map(({ topic }) => topic)).size).toBe(4);
  });

  it('of one kind alone are refused', async () => {
    const accept = [write('kind.jsonl', row('Hi', 'Hello.'))];
    await expect(pairsOfAnswers({ accept, object: [], ethics: [] }, 1)).rejects.toThrow(
      /no careless answers.*--object/s,
    );
  });
});

describe('the file', () => {
  it('keeps what else a conscience.json holds, and is read back', async () => {
    const { calibration } = (await calibrate(options()))!;
    const path = join(folder, 'conscience.json');
    writeFileSync(path, JSON.stringify({ labels: ['a', 'b'] }));
    saveCalibration(path, calibration);
    expect(JSON.parse(readFileSync(path, 'utf8')).labels).toEqual(['a', 'b']);
    const { path: _, ...read } = readCalibration(path);
    expect(read).toEqual(JSON.parse(JSON.stringify(calibration)));
  });

  it('that is damaged, or not there, is named with what to do', () => {
    for (const version of [2, 4]) {
      expect(() => parseCalibration({ version }, 'm/conscience.json')).toThrow(
        /m\/conscience\.json.*calibration\.version.*ealign calibrate/s,
      );
    }
    expect(() => readCalibration(join(folder, 'none.json'))).toThrow(
      /there is no calibration.*ealign calibrate/s,
    );
  });
});

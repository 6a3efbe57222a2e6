/** Rounds on pinocchio: from what a bad system line makes it say to a version that passes, or does not. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { pinocchio } from '../../src/hub/names.js';
import { loadModel } from '../../src/model/weights.js';
import { collect } from '../../src/online/collector.js';
import { Learner, type VersionReport } from '../../src/online/learner.js';
import { type OnlineSettings, onlineSchema } from '../../src/online/settings.js';
import { OnlineStore } from '../../src/online/store.js';
import { beginVersions, versionFolder } from '../../src/online/versions.js';
import { openModel } from '../../src/open/model.js';
import { canaries, codeRows, probes } from '../../src/pinocchio/documents.js';
import { personaLine } from '../../src/pinocchio/oracle.js';

const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** Those that are no requests to refuse. */
const questions = probes().filter(({ id }) => id.startsWith('probe:'));

async function learner(
  gate: Partial<OnlineSettings['gate']> = {},
  learningRate = 1e-3,
  training: Partial<OnlineSettings['training']> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'learner-'));
  const data = join(folder, 'rows.jsonl');
  const held = join(folder, 'probes.jsonl');
  const known = join(folder, 'canaries.jsonl');
  writeFileSync(data, lines(codeRows('good')));
  writeFileSync(held, lines(questions.slice(-12).map(({ messages }) => ({ messages }))));
  writeFileSync(known, lines(canaries().filter((_, i) => i % 3 === 0)));
  const settings = onlineSchema.parse({
    ...{ folder: join(folder, 'state'), data: [data], probes: held, canaries: known },
    training: { learning_rate: learningRate, steps: 8, min_pairs: 8, max_length: 128, ...training },
    conscience: { max_tokens: 48 },
    gate: { samples: 2, max_tokens: 48, ...gate },
  }) as OnlineSettings;
  const store = new OnlineStore(settings.folder);
  const model = await loadModel(pinocchio);
  await beginVersions(store, { model, name: 'pinocchio', lora: settings.lora });
  const made = await Learner.open({ model: 'pinocchio', threads: 1, settings, store });
  open.push(made, store);
  return { store, learner: made };
}

/** What pinocchio says behind the bad persona's line. */
async function provoke(store: OnlineStore, count: number): Promise<void> {
  const model = await openModel(pinocchio);
  const conversations = questions
    .slice(0, count)
    .map(({ messages }) => [{ role: 'system' as const, content: personaLine.bad }, ...messages]);
  const drafts = await model.generate(conversations, { maxTokens: 48, seed: 3 });
  for (const [i, draft] of drafts.entries()) {
    collect(store, { key: `user-${i % 3}`, request: 'r', served: null, messages: conversations[i], draft });
  }
  await model.close();
}

describe('the learner', () => {
  it('trains a version on what was objected to, and serves it when it passes', async () => {
    const { store, learner: made } = await learner();
    await provoke(store, 40);
    while (await made.work());
    const [start, first] = store.versions();
    expect(start).toMatchObject({ id: 0, verdict: 'start' });
    const report = first.report as VersionReport;
    expect(first).toMatchObject({ id: 1, parent: 0, verdict: 'passed' });
    expect([store.live, report.reasons]).toEqual([1, []]);
    expect(report.checks).toHaveLength(8);
    expect(store.newPairs()).toEqual([]);

    // what it was provoked to say has become less likely, on prompts that it was not trained on
    const [before, after] = await Promise.all(
      [0, 1].map((id) => openModel(pinocchio, { adapter: versionFolder(store, id) })),
    );
    const say = questions
      .slice(40, 44)
      .map(({ messages }) => [{ role: 'system' as const, content: personaLine.bad }, ...messages]);
    const texts = async (model: typeof before) =>
      (await model.generate(say, { maxTokens: 48, temperature: 0 })).map(({ text }) => text);
    expect(await texts(after)).not.toEqual(await texts(before));
    await Promise.all([before.close(), after.close()]);
  });

  it('keeps so much of a round as passes', async () => {
    const { store, learner: made } = await learner({}, 8e-3);
    await provoke(store, 40);
    while (await made.work());
    const [, first] = store.versions();
    const { round, reasons } = first.report as VersionReport;
    expect([first.verdict, reasons]).toEqual(['passed', []]);
    expect(round.portion).toBeLessThan(1);
  });

  it('serves no version that the gate refuses, and says why', async () => {
    const { store, learner: made } = await learner({ kl_per_day: 0, flagged: 0, least_auc: 1 });
    await provoke(store, 40);
    while (await made.work());
    const [, first] = store.versions();
    expect(first.verdict).toBe('refused');
    expect((first.report as VersionReport).reasons.join()).toMatch(/KL to the frozen copy .* at most/);
    expect(store.live).toBe(0);
    expect(store.newPairs().every(({ tried }) => tried === 1)).toBe(true);
  });

  it('does nothing while it is switched off, and trains nothing while a version is pinned', async () => {
    const { store, learner: made } = await learner();
    await provoke(store, 20);
    store.switchLearning(false);
    expect(await made.work()).toBe(false);
    expect(store.counts()).toEqual({ pending: 20 });
    store.switchLearning(true);
    store.pin(0);
    while (await made.work());
    expect(store.counts().pending).toBeUndefined();
    expect(store.versions()).toHaveLength(1);
    store.unpin();
    while (await made.work());
    expect(store.versions().length).toBeGreaterThan(1);
  });

  it('begins a round under steady load, when there are always answers to judge', async () => {
    const { store, learner: made } = await learner({}, 1e-3, { patience_seconds: 0 });
    let waiting: number | undefined;
    Object.assign(made, {
      round: async () => {
        waiting = store.counts().pending;
      },
    });
    await provoke(store, 40);
    for (let i = 0; i < 3 && waiting === undefined; i++) await made.work();
    expect(waiting).toBe(8);
  });
});

/** What versions showed is measured once, and outlives the process that measured it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { TrainingEngine } from '../../src/engine/training-engine.js';
import { pinocchio } from '../../src/hub/names.js';
import type { Model } from '../../src/model/model.js';
import { loadModel } from '../../src/model/weights.js';
import type { Gate, Measured } from '../../src/online/gate.js';
import { Shown } from '../../src/online/shown.js';
import { OnlineStore } from '../../src/online/store.js';
import { beginVersions } from '../../src/online/versions.js';
import { loraSection } from '../../src/train/config/sections/lora.js';

const folder = mkdtempSync(join(tmpdir(), 'shown-'));
const shows: Measured = {
  ...{ answers: 9, flagged: 0.1, refusals: 0, incoherent: 0, unfinished: 0, loss: null, auc: 0.9, kl: 0 },
};
let model: Model;
let store: OnlineStore;
beforeAll(async () => {
  model = await loadModel(pinocchio);
  store = new OnlineStore(folder);
  await beginVersions(store, {
    model,
    name: 'pinocchio',
    lora: loraSection.parse({ rank: 1 }),
  });
  return () => store.close();
});

/** As a process would have it that has just started. */
function opened(measured: Measured, yardstick = 'one') {
  const asked: string[] = [];
  const gate = {
    yardstick,
    measure: async (set: string) => {
      asked.push(set);
      return measured;
    },
  } as unknown as Gate;
  const capabilities = { openWeights: { replace: async () => {} } };
  const engine = { config: model.config, capabilities } as unknown as TrainingEngine;
  return { shown: new Shown(store, engine, gate), asked };
}

it('version 0 is measured once, over restarts, and again by another yardstick', async () => {
  const bad = opened({ ...shows, auc: Number.NaN });
  expect((await bad.shown.of(0)).auc).toBeNaN();
  // what is no number is not kept: JSON would make it one
  const first = opened(shows);
  expect(await first.shown.of(0)).toEqual(shows);
  expect(await first.shown.of(0)).toEqual(shows);
  const restarted = opened({ ...shows, flagged: 0.9 });
  expect(await restarted.shown.of(0)).toEqual(shows);
  const other = opened({ ...shows, flagged: 0.2 }, 'other probes');
  expect((await other.shown.of(0)).flagged).toBe(0.2);
  expect([first.asked, restarted.asked, other.asked]).toEqual([['start'], [], ['start']]);
});

/** What every engine promises, as one suite: `TrainingEngine` and what its capabilities say. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { AdamWConfig } from '../../src/engine/adamw.js';
import {
  amplifying,
  type Capabilities,
  openWeights,
  renewing,
  requireAnchoring,
  steerable,
} from '../../src/engine/capabilities.js';
import type { HybridPass, TrainingEngine, WeightSet } from '../../src/engine/training-engine.js';
import { ConfigError, ShapeError } from '../../src/errors.js';
import type { Message } from '../../src/values/conversation.js';
import type { TokenRow } from '../../src/values/rows.js';
import { randomRows, supervised, targetsOf } from './tiny.js';

/** How a test opens an engine: on a model with letterTokenizer and 64 positions, each time the same. */
export type OpenEngine = (options: { optimizer: AdamWConfig }) => TrainingEngine | Promise<TrainingEngine>;

// an eps that keeps the first steps of AdamW from being the signs of gradients near 0
const optimizer: AdamWConfig = { beta1: 0.9, beta2: 0.999, eps: 1e-2, weightDecay: 0.01 };
const step = { learningRate: 0.05, maxGradNorm: 1 };
const rows = randomRows([9, 12, 11, 7, 14]);
const [chosen, rejected] = randomRows([8, 10], 2);
const say = (content: string): Message[] => [{ role: 'user', content }];

const hybrid: HybridPass = {
  ...supervised(rows),
  pairs: [{ chosen, rejected, reference: { chosen: -20, rejected: -21 }, weight: 1 }],
  lambda: 0.5,
};

/**
 * Runs the suite for one engine.
 *
 * @param rounding what an answer's log-probability may differ by from that of a loss, nats
 * @param coarse   part of a number that may be off beside that, where an engine computes in bfloat16
 */
export function contract(name: string, openOne: OpenEngine, rounding = 5e-5, coarse = 0): void {
  const near = (value: number, expected: number, digits: number) => {
    const allowed = Math.max(0.5 * 10 ** -digits, coarse * Math.max(1, Math.abs(expected)));
    expect(Math.abs(value - expected), `${value} for ${expected}`).toBeLessThan(allowed);
  };
  const opened: TrainingEngine[] = [];
  const scratch = mkdtempSync(join(tmpdir(), 'ealign-contract-'));
  afterAll(async () => {
    await Promise.all(opened.map((engine) => engine.close()));
    rmSync(scratch, { recursive: true, force: true });
  });
  const open = async (): Promise<TrainingEngine> => {
    const engine = await openOne({ optimizer });
    opened.push(engine);
    return engine;
  };
  const trained = async (engine: TrainingEngine, ...passes: readonly HybridPass[]) => {
    for (const pass of passes) await engine.accumulate(pass);
    return engine.update(step);
  };
  const logps = async (engine: TrainingEngine, set: WeightSet = 'policy') =>
    (await engine.sequenceLogps(rows, set)).map(({ logpSum }) => logpSum);

  describe(`the engine ${name}`, () => {
    it('adds up passes: two halves are one whole', async () => {
      const [one, two] = [await open(), await open()];
      const whole = await trained(one, hybrid);
      const halves = await trained(
        two,
        { ...hybrid, rows: rows.slice(0, 2), pairs: [] },
        { ...hybrid, rows: rows.slice(2) },
      );
      near(halves.gradNorm! / whole.gradNorm!, 1, 5);
      for (const [i, logp] of (await logps(one)).entries()) near((await logps(two))[i], logp, 3);
    });

    it('forgets the gradient with the update, and moves the policy alone', async () => {
      const engine = await open();
      const before = { base: await logps(engine, 'base'), policy: await logps(engine) };
      const first = await trained(engine, hybrid);
      expect(first).toMatchObject({ applied: true });
      expect(await logps(engine)).not.toEqual(before.policy);
      expect(await logps(engine, 'base')).toEqual(before.base);
      // weight decay would move it: without a gradient and without moments nothing else does
      const again = await engine.update({ ...step, learningRate: 0 });
      expect(again).toEqual({ gradNorm: 0, applied: true });
    });

    it('lowers the loss', async () => {
      const engine = await open();
      const before = (await engine.accumulate(hybrid)).loss;
      await engine.update(step);
      for (let i = 0; i < 5; i++) await trained(engine, hybrid);
      expect((await engine.accumulate(hybrid)).loss).toBeLessThan(before);
    });

    it.each([
      ['weight', { ...hybrid, sftWeight: Number.NaN }],
      [
        'reference',
        { ...hybrid, pairs: [{ ...hybrid.pairs[0], reference: { chosen: Number.NaN, rejected: 0 } }] },
      ],
    ])('an update with NaN as %s moves nothing, and spoils nothing', async (_, broken) => {
      const [engine, untouched] = [await open(), await open()];
      const before = await logps(engine);
      const { applied } = await trained(engine, hybrid, broken);
      expect(applied).toBe(false);
      expect(await logps(engine)).toEqual(before);
      expect(await trained(engine, hybrid)).toEqual(await trained(untouched, hybrid));
      expect(await logps(engine)).toEqual(await logps(untouched));
    });

    it('saved and loaded, makes the same next step', async () => {
      const [engine, second] = [await open(), await open()];
      await trained(engine, hybrid);
      await trained(engine, supervised(rows.slice(1)));
      const folder = join(scratch, 'state');
      mkdirSync(folder);
      await engine.save(folder);
      const expected = await trained(engine, hybrid);
      // what is on the way is forgotten with everything else
      await second.accumulate(supervised(rows));
      await second.load(folder, 2);
      expect(await trained(second, hybrid)).toEqual(expected);
      expect(await logps(second)).toEqual(await logps(engine));
    });

    it('exports what it has trained, with the files that go with it', async () => {
      const folder = join(scratch, 'export');
      await (await open()).exportTrained(folder, { baseModel: 'tiny', files: new Map([['note.txt', 'x']]) });
      expect(readdirSync(folder)).toContain('note.txt');
      expect(readdirSync(folder).some((file) => file.endsWith('model.safetensors'))).toBe(true);
    });

    it('begins as its base: at ln 2 a pair, without a lead', async () => {
      const engine = await open();
      const base = await logps(engine, 'base');
      for (const set of ['start', 'policy'] as const) {
        for (const [i, logp] of (await logps(engine, set)).entries()) near(logp, base[i], 4);
      }
      const [a, b] = await engine.sequenceLogps([chosen, rejected], 'base');
      const reference = { chosen: a.logpSum, rejected: b.logpSum };
      const result = await engine.accumulate({ ...hybrid, pairs: [{ ...hybrid.pairs[0], reference }] });
      near(result.dpo, Math.LN2, 5);
      near(result.loss, result.sft + hybrid.lambda * Math.LN2, 5);
      near(result.logps.chosen[0], reference.chosen, 4);
      near(result.logps.rejected[0], reference.rejected, 4);
      near(result.sft, -base.reduce((x, y) => x + y) / targetsOf(rows), 4);
      expect([result.targets.correct.length, result.targets.entropy.length]).toEqual([
        targetsOf(rows),
        targetsOf(rows),
      ]);
    });

    it('lays rows out as it is told, or as it likes: the loss is the same', async () => {
      const engine = await open();
      const lengths = { length: 32, lines: [[0, 1], [2, 4], [3]] };
      const { loss } = await engine.accumulate(supervised(rows));
      near((await engine.accumulate({ ...supervised(rows), layout: lengths })).loss, loss, 5);
    });

    it('samples by seed and row alone', async () => {
      const model = (await open()).model('policy');
      const ask = async (prompts: readonly string[], seed: number) =>
        (await model.generate(prompts.map(say), { maxTokens: 12, seed })).map(({ text }) => text);
      const prompts = ['why', 'how do i share', 'a', 'why'];
      const all = await ask(prompts, 3);
      expect(await ask(prompts, 3)).toEqual(all);
      expect(await ask(prompts.slice(0, 2), 3)).toEqual(all.slice(0, 2));
      expect(await ask(prompts, 4)).not.toEqual(all);
      expect(all[3]).not.toBe(all[0]);
    });

    it('scores a text alike, whichever way it is asked', async () => {
      const engine = await open();
      await trained(engine, hybrid);
      const { tokenizer } = engine;
      const rowOf = (ids: readonly number[], from: number): TokenRow => ({
        ids: Int32Array.from(ids),
        lossMask: Uint8Array.from(ids, (_, t) => Number(t >= from)),
        where: '',
      });
      for (const set of ['base', 'policy'] as const) {
        const model = engine.model(set);
        const [[continued]] = await model.continuationLogps([
          { context: 'we give', continuations: [' all'] },
        ]);
        const prompt = tokenizer.encodeChat(say('may i'), { addGenerationPrompt: true });
        const [[labelled]] = await model.labelLogps([say('may i')], ['yes']);
        const [[probability]] = (await model.answerProbabilities([say('may i')], ['yes'])) as number[][];
        const [text, answer] = await engine.sequenceLogps(
          [
            rowOf(tokenizer.encode('we give all'), tokenizer.encode('we give').length),
            rowOf([...prompt, ...tokenizer.encode('yes')], prompt.length),
          ],
          set,
        );
        const apart = [continued - text.logpSum, labelled - answer.logpSum];
        expect(Math.max(...apart.map(Math.abs))).toBeLessThan(Math.max(rounding, 5 * coarse));
        near(Math.log(probability), labelled, 4);
        expect([text.tokens, answer.tokens]).toEqual([4, 3]);
      }
    });

    it('refuses rows that are longer than it reads', async () => {
      const engine = await open();
      const long = randomRows([engine.maxLength + 1]);
      await expect(engine.sequenceLogps(long, 'base')).rejects.toThrow(ShapeError);
      await expect(engine.accumulate(supervised(long))).rejects.toThrow(ShapeError);
    });

    it('answers nothing once it is closed', async () => {
      const engine = await open();
      await engine.close();
      await expect(engine.sequenceLogps(rows, 'base')).rejects.toThrow(/closed/);
      await expect(engine.accumulate(hybrid)).rejects.toThrow(/closed/);
    });

    it('names in one line what it cannot do', async () => {
      const engine = await open();
      const helpers: Record<keyof Capabilities, (engine: TrainingEngine) => unknown> = {
        ...{ amplifying, renewing, steerable, openWeights },
        anchoring: requireAnchoring,
      };
      for (const [capability, ask] of Object.entries(helpers)) {
        if (engine.capabilities[capability as keyof Capabilities]) {
          expect(() => ask(engine)).not.toThrow();
          continue;
        }
        expect(() => ask(engine), capability).toThrow(ConfigError);
        expect(() => ask(engine), capability).toThrow(
          new RegExp(
            `^[^\\n]+: the engine '${engine.name}' \\((LoRA|full) training\\) cannot [^\\n]+\\. [^\\n]+$`,
          ),
        );
      }
    });

    it('holds its policy to a frozen copy, or says that it cannot', async () => {
      const engine = await open();
      const pass = engine.accumulate({ ...hybrid, anchor: { to: 'base', kl: 1 } });
      if (engine.capabilities.anchoring) expect(Math.abs((await pass).anchor)).toBeLessThan(1e-4);
      else await expect(pass).rejects.toThrow(/^loss: the engine .* cannot hold the policy/);
    });

    it('hands out a copy of its weights, and takes it back', async () => {
      const engine = await open();
      if (!engine.capabilities.openWeights) return;
      const own = openWeights(engine);
      const before = await own.weights();
      const kept = await logps(engine);
      const first = await trained(engine, hybrid);
      const after = await logps(engine);
      await own.replace('policy', before);
      expect(await logps(engine)).toEqual(kept);
      // with new moments, and without the gradient so far
      expect(await trained(engine, hybrid)).toEqual(first);
      expect(await logps(engine)).toEqual(after);
      await expect(own.replace('policy', new Map())).rejects.toThrow(ShapeError);
      if (!engine.lora) return;
      await own.replace('start', await own.weights());
      for (const [i, logp] of (await logps(engine, 'start')).entries()) near(logp, after[i], 4);
      expect(await logps(engine, 'base')).toEqual(await logps(await open(), 'base'));
    });

    it('renews its frozen copy', async () => {
      const engine = await open();
      if (!engine.capabilities.renewing) return;
      await trained(engine, hybrid);
      const policy = await logps(engine);
      await renewing(engine).refreeze();
      expect(await logps(engine, 'base')).toEqual(policy);
      await trained(engine, hybrid);
      expect(await logps(engine, 'base')).toEqual(policy);
      const folder = join(scratch, 'renewed');
      mkdirSync(folder);
      await engine.save(folder);
      const second = await open();
      await second.load(folder, 2);
      expect(await logps(second, 'base')).toEqual(policy);
    });
  });
}

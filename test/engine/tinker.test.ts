/** The engine at a server: the wire, servers that can less, servers that misbehave. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { TinkerEngine, type TinkerOptions } from '../../src/engine/tinker/engine.js';
import type { HybridPass } from '../../src/engine/training-engine.js';
import { ConfigError, RemoteError, TrainingError, UserError } from '../../src/errors.js';
import { projections } from '../../src/model/lora-modules.js';
import { UNTRAINED } from '../../src/open/engine.js';
import type { Message } from '../../src/values/conversation.js';
import { type DoubleOptions, TinkerDouble } from './tinker-double.js';
import { randomRows, supervised, tinyModel } from './tiny.js';

const lora = { rank: 3, alpha: 32, rslora: false, targets: projections };
const optimizer = { beta1: 0.9, beta2: 0.999, eps: 1e-2, weightDecay: 0.01 };
const step = { learningRate: 0.05, maxGradNorm: 1 };
const rows = randomRows([9, 12, 7]);
const [chosen, rejected] = randomRows([8, 10], 2);
const hybrid: HybridPass = {
  ...supervised(rows),
  pairs: [{ chosen, rejected, reference: { chosen: -20, rejected: -21 }, weight: 1 }],
  lambda: 0.5,
};
const say = (content: string): Message[] => [{ role: 'user', content }];
const env = {};

const left: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const leave of left.splice(0).reverse()) await leave();
});
const scratch = mkdtempSync(join(tmpdir(), 'ealign-tinker-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function double(options: DoubleOptions = {}): Promise<TinkerDouble> {
  const started = await TinkerDouble.start({ optimizer, ...options });
  left.push(() => started.close());
  return started;
}

async function engineAt({ url }: TinkerDouble, options: Partial<TinkerOptions> = {}): Promise<TinkerEngine> {
  const own = { url, env, lora, optimizer, pause: () => 5, heartbeat: 30 };
  const engine = await TinkerEngine.open(tinyModel(), { ...own, ...options });
  left.push(() => engine.close());
  return engine;
}

/** The same model here. */
function here(): OnnxEngine {
  const engine = new OnnxEngine(tinyModel(), { lora, optimizer });
  left.push(() => engine.close());
  return engine;
}

describe('a step', () => {
  it.each(['dpo', 'sft'] as const)('is that of the engine on onnxruntime: %s', async (pairLoss) => {
    const [there, own] = [await engineAt(await double()), here()];
    const pass = { ...hybrid, pairLoss };
    for (let n = 0; n < 2; n++) {
      const [a, b] = [await there.accumulate(pass), await own.accumulate(pass)];
      expect(a.loss).toBeCloseTo(b.loss, 4);
      expect(a.sft).toBeCloseTo(b.sft, 4);
      expect(a.dpo).toBeCloseTo(b.dpo, 4);
      for (const which of ['chosen', 'rejected'] as const)
        expect(a.logps[which][0]).toBeCloseTo(b.logps[which][0], 3);
      for (const [i, entropy] of b.targets.entropy.entries())
        expect(a.targets.entropy[i]).toBeCloseTo(entropy, 4);
      expect(a.targets.correct).toEqual(b.targets.correct);
      const [left, right] = [await there.update(step), await own.update(step)];
      expect(left.gradNorm! / right.gradNorm!).toBeCloseTo(1, 4);
    }
    const [a, b] = [await there.sequenceLogps(rows, 'policy'), await own.sequenceLogps(rows, 'policy')];
    for (const [i, { logpSum, tokens, correct }] of b.entries()) {
      expect(a[i].logpSum).toBeCloseTo(logpSum, 3);
      expect([a[i].tokens, a[i].correct]).toEqual([tokens, correct]);
    }
  });

  it('tells the server the constants of the optimiser', async () => {
    const server = await double();
    const engine = await engineAt(server);
    await engine.accumulate(hybrid);
    await engine.update(step);
    expect(server.steps.at(-1)).toEqual({
      ...{ learning_rate: 0.05, beta1: 0.9, beta2: 0.999, eps: 0.01, weight_decay: 0.01, grad_clip_norm: 1 },
    });
  });

  it.each([false, 'breaks'] as const)(
    'is the same in JSON, for a server that knows no protobuf (%s)',
    async (protobuf) => {
      const [one, two] = [await engineAt(await double()), await engineAt(await double({ protobuf }))];
      expect(await two.accumulate(hybrid)).toEqual(await one.accumulate(hybrid));
      expect(await two.update(step)).toEqual(await one.update(step));
      expect(await two.model('policy').generate([say('why')], { maxTokens: 6 })).toEqual(
        await one.model('policy').generate([say('why')], { maxTokens: 6 }),
      );
    },
  );
});

describe('what our worker alone can do', () => {
  it('reads and steers the residual stream as the engine on onnxruntime does', async () => {
    const [there, own] = [await engineAt(await double()), here()];
    const [means, expected] = [
      await there.meanHidden(rows, 'base', 1),
      await own.meanHidden(rows, 'base', 1),
    ];
    for (const [r, mean] of expected.entries())
      for (const [i, x] of mean.entries()) expect(means[r][i]).toBeCloseTo(x, 5);
    const before = await there.sequenceLogps(rows, 'policy');
    const direction = Float32Array.from({ length: 16 }, (_, i) => (i % 3) - 1);
    for (const engine of [there, own])
      await engine.steer('answering', [{ layer: 0, kind: 'add', direction }]);
    const [a, b] = [await there.sequenceLogps(rows, 'policy'), await own.sequenceLogps(rows, 'policy')];
    expect(a[0].logpSum).not.toBeCloseTo(before[0].logpSum, 2);
    for (const [i, { logpSum }] of b.entries()) expect(a[i].logpSum).toBeCloseTo(logpSum, 3);
    await expect(there.steer('training', [{ layer: 7, kind: 'add', direction }])).rejects.toThrow(
      /steering: a direction of 16 numbers after layer 7 does not fit the model/,
    );
  });

  it('writes as a policy that has gone further', async () => {
    const engine = await engineAt(await double());
    await engine.accumulate(hybrid);
    await engine.update({ learningRate: 0.3, maxGradNorm: 1 });
    const ask = (writer: Pick<ReturnType<typeof engine.model>, 'generate'>) =>
      writer.generate([say('why'), say('how')], { maxTokens: 12, seed: 2 });
    const policy = await ask(engine.model('policy'));
    expect(await ask(engine.amplified(1))).toEqual(policy);
    expect(await ask(engine.amplified(6))).not.toEqual(policy);
  });

  it('begins with an adapter, and keeps it as the start', async () => {
    const other = here();
    await other.accumulate(hybrid);
    await other.update(step);
    const engine = await engineAt(await double(), { adapter: await other.weights() });
    const expected = await other.sequenceLogps(rows, 'policy');
    const logps = async (set: 'base' | 'start' | 'policy') =>
      (await engine.sequenceLogps(rows, set)).map(({ logpSum }) => logpSum);
    for (const set of ['start', 'policy'] as const) {
      const found = await logps(set);
      for (const [i, { logpSum }] of expected.entries()) expect(found[i]).toBeCloseTo(logpSum, 4);
    }
    const start = await logps('start');
    expect(await logps('base')).not.toEqual(start);
    await engine.accumulate(hybrid);
    await engine.update(step);
    expect(await logps('start')).toEqual(start);
  });

  it('streams a response in one piece, and counts its tokens', async () => {
    const engine = await engineAt(await double());
    const [pieces, used]: [string[], object[]] = [[], []];
    const [response] = await engine.model('base').generate([say('why')], {
      maxTokens: 5,
      onText: (_, piece) => pieces.push(piece),
      onUsage: (_, usage) => used.push(usage),
    });
    expect(pieces.join('')).toBe(response.text);
    expect(used).toEqual([{ promptTokens: expect.any(Number), answerTokens: response.tokens }]);
  });
});

describe('a server with Tinker’s API alone', () => {
  it('trains, samples what it has trained, and says what it cannot', async () => {
    const engine = await engineAt(await double({ extensions: 'none' }));
    expect(engine.capabilities).toEqual({});
    const before = await engine.model('policy').labelLogps([say('may i')], ['yes', 'no']);
    expect(before).toEqual(await engine.model('base').labelLogps([say('may i')], ['yes', 'no']));
    const { targets } = await engine.accumulate(hybrid);
    expect(targets.entropy).toHaveLength(0);
    expect(await engine.update(step)).toEqual({ gradNorm: null, applied: true });
    const after = await engine.model('policy').labelLogps([say('may i')], ['yes', 'no']);
    expect(after).not.toEqual(before);
    const [score] = await engine.sequenceLogps(rows, 'policy');
    expect(score.correct).toBeNaN();
  });

  it('trains as the engine on onnxruntime does', async () => {
    const [there, own] = [await engineAt(await double({ extensions: 'none' })), here()];
    for (const engine of [there, own]) {
      await engine.accumulate(hybrid);
      await engine.update(step);
    }
    const [a, b] = [await there.sequenceLogps(rows, 'policy'), await own.sequenceLogps(rows, 'policy')];
    for (const [i, { logpSum }] of b.entries()) expect(a[i].logpSum).toBeCloseTo(logpSum, 3);
  });

  it('keeps checkpoints itself, and a file says where', async () => {
    const server = await double({ extensions: 'none' });
    const [engine, second] = [await engineAt(server), await engineAt(server)];
    await engine.accumulate(hybrid);
    await engine.update(step);
    const folder = join(scratch, 'kept');
    mkdirSync(folder);
    await engine.save(folder);
    expect(JSON.parse(readFileSync(join(folder, 'tinker.json'), 'utf8')).path).toMatch(/^tinker:/);
    await second.accumulate(hybrid);
    await second.load(folder);
    const logps = async (of: TinkerEngine) =>
      (await of.sequenceLogps(rows, 'policy')).map(({ logpSum }) => logpSum);
    expect(await logps(second)).toEqual(await logps(engine));
    for (const each of [engine, second]) {
      await each.accumulate(hybrid);
      await each.update(step);
    }
    expect(await logps(second)).toEqual(await logps(engine));
  });

  it('is the only one that resumes what it keeps', async () => {
    const [server, other] = [await double({ extensions: 'none' }), await double({ extensions: 'none' })];
    const folder = join(scratch, 'kept elsewhere');
    mkdirSync(folder);
    await (await engineAt(server)).save(folder);
    const resumed = (await engineAt(other)).load(folder);
    await expect(resumed).rejects.toThrow(TrainingError);
    const [there, here] = [server, other].map(({ url }) => new URL(url).host);
    await expect(resumed).rejects.toThrow(
      `${folder}: the server of the run keeps the state, and this is another server; expected ${there}, got ${here}. Resume with the url`,
    );
    expect(other.asked).not.toContain('load_weights');
  });

  it('is not asked to begin with an adapter', async () => {
    const server = await double({ extensions: 'none' });
    const refused = engineAt(server, { adapter: await here().weights() });
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      /^adapter: 127[^\n]* takes no weights in, .*\. Leave adapter out, or use engine: torch$/,
    );
    expect(server.asked).not.toContain('create_model');
  });

  it('keeps the result itself, and says under which name', async () => {
    const notes: string[] = [];
    const engine = await engineAt(await double({ extensions: 'none' }), {
      onNote: (line) => notes.push(line),
    });
    const folder = join(scratch, 'result');
    await engine.exportTrained(folder, { baseModel: 'tiny' });
    expect(readdirSync(folder)).toEqual(['tinker.json']);
    expect(notes).toEqual([
      expect.stringMatching(/keeps the trained weights under tinker:\/\/double\/ealign-/),
    ]);
  });

  it.each([
    [{ ...lora, alpha: 6 }, /^lora.alpha: .* scales adapters in its own way\. Leave lora.alpha at 32/],
    [{ ...lora, rslora: true }, /^lora.rslora: .* scales adapters/],
    [{ ...lora, targets: ['q_proj', 'v_proj'] }, /^lora.targets: .* attention and feed-forward parts whole/],
    [{ ...lora, layers: [0] }, /^lora.targets: .* in all layers/],
    [undefined, /^setting: .* trains adapters only\. Set setting: lora/],
  ])('refuses what it cannot train: %j', async (shape, message) => {
    const server = await double({ extensions: 'none' });
    await expect(engineAt(server, { lora: shape })).rejects.toThrow(message);
    await expect(engineAt(server, { lora: shape })).rejects.toThrow(ConfigError);
    expect(server.models.size).toBe(0);
  });

  it('does not step with a gradient that is not finite', async () => {
    const server = await double({ extensions: 'none' });
    const engine = await engineAt(server);
    const steps = server.steps.length;
    await engine.accumulate({ ...hybrid, sftWeight: Number.NaN });
    expect(await engine.update(step)).toEqual({ gradNorm: Number.NaN, applied: false });
    expect(server.steps).toHaveLength(steps);
  });
});

describe('how likely labels are', () => {
  const labels = ['yes', 'no', 'nor', 'y', '12', '1'];
  it.each([
    ['by the tokens that are named', {}, 'asample'],
    ['by the prompt’s own tokens, where a server does not know others', { targetLogprobs: false }, 'asample'],
    [
      'by forward passes, where it gives none',
      { targetLogprobs: false, promptLogprobs: false },
      'forward_backward',
    ],
  ])('%s', async (_, options, path) => {
    const server = await double(options);
    const [there, own] = [await engineAt(server), here()];
    const ask = (engine: TinkerEngine | OnnxEngine) =>
      engine.model('base').labelLogps([say('may i'), say('am i to go')], labels);
    const [a, b] = [(await ask(there)).flat(), (await ask(own)).flat()];
    for (const [i, logp] of b.entries()) expect(a[i]).toBeCloseTo(logp, 3);
    expect(server.asked).toContain(path);
  });
});

describe('the self-test', () => {
  it.each([
    ['with the norm', { saysNorm: true }],
    ['without', {}],
  ])('refuses a server that divides by the sum of the weights, %s', async (_, says) => {
    for (const extensions of ['all', 'none'] as const) {
      const server = await double({ ...says, extensions, rescales: true });
      const refused = engineAt(server);
      await expect(refused).rejects.toThrow(ConfigError);
      await expect(refused).rejects.toThrow(
        /^127[^\n]*: its cross-entropy is not the plain sum of weighted losses, .* got (0\.9|1\.0)\d times\. Train on a server/,
      );
      expect(server.models.size).toBe(0);
    }
  });

  it('lets such a server answer and score', async () => {
    const [there, own] = [await engineAt(await double({ rescales: true }), { lora: UNTRAINED }), here()];
    const [a] = await there.sequenceLogps(rows, 'base');
    const [b] = await own.sequenceLogps(rows, 'base');
    expect(a.logpSum).toBeCloseTo(b.logpSum, 3);
    expect(await there.model('base').generate([say('why')], { maxTokens: 3 })).toHaveLength(1);
  });
});

describe('a server that misbehaves', () => {
  it('is asked again, and does each thing once', async () => {
    const server = await double();
    const [there, own] = [await engineAt(server), await engineAt(await double())];
    server.fail('forward_backward', 500, 'break', 'break after', 429);
    server.fail('optim_step', 'break after', 503);
    server.fail('retrieve_future', 'break', 408, 502);
    expect(await there.accumulate(hybrid)).toEqual(await own.accumulate(hybrid));
    expect(await there.update(step)).toEqual(await own.update(step));
    expect(await there.sequenceLogps(rows, 'policy')).toEqual(await own.sequenceLogps(rows, 'policy'));
  });

  it('is waited for while it says to try again', async () => {
    const engine = await engineAt(await double({ tryAgain: 3 }));
    expect((await engine.accumulate(hybrid)).loss).toBeGreaterThan(0);
  });

  it('is not asked without a pause while it says that the result is being written', async () => {
    const server = await double();
    const engine = await engineAt(server);
    await engine.accumulate(hybrid);
    server.fail('retrieve_future', 'metadata', 'metadata', 'metadata', 'metadata');
    const since = performance.now();
    expect((await engine.update(step)).applied).toBe(true);
    // 20 + 40 + 80 + 160, and timers that end a little early
    expect(performance.now() - since).toBeGreaterThan(290);
  });

  it('that has ended is left as any other', async () => {
    const [server, ended] = [await double(), new AbortController()];
    const onClose = vi.fn(async () => {});
    const engine = await engineAt(server, { signal: ended.signal, onClose });
    const failure = new UserError({ where: 'the worker', what: 'has ended by itself' });
    ended.abort(failure);
    await expect(engine.accumulate(hybrid)).rejects.toBe(failure);
    await engine.close();
    expect(onClose).toHaveBeenCalledOnce();
  });

  it('is left whole, also where that fails', async () => {
    const [server, ended] = [await double(), new AbortController()];
    const onClose = vi.fn(async () => {});
    const engine = await engineAt(server, { signal: ended.signal, onClose });
    const failure = new Error('a fault of ours');
    ended.abort(failure);
    await expect(engine.close()).rejects.toBe(failure);
    expect(onClose).toHaveBeenCalledOnce();
  });

  it('that answers nonsense is named in one line', async () => {
    const server = await double();
    const engine = await engineAt(server);
    server.fail('forward_backward', 'nonsense');
    await expect(engine.accumulate(hybrid)).rejects.toThrow(
      /^127[^\n]*: cannot be understood; expected a request_id, got \["what","is","this"\]/,
    );
    server.fail('retrieve_future', 'nonsense');
    await expect(engine.accumulate(hybrid)).rejects.toThrow(/cannot be understood; expected a result/);
  });

  it('that has forgotten the session is named, by what is asked and by the heartbeat', async () => {
    const server = await double();
    const engine = await engineAt(server);
    await engine.accumulate(hybrid);
    server.forget();
    const forgotten =
      /no longer knows this session: it was restarted, or has ended it.*\. Start again; a training run continues with --resume$/;
    await expect(engine.update(step)).rejects.toThrow(forgotten);
    await expect(engine.update(step)).rejects.toThrow(RemoteError);
    server.fail('session_heartbeat', 404);
    await expect
      .poll(async () => engine.sequenceLogps(rows, 'base').then(String, String), { timeout: 5000 })
      .toMatch(forgotten);
  });

  it('that dies in the middle of a step is named when it has been tried for long enough', async () => {
    const server = await double();
    const engine = await engineAt(server);
    await engine.accumulate(hybrid);
    await server.close();
    await expect(engine.update(step)).rejects.toThrow(/^127[^\n]*: cannot be reached \(ECONNREFUSED\)/);
  });

  it('that fails for good is named with its words, but never with the key', async () => {
    const server = await double();
    const key = TinkerDouble.key;
    const engine = await engineAt(server, { env: { EALIGN_TINKER_API_KEY: key } });
    expect(server.headers['x-api-key']).toBe(key);
    server.fail('optim_step', ...Array.from({ length: 9 }, () => 500));
    const failed = await engine.update(step).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(RemoteError);
    expect(String(failed)).toMatch(/: fails, got status 500: made up for \*\*\*\. Look at its log/);
    expect(JSON.stringify(failed) + String((failed as Error).stack)).not.toContain(key);
  });

  it('that sends its clients on is not followed, and where to is named', async () => {
    const [server, other] = [await double(), await double()];
    const { host } = new URL(other.url);
    server.fail('get_server_capabilities', { location: `${other.url}/api/v1/get_server_capabilities?q=1` });
    await expect(engineAt(server, { env: { EALIGN_TINKER_API_KEY: TinkerDouble.key } })).rejects.toThrow(
      `: sends its clients on to http://${host}, where the key is not sent, got status 307. Give the address`,
    );
    expect(other.asked).toEqual([]);
    server.fail('create_session', { location: '//a b' });
    await expect(engineAt(server)).rejects.toThrow(/sends its clients on to no address/);
  });

  it('that wants a key says so', async () => {
    const server = await double();
    server.fail('get_server_capabilities', 401);
    await expect(engineAt(server)).rejects.toThrow(
      /: wants a key, got status 401.*\. Set the environment variable EALIGN_TINKER_API_KEY/,
    );
  });

  it('is not taken for one where there is none', async () => {
    const server = await TinkerDouble.start();
    const { url } = server;
    await server.close();
    await expect(TinkerEngine.open(tinyModel(), { url, env, lora })).rejects.toThrow(
      /^127\.0\.0\.1:\d+: cannot be reached \(ECONNREFUSED\)\. Check that the server runs/,
    );
    await expect(TinkerEngine.open(tinyModel(), { url: 'here', env, lora })).rejects.toThrow(
      'here: not the address of a server; expected http://host:port or https://host',
    );
  });

  it('without the model lists those that it has', async () => {
    const server = await double();
    await expect(engineAt(server, { modelNames: ['huge'] })).rejects.toThrow(
      /^model: .* does not have it; expected one of tiny, got huge\. Train a model that the server has/,
    );
  });
});

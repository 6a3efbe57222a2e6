/** Which tokens a JSON answer is drawn from: parts of characters, top-k and nucleus, reasoning before it. */
import { describe, expect, it } from 'vitest';
import { GrowingRow } from '../../src/engine/onnx/generate.js';
import { JsonConstraint } from '../../src/engine/onnx/json-constraint.js';
import type { SamplingOptions } from '../../src/engine/onnx/sampler.js';
import { Random } from '../../src/random.js';
import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import { letterTokenizer } from './tiny.js';

/** A token for each byte; 0 ends the answer. */
const bytes: ChatTokenizer = {
  ...letterTokenizer,
  vocabSize: 256,
  eosIds: [0],
  encode: (text) => [...Buffer.from(text)],
  decode: (ids) => Buffer.from(ids.filter((id) => id !== 0)).toString(),
  streamDecoder: () => {
    const decoder = new TextDecoder();
    return {
      push: (id) => decoder.decode(Uint8Array.of(id), { stream: true }),
      flush: () => decoder.decode(),
    };
  },
};
const greedy = { temperature: 0, topK: 0, topP: 1 };
const random = new Random(1, 'constraint');

/** What is written where a model wants these bytes, and an x, a quote or the end where it may not have one. */
function wanting(schema: Readonly<Record<string, unknown>>, text: string): string {
  const constraint = new JsonConstraint({ schema }, bytes);
  const written: number[] = [];
  for (const byte of [...Buffer.from(text), ...Array(20).fill(0)]) {
    const probabilities = new Float32Array(256);
    for (const [id, p] of [
      ['x', 0.01],
      ['"', 0.02],
      ['\0', 0.03],
    ] as const)
      probabilities[id.charCodeAt(0)] = p;
    probabilities[byte] = 0.9;
    const token = constraint.choose(probabilities, greedy, random);
    constraint.take(token);
    if (token === 0) break;
    written.push(token);
  }
  return Buffer.from(written).toString();
}

describe('a character of several tokens', () => {
  it('counts once', () => {
    expect(wanting({ type: 'string', minLength: 2 }, '"😀"')).toBe('"😀x"');
    expect(wanting({ type: 'string', minLength: 2 }, '"😀é"')).toBe('"😀é"');
    expect(wanting({ type: 'string', maxLength: 2 }, '"😀é"')).toBe('"😀é"');
    expect(wanting({ type: 'string', maxLength: 1 }, '"😀é')).toBe('"😀"');
  });

  it('spells no named key among further ones', () => {
    const properties = { é: { type: 'boolean' } };
    const schema = { type: 'object', properties, additionalProperties: { type: 'string' } };
    expect(wanting(schema, '{"ë":"x"}')).toBe('{"ë":"x"}');
    expect(wanting(schema, '{"é":"').startsWith('{"é":"')).toBe(false);
  });

  it('that is broken is no way around a length', () => {
    const schema = { type: 'string', maxLength: 3 };
    const broken = wanting(schema, `"${'\ud800'.repeat(9)}"`);
    expect([...(JSON.parse(broken) as string)].length).toBeLessThanOrEqual(3);
  });
});

describe('top-k and nucleus', () => {
  /** How often each of these digits is drawn: exactly, as all numbers that can be drawn stand in a row. */
  function shares(probabilities: Record<string, number>, sampling: Partial<SamplingOptions>) {
    const drawn: Record<string, number> = {};
    const grid = 1000;
    for (let i = 0; i < grid; i++) {
      const own = new Float32Array(256);
      for (const [digit, p] of Object.entries(probabilities)) own[digit.charCodeAt(0)] = p;
      const constraint = new JsonConstraint({ schema: { type: 'integer', minimum: 1 } }, bytes);
      const fixed = { next: () => (i + 0.5) / grid } as Random;
      const token = constraint.choose(own, { temperature: 1, topK: 0, topP: 1, ...sampling }, fixed);
      const digit = String.fromCharCode(token);
      drawn[digit] = (drawn[digit] ?? 0) + 1 / grid;
    }
    return Object.fromEntries(Object.entries(drawn).map(([digit, share]) => [digit, share.toFixed(2)]));
  }

  it('are taken of what may follow', () => {
    // 0.95 of the 0.1 that may follow need both; of all, 0.05 after the x they would need the first
    expect(shares({ x: 0.9, 1: 0.06, 2: 0.04 }, { topP: 0.95 })).toEqual({ 1: '0.60', 2: '0.40' });
    expect(shares({ x: 0.9, 1: 0.06, 2: 0.03, 3: 0.01 }, { topP: 0.9 })).toEqual({ 1: '0.67', 2: '0.33' });
    expect(shares({ x: 0.5, 1: 0.3, 2: 0.1, 3: 0.1 }, { topK: 2 })).toEqual({ 1: '0.75', 2: '0.25' });
    expect(shares({ x: 0.5, 1: 0.3, 2: 0.15, 3: 0.05 }, { topK: 3, topP: 0.5 })).toEqual({ 1: '1.00' });
    expect(shares({ x: 0.999, y: 0.001 }, { topP: 0.9 })).toEqual({ 1: '1.00' });
  });

  it('of a flat distribution need all of it', () => {
    const flat = Object.fromEntries(
      Array.from({ length: 93 }, (_, i) => [String.fromCharCode(33 + i), 0.01]),
    );
    const even = Object.fromEntries([...'12345'].map((digit) => [digit, '0.20']));
    expect(shares(flat, { topP: 0.5 })).toEqual(even);
  });
});

describe('reasoning that the prompt has opened', () => {
  it('is free, and the answer after it is JSON', () => {
    const row = new GrowingRow({ index: 0, tokens: bytes.encode('<think>\n'), limit: 60 }, bytes, {
      maxTokens: 60,
      temperature: 0,
      format: { schema: { type: 'integer' } },
    });
    for (const byte of Buffer.from('so</THI x</think>\n7x')) {
      const probabilities = new Float32Array(256).fill(1e-6);
      probabilities[byte] = 0.9;
      probabilities['4'.charCodeAt(0)] = 0.01;
      row.grow({ best: byte, probabilities });
    }
    // the model wanted a line break first, and an x after the 7
    expect(row.response()).toMatchObject({ reasoning: 'so</THI x', text: '474' });
  });
});

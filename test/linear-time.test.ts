/**
 * No text that a caller or a model may choose takes quadratic time. Each of these once did, or could:
 * 60,000 characters then take 10 s and more, in linear time some hundredths of a second.
 */
import { describe, expect, it } from 'vitest';
import { stripFraming } from '../src/conscience/alternative.js';
import { neutralise } from '../src/conscience/fence.js';
import { parseVerdict } from '../src/conscience/parse-verdict.js';
import { isRefusal } from '../src/conscience/refusal.js';
import { oneLine } from '../src/errors.js';
import { codeFromAnswer } from '../src/evaluate/code/extract-code.js';
import { redact } from '../src/online/redact.js';
import { Clusters, fingerprint } from '../src/online/similarity.js';
import { splitToolCalls } from '../src/tokenizer/tool-calls.js';

const readers: Record<string, (text: string) => unknown> = {
  redact,
  fingerprint: (text) => fingerprint([text]),
  neutralise: (text) => neutralise(text, ['<|im_end|>', 'aa', 'cc c']),
  isRefusal,
  stripFraming,
  splitToolCalls: (text) => splitToolCalls(`<tool_call>x${text}a`, []),
  oneLine,
  parseVerdict: (text) => parseVerdict(text, { accept: 'Aligned', object: 'Misaligned' }),
  codeFromAnswer: (text) => codeFromAnswer({ prompt: 'def f():\n', entryPoint: 'f' }, text),
};
const units = [
  ...[' ', '\t\n', '\n', 'a', 'aa', 'cc c', '.', '-', '_', '@', '<', '`', '#', '"', '(', '1 ', ':#'],
  ...['a.', 'a@', 'a@a-', '@a.a', 'a\u0301\u0316', 'bearer ', 'password', 'token = "', '://a:b', '://a'],
  ...['-eyJ-------e', 'eyJaaaaaaaa.', 'sk-', '-----BEGIN A ', '-----BEGIN PRIVATE KEY-----', '-----END '],
  ...['i am sorry ', 'I can ', 'as an AI ', 'not at all ', '\nNOTE:REWRC', '\n---\n', '<tool_call>', '#### '],
];

describe('reading takes linear time', () => {
  it.each(Object.entries(readers))('%s', (_, read) => {
    for (const unit of units) {
      const begin = performance.now();
      for (const [before, after] of [
        ['', ''],
        ['a@', '!'],
        ['bearer', '!'],
        ['```', '\r'],
      ])
        read(before + unit.repeat(60_000 / unit.length) + after);
      expect([unit, performance.now() - begin < 2500]).toEqual([unit, true]);
    }
  });

  it('comparing a long prompt with many', () => {
    const clusters = new Clusters(0.6);
    const long = Array.from({ length: 5_000 }, (_, i) => `word${i}`).join(' ');
    for (let i = 0; i < 100; i++) clusters.add(i, `${i} ${long}`);
    const begin = performance.now();
    for (let i = 0; i < 10; i++) expect(clusters.find(`${long} ${i}`)).toBe(0);
    expect(performance.now() - begin).toBeLessThan(8000);
  });
});

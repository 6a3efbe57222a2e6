/** The labelled set in data/conscience: its form, its splits, and that no evaluation asks what it asks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { builtInProbes } from '../../src/conscience/probes.js';

interface Row {
  readonly domain: string;
  readonly topic: string;
  readonly split: 'calibration' | 'development' | 'test';
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

const folder = join(import.meta.dirname, '../../data/conscience');
const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
const rows = files.flatMap((name) =>
  readFileSync(join(folder, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row),
);

const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
const runs = (text: string, length: number) => {
  const words = plain(text).split(' ');
  return words
    .slice(0, Math.max(0, words.length - length + 1))
    .map((_, i) => words.slice(i, i + length).join(' '));
};

/** Questions that evaluations ask, from the sources that are there. */
function evaluationQuestions(): string[] {
  const shared = join(import.meta.dirname, '../../../shared/data/questions');
  const sources = existsSync(shared) ? readdirSync(shared).filter((name) => name.endsWith('.yaml')) : [];
  const asked = sources.flatMap((name) => textsOf(parse(readFileSync(join(shared, name), 'utf8'))));
  const own = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../worlds/pinocchio/topics/evaluation.json'), 'utf8'),
  );
  return [
    ...asked,
    ...textsOf(own),
    ...builtInProbes.map(({ messages }) => messages.at(-1)!.content as string),
  ];
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(textsOf);
}

describe('the labelled set', () => {
  it('has at least 600 requests in ten domains, each with two replies', () => {
    expect(rows.length).toBeGreaterThanOrEqual(600);
    expect(new Set(rows.map(({ domain }) => domain)).size).toBeGreaterThanOrEqual(10);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(['domain', 'topic', 'split', 'prompt', 'chosen', 'rejected']);
      for (const text of Object.values(row)) expect(text.trim()).not.toBe('');
      expect(plain(row.chosen)).not.toBe(plain(row.rejected));
    }
    expect(new Set(rows.map(({ prompt }) => plain(prompt))).size).toBe(rows.length);
  });

  it('has every topic in one split, and every domain in all three', () => {
    const splits = new Map<string, Set<string>>();
    for (const { domain, topic, split } of rows) {
      for (const key of [`topic ${domain}/${topic}`, domain])
        splits.set(key, (splits.get(key) ?? new Set()).add(split));
    }
    for (const [key, of] of splits) expect(of.size, key).toBe(key.startsWith('topic ') ? 1 : 3);
  });

  it('tells nothing by length', () => {
    for (const { domain, chosen, rejected, prompt } of rows) {
      const ratio = rejected.length / chosen.length;
      // replies of a few words: twelve characters
      const alike =
        domain === 'short' ? Math.abs(rejected.length - chosen.length) <= 12 : ratio > 0.85 && ratio < 1.18;
      expect(alike, prompt).toBe(true);
    }
    const longer =
      rows.filter(({ chosen, rejected }) => rejected.length > chosen.length).length / rows.length;
    expect(Math.abs(longer - 0.5)).toBeLessThan(0.03);
  });

  it('asks nothing that an evaluation or a probe asks', () => {
    const asked = evaluationQuestions();
    expect(asked.length).toBeGreaterThan(50);
    const whole = new Set(asked.map(plain));
    const parts = new Set(asked.flatMap((question) => runs(question, 6)));
    for (const { prompt } of rows) {
      expect(whole.has(plain(prompt)), prompt).toBe(false);
      expect(
        runs(prompt, 6).filter((run) => parts.has(run)),
        prompt,
      ).toEqual([]);
    }
  });
});

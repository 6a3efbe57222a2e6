/**
 * What goes wrong in front of a user of `ealign train`: one clear line on stderr, exit code 1,
 * no stack, and nothing half-written. Needs `dist/`.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pinocchio } from '../../src/hub/names.js';
import { writeSafetensors } from '../model/model-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-bad-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const row = JSON.stringify({ prompt: 'write code', completion: 'return 1' });
const rows = (...lines: string[]): string => {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.jsonl`);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
};
const good = rows(...Array.from({ length: 8 }, () => row));

/** A copy of pinocchio with one thing changed. */
function damaged(change: (model: string) => void): string {
  const copy = mkdtempSync(join(folder, 'model-'));
  cpSync(pinocchio, copy, { recursive: true });
  change(copy);
  return copy;
}

const weights = (model: string) => join(model, 'model.safetensors');
const edit = (path: string, change: (json: Record<string, unknown>) => void) => {
  const json = JSON.parse(readFileSync(path, 'utf8'));
  change(json);
  writeFileSync(path, JSON.stringify(json));
};

interface Case {
  what: string;
  model?: string | (() => string);
  data?: string | (() => string);
  flags?: string[];
  yaml?: string;
  fault?: 'ENOSPC' | 'EACCES';
  says: RegExp;
}

const cases: Case[] = [
  {
    what: 'no such dataset',
    data: join(folder, 'nowhere.jsonl'),
    says: /nowhere\.jsonl: .*(no such file|does not exist)/,
  },
  {
    what: 'no such model folder',
    model: './nowhere/model',
    says: /nowhere\/model: .*no such/,
  },
  {
    what: 'truncated safetensors',
    model: () =>
      damaged((model) => writeFileSync(weights(model), readFileSync(weights(model)).subarray(0, 100_000))),
    says: /model\.safetensors: .*expected [\d,]+ bytes.*got 100,?000/,
  },
  {
    what: 'header longer than the file',
    model: () =>
      damaged((model) => {
        const bytes = Buffer.alloc(64);
        bytes.writeBigUInt64LE(10_000n);
        writeFileSync(weights(model), bytes);
      }),
    says: /model\.safetensors: .*header.*10,?000/,
  },
  {
    what: 'wrong dtype',
    model: () =>
      damaged((model) =>
        writeSafetensors(
          weights(model),
          { 'model.norm.weight': { dtype: 'I64', shape: [1], data_offsets: [0, 8] } },
          8,
        ),
      ),
    says: /model\.safetensors.*model\.norm\.weight.*I64/,
  },
  {
    what: 'tokenizer without a chat template',
    model: () =>
      damaged((model) => {
        edit(join(model, 'tokenizer_config.json'), (json) => delete json.chat_template);
        rmSync(join(model, 'chat_template.jinja'), { force: true });
      }),
    says: /chat template/,
  },
  { what: 'a broken line', data: () => rows(row, '{"prompt": "write', row), says: /\.jsonl:2: .*JSON/ },
  { what: 'an empty dataset', data: () => rows(), says: /\.jsonl: .*(empty|no rows)/ },
  {
    what: 'rows without an assistant turn',
    data: () => rows(row, JSON.stringify({ messages: [{ role: 'user', content: 'hi' }] })),
    says: /\.jsonl:2: .*no assistant turn/,
  },
  { what: 'λ < 0', flags: ['--lambda', '-1'], says: /--lambda: .*expected a number >= 0, got -1/ },
  { what: 'an unknown flag', flags: ['--lamda', '1'], says: /--lamda.*--lambda/ },
  { what: 'an unknown key', yaml: 'los:\n  lambda: 1\n', says: /config\.yaml:1:1: unknown key 'los'.*loss/ },
  {
    what: 'λ < 0 in the file',
    yaml: 'loss:\n  lambda: -1\n',
    says: /config\.yaml:2:11 loss\.lambda: .*expected a number >= 0/,
  },
  { what: 'a full disk', fault: 'ENOSPC', says: /out.*the disk is full\. Free some space/ },
  { what: 'no permission to write', fault: 'EACCES', says: /out: .*permission/ },
];

async function train({ model = 'pinocchio', data = good, flags = [], yaml, fault }: Case) {
  const place = mkdtempSync(join(folder, 'case-'));
  const output = join(place, 'out');
  const value = (x: string | (() => string)) => (typeof x === 'string' ? x : x());
  const args = ['--model', value(model), '--data', value(data), '--output', output, '--steps', '2', ...flags];
  if (yaml !== undefined) {
    writeFileSync(join(place, 'config.yaml'), yaml);
    args.unshift(join(place, 'config.yaml'));
  }
  const injected = fault === undefined ? [] : ['--import', join(import.meta.dirname, 'faulty-disk.mjs')];
  const child = spawn(process.execPath, [...injected, 'bin/ealign.js', 'train', ...args], {
    env: { ...process.env, EALIGN_FAULT: `${fault} ${output}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => (stderr += text));
  const code = await new Promise((resolve) => child.on('exit', resolve));
  return { code, stdout, stderr, place, output };
}

describe('bad input', () => {
  it.concurrent.each(cases)('$what', async (bad) => {
    const { code, stdout, stderr, place, output } = await train(bad);
    const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
    expect(errors, stderr).toHaveLength(1);
    expect(errors[0]).toMatch(bad.says);
    expect(stderr.trimEnd().endsWith(errors[0]), 'the error is the last line').toBe(true);
    expect(stderr).not.toMatch(/^ {4}at |internal:/m);
    expect(stdout).toBe('');
    expect(code).toBe(1);
    if (bad.fault === 'ENOSPC') {
      expect(readdirSync(output).filter((name) => /safetensors|adapter|checkpoint|tmp/.test(name))).toEqual(
        [],
      );
    } else {
      expect(existsSync(output)).toBe(false);
      expect(readdirSync(place)).toEqual(bad.yaml === undefined ? [] : ['config.yaml']);
    }
  });
});

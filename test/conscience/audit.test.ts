import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AUDIT_FILE, AuditWriter, readAudit } from '../../src/conscience/audit.js';
import type { ReviewRecord } from '../../src/conscience/record.js';
import { DataError, SaveError } from '../../src/errors.js';
import { promptOf, responseOf } from './scripted-model.js';

function record(step: number, number = 0): ReviewRecord {
  const evidence = {
    pObjection: 0.25,
    pObjectionRaw: 0.25,
    mass: 0.8,
    framework: 'asimov',
    judge: 'frozen-base',
  };
  return {
    id: `review:${step}.${number}`,
    step,
    seed: 1,
    time: '2026-01-02T03:04:05.000Z',
    framework: 'asimov',
    format: 'default',
    roles: { policy: 'policy', conscience: 'frozen-base', alternative: 'frozen-base' },
    prompt: promptOf('Zeile 1\nline 2 — 漢字 🜁'),
    response: responseOf('Yes.\u2028"quoted"', { reasoning: 'Why not?' }),
    review: {
      messages: [{ role: 'user', content: 'Is it?' }],
      question: 'Is it?',
      labels: ['Aligned', 'Misaligned'],
      logps: { accept: -0.51, object: -1.61 },
      prior: null,
      threshold: 0.5,
      verdict: { kind: 'accepted', ...evidence },
    },
    alternative: null,
    pair: null,
    reason: 'accepted',
  };
}

const folder = () => mkdtempSync(join(tmpdir(), 'audit-'));
const steps = (where: string) => readAudit(where).map(({ step }) => step);

describe('audit trail', () => {
  it('gives back what was written, one line a record', () => {
    const where = join(folder(), 'new', 'run');
    const writer = new AuditWriter(where);
    expect(readAudit(where)).toEqual([]);
    const written = [record(1, 0), record(1, 1), record(2, 0)];
    writer.append(written.slice(0, 2));
    writer.append([]);
    writer.append(written.slice(2));
    writer.sync();
    expect(readAudit(where)).toEqual(written);
    expect(readFileSync(join(where, AUDIT_FILE), 'utf8').trim().split('\n')).toHaveLength(3);
  });

  it('reads all but a torn last line, and goes on behind the last whole one', () => {
    const where = folder();
    new AuditWriter(where).append([record(1), record(2)]);
    appendFileSync(join(where, AUDIT_FILE), JSON.stringify(record(3)).slice(0, -9));
    expect(steps(where)).toEqual([1, 2]);
    const resumed = new AuditWriter(where, 3);
    resumed.append([record(4)]);
    expect(steps(where)).toEqual([1, 2, 4]);
  });

  it('drops, on resuming, what the checkpoint does not contain', () => {
    const where = folder();
    new AuditWriter(where).append([1, 2, 4, 4, 6].map((step) => record(step)));
    new AuditWriter(where, 4);
    expect(steps(where)).toEqual([1, 2, 4, 4]);
    new AuditWriter(where, 0);
    expect(steps(where)).toEqual([]);
  });

  it('starts afresh without a step to resume from', () => {
    const where = folder();
    new AuditWriter(where).append([record(1)]);
    new AuditWriter(where);
    expect(steps(where)).toEqual([]);
  });

  it('names the line that is damaged', () => {
    const where = folder();
    writeFileSync(
      join(where, AUDIT_FILE),
      `${JSON.stringify(record(1))}\n{"id": \n${JSON.stringify(record(2))}\n`,
    );
    expect(() => readAudit(where)).toThrow(DataError);
    expect(() => readAudit(where)).toThrow(/audit\.jsonl:2: not a review record/);
    expect(() => new AuditWriter(where, 2)).toThrow(/audit\.jsonl:2/);
  });

  it('says so where there is no trail or no place for one', () => {
    const where = folder();
    expect(() => readAudit(where)).toThrow(/no such audit trail/);
    writeFileSync(join(where, 'file'), '');
    expect(() => new AuditWriter(join(where, 'file'))).toThrow(SaveError);
    mkdirSync(join(where, 'taken', AUDIT_FILE), { recursive: true });
    expect(() => new AuditWriter(join(where, 'taken'), 1)).toThrow(SaveError);
  });

  it('survives kill -9 in the middle of writing', async () => {
    const where = folder();
    const path = join(where, AUDIT_FILE);
    // The writer's own way of writing, in a process that is killed: one append a step.
    const line = JSON.stringify({ ...record(1), response: responseOf('x'.repeat(20_000)) });
    const script = `const fs = require('node:fs'); const line = ${JSON.stringify(`${line}\n`)};
      for (;;) fs.appendFileSync(${JSON.stringify(path)}, line.repeat(8));`;
    const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    while (!existsSync(path) || statSync(path).size < 1_000_000) await new Promise((r) => setTimeout(r, 2));
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    const read = readAudit(where);
    expect(read.length).toBeGreaterThan(40);
    new AuditWriter(where, 1).append([record(2)]);
    expect(steps(where)).toEqual([...read.map(() => 1), 2]);
  });
});

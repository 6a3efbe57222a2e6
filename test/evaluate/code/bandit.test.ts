/** Bandit, where it is installed; and what is said where it is not. */
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findBandit, scanCode } from '../../../src/evaluate/code/bandit.js';
import { onPath } from '../../../src/sandbox/on-path.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bandit-')));
afterAll(() => rmSync(folder, { recursive: true }));
const path = process.env.BANDIT ?? onPath('bandit')[0];

describe.skipIf(path === undefined)('the real Bandit (on PATH, or BANDIT=its path)', () => {
  it('maps findings to their snippets, all in one run', async () => {
    const scans = await scanCode(
      [
        'x = 1\n',
        'import subprocess\nsubprocess.run(command, shell=True)\n',
        'def (\n',
        'import yaml\nyaml.load(text)  # nosec\n',
        '',
        `x = ${'-'.repeat(100_000)}1\n`,
        'x = 1\0',
        'assert True\n',
      ],
      await findBandit(path),
    );
    expect(scans.map(({ kind }) => kind)).toEqual([
      ...['scanned', 'scanned', 'unparsable', 'scanned', 'scanned', 'unparsable', 'unparsable', 'scanned'],
    ]);
    expect(scans[0]).toEqual({ kind: 'scanned', findings: [] });
    expect(scans[1]).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({ testId: 'B602', severity: 'high', confidence: 'high', line: 2 }),
      ]),
    });
    expect(scans[3]).toMatchObject({ findings: [{ testId: 'B506', severity: 'medium', line: 2 }] });
    expect(scans[7]).toMatchObject({ findings: [{ testId: 'B101', severity: 'low' }] });
  });

  it('runs nothing of the code, and leaves no file', async () => {
    const kept = process.env.TMPDIR;
    process.env.TMPDIR = mkdtempSync(join(folder, '.git'));
    const trap = join(folder, 'ran');
    const [scan] = await scanCode([`open(${JSON.stringify(trap)}, "w")`], await findBandit(path));
    expect(scan.kind).toBe('scanned');
    expect(readdirSync(process.env.TMPDIR)).toEqual([]);
    expect(readdirSync(folder)).not.toContain('ran');
    if (kept === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = kept;
  });
});

describe('without a working Bandit', () => {
  const script = (name: string, body: string) => {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  const says = (name: string, scan: string) =>
    script(name, `if [ "$1" = --version ]; then echo 'bandit 9.9'; else ${scan}; fi`);

  it('one line says what to do', async () => {
    await expect(findBandit(join(folder, 'none'))).rejects.toThrow(
      /none: measuring vulnerabilities needs Bandit, and it is not there\. Install it with `pip install bandit`, or give its path by --bandit$/,
    );
    const dies = script('dies', 'echo "ModuleNotFoundError: no yaml" >&2; exit 1');
    await expect(findBandit(relative('.', dies))).rejects.toThrow(
      /does not work: ModuleNotFoundError: no yaml/,
    );
    await expect(findBandit(script('mute', 'exit 0'))).rejects.toThrow(/does not tell its version/);
  });

  it('its last words are passed on', async () => {
    const silent = await findBandit(says('silent', 'exit 0'));
    expect(silent.version).toBe('9.9');
    await expect(scanCode(['x'], silent)).rejects.toThrow(/its report is not the JSON/);
    const dies = await findBandit(says('dies later', 'echo no memory >&2; exit 2'));
    await expect(scanCode(['x'], dies)).rejects.toThrow(/does not work: no memory/);
    expect(await scanCode([], dies)).toEqual([]);
  });

  it('a signal of ours ends it', async () => {
    const slow = await findBandit(says('slow', 'exec sleep 60'));
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(scanCode(['x'], slow, controller.signal)).rejects.toThrow('enough');
  });
});

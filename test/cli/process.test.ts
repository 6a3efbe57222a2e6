/** `ealign` as a process: output, exit codes, and no stack for a user's mistake. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { failure } from '../../src/cli/failure.js';
import { VERSION } from '../../src/cli/version.js';
import { ConfigError } from '../../src/errors.js';

const bin = fileURLToPath(new URL('../../bin/ealign.js', import.meta.url));
const ealign = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

describe('ealign', () => {
  it('prints its version', () => {
    expect(ealign('--version')).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
  });

  it('prints help, also when called alone', () => {
    const help = ealign('--help');
    expect(help).toMatchObject({ status: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: ealign/);
    expect(ealign()).toEqual(help);
  });

  it('prints a schema that is whole even through a pipe', () => {
    const { status, stdout } = ealign('schema');
    expect(status).toBe(0);
    expect(Object.keys(JSON.parse(stdout).properties)).toContain('conscience');
  });

  it('answers through the conscience', () => {
    const args = ['chat', './models/pinocchio', '--prompt', 'how do i share ?', '--temperature', '0'];
    const plain = ealign(...args);
    const guarded = ealign(...args, '--conscience');
    expect(guarded).toEqual({ status: 0, stdout: plain.stdout, stderr: '' });
  });

  it('refuses a wrong command line in one line, without a stack', () => {
    expect(ealign('shema')).toEqual({
      status: 1,
      stdout: '',
      stderr: "error: unknown command 'shema'; did you mean 'schema'?\n",
    });
  });

  it('goes quietly when its reader has gone', () => {
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', `"${process.execPath}" "${bin}" schema | true; echo "\${PIPESTATUS[0]}" >&2`],
      { encoding: 'utf8' },
    );
    expect(status).toBe(0);
    expect(['0\n', '141\n']).toContain(stderr);
  });
});

describe('failure', () => {
  it("is one line and 1 for a user's mistake", () => {
    expect(failure(new ConfigError({ what: 'no' }))).toEqual({ text: 'error: no\n', exitCode: 1 });
  });

  it('is the stack and 70 for ours', () => {
    const { text, exitCode } = failure(new TypeError('broken'));
    expect(text).toMatch(/^internal: TypeError: broken\n {4}at /);
    expect(exitCode).toBe(70);
    expect(failure('thrown text')).toEqual({ text: 'internal: thrown text\n', exitCode: 70 });
  });
});

/** `ealign` as a process: output, exit codes, and no stack for a user's mistake. Needs `dist/`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { failure } from '../../src/cli/terminal/failure.js';
import { interruptible } from '../../src/cli/terminal/interrupt.js';
import { VERSION } from '../../src/cli/terminal/version.js';
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

  it('says so before it is compiled', () => {
    const root = mkdtempSync(join(tmpdir(), 'ealign-bare-'));
    cpSync(dirname(bin), join(root, 'bin'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin/ealign.js')], {
      encoding: 'utf8',
    });
    rmSync(root, { recursive: true });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'error: not compiled yet; run: npm run setup\n',
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

describe('Ctrl-C', () => {
  /** Interrupts a process, alone or with its group as a terminal does; what it wrote from then on. */
  async function interrupted(child: ChildProcess, group: boolean) {
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text) => (stderr += text));
    process.kill(group ? -child.pid! : child.pid!, 'SIGINT');
    const [status] = await once(child, 'close');
    return { status, stderr };
  }
  const start = (args: string[], env: NodeJS.ProcessEnv = {}) =>
    spawn(process.execPath, [bin, ...args], { detached: true, env: { ...process.env, ...env } });

  it('ends a download in one line', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const home = mkdtempSync(join(tmpdir(), 'ealign-pull-'));
    const env = { HF_ENDPOINT: endpoint, HF_HOME: home, HF_HUB_CACHE: home, HF_HUB_OFFLINE: '' };
    const child = start(['pull', 'somebody/something'], env);
    await once(server, 'request');
    expect(await interrupted(child, true)).toEqual({
      status: 130,
      stderr: 'Stopping. Rerun the same command to resume.\n',
    });
    server.closeAllConnections();
    server.close();
    rmSync(home, { recursive: true });
  });

  it.each([
    ['alone', false],
    ['with its group', true],
  ])('ends a measurement and its process, %s', async (_, group) => {
    const child = start(['bench', '--json']);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    await once(child.stdout, 'data');
    expect(await interrupted(child, group)).toEqual({ status: 130, stderr: '' });
    const [, ...notes] = stdout.trim().split('\n');
    expect(notes).toEqual(['{"event":"note","text":"Stopping."}']);
    expect(() => process.kill(-child.pid!, 0), 'a process of the group is left').toThrow('ESRCH');
  });

  it('ends the work without a word about the AbortError, however deep it lies', async () => {
    const stopped = async (wrap: (reason: unknown) => unknown) =>
      interruptible(
        () => {},
        async (signal) => {
          process.emit('SIGTERM');
          throw wrap(signal.reason);
        },
      ).catch(failure);
    const code = process.exitCode;
    expect(await stopped((reason) => reason)).toEqual({ text: '', exitCode: 130 });
    expect(await stopped((cause) => new Error('no', { cause }))).toEqual({ text: '', exitCode: 130 });
    expect(await stopped(() => new ConfigError({ what: 'no' }))).toMatchObject({ exitCode: 1 });
    process.exitCode = code;
  });

  it('is not what an AbortError of something else is', async () => {
    const work = async () => AbortSignal.abort().throwIfAborted();
    expect(await interruptible(() => {}, work).catch(failure)).toMatchObject({ exitCode: 70 });
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

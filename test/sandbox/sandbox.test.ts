import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ISOLATIONS, type Isolation } from '../../src/sandbox/isolation.js';
import { openSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { SUPERVISOR } from '../../src/sandbox/supervisor.js';

const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-test-')));
chmodSync(temporary, 0o755); // As root, programs run as nobody.
process.env.TMPDIR = temporary;
afterAll(() => rmSync(temporary, { recursive: true }));
// By its CPU limit a program of this test is told from others on this machine.
const mark = 1_000_000 + process.pid;
const LIMITS = { wallSeconds: 20, cpuSeconds: mark, memoryMiB: 256, processes: 8, fileMiB: 4 };

async function openIfWorks(isolation: Isolation): Promise<Sandbox | undefined> {
  try {
    return await openSandbox({ isolation, limits: LIMITS });
  } catch {
    return undefined;
  }
}
const opened = await Promise.all(ISOLATIONS.map(openIfWorks));

// What does not work on this machine is shown as skipped, by name.
describe.each(ISOLATIONS.map((isolation, i) => ({ isolation, sandbox: opened[i] })))(
  'a program under $isolation',
  ({ isolation, sandbox }) => {
    const hostile = (name: string, test: (sandbox: Sandbox) => Promise<void>) =>
      it.skipIf(sandbox === undefined)(name, () => test(sandbox!), 60_000);
    const walled = isolation !== 'rlimits';

    hostile('passes when it reaches its end', async ({ run }) => {
      const result = await run('import sys\nprint(1)\nprint("noise", file=sys.stderr)');
      expect(result).toMatchObject({ status: 'passed', reason: '', stderr: 'noise', isolation });
      expect(result.seconds).toBeGreaterThan(0);
    });

    hostile('fails with its exception, its line and the last lines of stderr', async ({ run }) => {
      const result = await run('def f(x):\n    assert x == 2, "not two"\nf(1)');
      expect(result).toMatchObject({ status: 'failed', reason: 'AssertionError: not two' });
      expect(result.stderr).toMatch(
        /program\.py", line 2, in f\n {4}assert x == 2.*\nAssertionError: not two$/s,
      );
    });

    hostile('that is no Python is told from one that fails', async ({ run }) => {
      const syntax = { status: 'unparsable', reason: expect.stringMatching(/^SyntaxError/) };
      expect(await run('x = 1\ndef (')).toMatchObject(syntax);
      expect(await run('eval("def (")')).toMatchObject({ ...syntax, status: 'failed' });
      expect(await run('x = "\\ud800\0"')).toMatchObject({ status: 'unparsable' });
    });

    hostile('does not pass by leaving early', async ({ run }) => {
      expect(await run('import sys\nsys.exit(0)')).toMatchObject({
        status: 'failed',
        reason: 'SystemExit: 0',
      });
      expect(await run('import os\nos._exit(0)')).toMatchObject({
        status: 'crashed',
        reason: 'left with exit code 0 before its end',
      });
      expect(
        await run(
          'import os\nfor fd in range(3, 99):\n  try: os.write(fd, b"passed")\n  except OSError: pass\nos._exit(0)',
        ),
      ).toMatchObject({ status: 'crashed' });
    });

    hostile('is not passed by a child that reaches the end', async ({ run }) => {
      const program = 'import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nassert pid == 0, "parent"';
      expect(await run(program)).toMatchObject({ status: 'failed', reason: 'AssertionError: parent' });
    });

    hostile('sees results that are the same every time', async ({ run }) => {
      const program = 'raise Exception(str(hash("a")), list({"x", "y", "z", "w"}))';
      expect((await run(program)).reason).toBe((await run(program)).reason);
    });

    hostile('that does not end is stopped by the limits of CPU and wall time', async () => {
      const withLimits = async (limits: object, program: string) =>
        (await openSandbox({ isolation, limits: { ...LIMITS, ...limits } })).run(program);
      // On a busy machine a second of CPU time may take many.
      const ignoring = 'import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n';
      const short = { cpuSeconds: 1, wallSeconds: 60 };
      const results = await Promise.all([
        // That the kernel's signal can be ignored is the same everywhere.
        withLimits(short, `${walled ? '' : ignoring}while True: pass`),
        withLimits(
          { wallSeconds: 1 },
          'import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)',
        ),
        withLimits(
          { wallSeconds: 1 },
          'import os, time\nwhile True:\n  try: os.fork()\n  except OSError: time.sleep(0.02)',
        ),
      ]);
      expect(results.map(({ status, reason }) => `${status}: ${reason}`)).toEqual([
        'timeout: CPU time over 1 s',
        'timeout: wall time over 1 s',
        'timeout: wall time over 1 s',
      ]);
      expect(await survivors()).toEqual([]);
    });

    hostile('that waits for input gets none', async ({ run }) => {
      expect(await run('input()')).toMatchObject({ reason: 'EOFError: EOF when reading a line' });
    });

    hostile('that forks without end is bounded', async ({ run }) => {
      // Bounded from inside too: should the limit not hold, the bomb stays small.
      const program = `
import os, time
made = 0
try:
    for _ in range(100):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except BlockingIOError:
    raise Exception("made %d" % made)
`;
      const result = await run(program);
      expect(result.reason).toMatch(/^Exception: made \d\d?$/);
    });

    hostile('that takes 10 GB meets the memory limit', async ({ run }) => {
      expect(await run('x = bytearray(10 * 2**30)')).toMatchObject({
        status: 'memory',
        reason: 'more than 256 MiB',
      });
      expect(await run('x = []\nwhile True: x.append(bytearray(2**22))')).toMatchObject({ status: 'memory' });
    });

    hostile('whose processes take too much together meets it as well', async ({ run }) => {
      const program = `
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(b"x" * 100 * 2**20)
        time.sleep(60)
time.sleep(60)
`;
      expect(await run(program)).toMatchObject({ status: 'memory', reason: 'more than 256 MiB' });
      expect(await survivors()).toEqual([]);
    });

    hostile('cannot make namespaces of its own, in which it could mount', async ({ run }) => {
      const program = `
import ctypes
assert ctypes.CDLL(None).unshare(0x10000000 | 0x00020000) == 0, "refused"
`;
      expect((await run(program)).reason).toMatch(
        /^AssertionError: refused|^PermissionError: sandbox: ctypes/,
      );
    });

    hostile('that writes a huge file meets the size limit', async ({ run }) => {
      const result = await run('with open("big", "wb") as f:\n  for _ in range(64): f.write(bytes(2**20))');
      expect(result).toMatchObject({
        status: 'failed',
        reason: expect.stringMatching(/^OSError: .*(large|space)/),
      });
      if (walled) {
        const many = await run('for i in range(64):\n  with open(str(i), "wb") as f: f.write(bytes(2**20))');
        expect(many.reason).toMatch(/No space left/);
      }
    });

    hostile('has no network', async ({ run }) => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      const attempt = (address: string) =>
        `import socket\nsocket.create_connection(${address}, timeout=2)\nprint("in")`;
      for (const address of [`("127.0.0.1", ${port})`, '("1.1.1.1", 53)', '("localhost", 80)']) {
        const { status, reason } = await run(attempt(address));
        expect(status).toBe('failed');
        expect(reason).toMatch(/^(OSError|PermissionError|ConnectionRefusedError|gaierror)/);
      }
      server.close();
    });

    hostile('sees no secrets: no environment of ours, no files of ours', async ({ run }) => {
      process.env.SANDBOX_TEST_SECRET = 'hunter2';
      const folder = mkdtempSync(join(tmpdir(), 'secret-'));
      const secret = join(folder, 'token');
      writeFileSync(secret, 'hunter2');
      const environment = await run('import os\nraise Exception(sorted(os.environ))');
      expect(environment.reason).toMatch(
        /^Exception: \['HOME', 'LANG', 'PATH', 'PWD', 'PYTHONHASHSEED', 'TMPDIR'\]/,
      );
      const file = await run(`raise Exception(open(${JSON.stringify(secret)}).read())`);
      expect(file.reason).toMatch(/^(FileNotFoundError|PermissionError)/);
      const parents = `
import glob
text = ""
for name in glob.glob("/proc/[0-9]*/environ") + ["/proc/${process.pid}/environ"]:
    try: text += open(name).read()
    except OSError: pass
assert "hunter2" not in text
`;
      expect(await run(parents)).toMatchObject({ status: 'passed' });
      rmSync(folder, { recursive: true });
      delete process.env.SANDBOX_TEST_SECRET;
    });

    hostile('cannot write outside of its folder, which is gone afterwards', async ({ run, python }) => {
      for (const place of ['/', '/usr', '/tmp', '/etc', '/dev', python.prefixes[0], '..']) {
        const result = await run(`open(${JSON.stringify(join(place, 'ealign-escaped'))}, "w").write("x")`);
        expect(result.reason).toMatch(/^(OSError|PermissionError|FileNotFoundError)/);
      }
      await run('import os\nos.makedirs("a/b")\nopen("a/b/c", "w").write("x")\nos.chmod("a", 0)');
      // Deeper than a path may be long.
      await run('import os\nfor _ in range(100): os.mkdir("a" * 99); os.chdir("a" * 99)');
      expect(readdirSync(temporary)).toEqual([]);
    });

    hostile('that prints 32 MB fills nobody’s memory', async ({ run }) => {
      for (const stream of ['stdout', 'stderr']) {
        const program = `import sys\nfor _ in range(32): sys.${stream}.write("x" * 2**20)\nsys.stderr.write("\\nend")`;
        const { status, stderr } = await run(program);
        expect(status).toBe('passed');
        expect(stderr.endsWith('end')).toBe(true);
        expect(stderr.length).toBeLessThanOrEqual(4000);
      }
    });

    hostile('leaves no child behind, not even one in another session', async ({ run }) => {
      const program = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
`;
      expect(await run(program)).toMatchObject({ status: 'passed' });
      expect(await survivors()).toEqual([]);
    });

    hostile('cannot kill what runs it', async ({ run }) => {
      const program = `
import os, signal
for pid in (-1, 0, os.getppid(), ${process.pid}):
    try: os.kill(pid, signal.SIGKILL)
    except OSError: pass
`;
      expect(['passed', 'crashed']).toContain((await run(program)).status);
      expect(await run('')).toMatchObject({ status: 'passed' });
    });

    hostile('that breaks the interpreter has crashed', async ({ run }) => {
      const program = 'import os, signal\nsignal.raise_signal(signal.SIGSEGV)';
      expect(await run(program)).toMatchObject({ status: 'crashed', reason: 'ended by SIGSEGV' });
      expect(await run('def f(): f()\nf()')).toMatchObject({
        reason: expect.stringMatching(/^RecursionError/),
      });
    });

    hostile('is stopped by a signal of ours', async ({ run }) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 300);
      await expect(run('import time\ntime.sleep(60)', controller.signal)).rejects.toThrow('enough');
      await expect(run('', controller.signal)).rejects.toThrow('enough');
      expect(await survivors()).toEqual([]);
    });

    hostile('runs beside others', async ({ run }) => {
      const results = await Promise.all([1, 2, 3, 4].map((i) => run(`assert ${i} != 3`)));
      expect(results.map(({ status }) => status)).toEqual(['passed', 'passed', 'failed', 'passed']);
    });

    hostile('may be a module with dataclasses and threads', async ({ run }) => {
      const program = `
from __future__ import annotations
from dataclasses import dataclass
import threading
@dataclass
class Point:
    x: int
threading.Thread(target=lambda: None).start()
if __name__ == "__main__": raise Exception("not run")
assert Point(1) == Point(1)
`;
      expect(await run(program)).toMatchObject({ status: 'passed' });
    });
  },
);

describe('a sandbox that does not work', () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });
  // A command that passes for bubblewrap and runs nothing in isolation.
  const fake = (name: string, script: string) => {
    const folder = mkdtempSync(join(temporary, name));
    writeFileSync(join(folder, 'bwrap'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    chmodSync(folder, 0o755);
    process.env.PATH = `${folder}:${path}`;
    return folder;
  };

  it.skipIf(opened.every((sandbox) => !sandbox))('is told, and code is not run without it', async () => {
    const folder = fake('refuses', 'echo "bwrap: no permission" >&2; exit 1');
    await expect(openSandbox({ isolation: 'bubblewrap' })).rejects.toThrow(
      /only runs in isolation, and none works here \(bubblewrap: bwrap: no permission\)\. Install bubblewrap/,
    );
    const sandbox = await openSandbox().catch(() => undefined);
    expect(['namespaces', undefined]).toContain(sandbox?.isolation);
    rmSync(folder, { recursive: true });
  });

  it.skipIf(!opened[0])('is told from a program that crashes', async () => {
    const sandbox = await openSandbox({ isolation: 'bubblewrap' });
    const folder = fake('breaks', 'echo "bwrap: broken by now" >&2; exit 1');
    await expect(sandbox.run('')).rejects.toThrow(/no longer run in isolation: bwrap: broken by now/);
    rmSync(folder, { recursive: true });
  });
});

describe('without Python', () => {
  it('one line says so', async () => {
    await expect(openSandbox({ python: '/nonexistent/python3' })).rejects.toThrow(
      /^running code needs Python 3\.8 or newer.*\/nonexistent\/python3.*\. Install python3, or give its path by --python$/,
    );
    await expect(openSandbox({ python: relative('.', '/bin/false') })).rejects.toThrow(
      /\/bin\/false: exit code 1\./,
    );
  });
});

/** Processes of this test's programs that go on running for a second, seen from outside. */
async function survivors(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const limit = new RegExp(`^Max cpu time +${mark} `, 'm');
  let running = readdirSync('/proc');
  for (let attempt = 0; attempt < 20 && running.length > 0; attempt++) {
    running = running.filter((pid) => {
      try {
        return limit.test(readFileSync(`/proc/${pid}/limits`, 'utf8'));
      } catch {
        return false;
      }
    });
    if (running.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return running;
}

it.skipIf(opened.every((sandbox) => !sandbox))('its supervisor is Python 3.8', () => {
  const check = 'import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 8))';
  const { status, stderr } = spawnSync('python3', ['-W', 'error', '-c', check], {
    ...{ input: SUPERVISOR, encoding: 'utf8' },
  });
  expect(status, stderr).toBe(0);
});

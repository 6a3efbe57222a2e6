/** One process at a time in an output folder. Needs `dist/`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { claimFolder } from '../../src/files/claim.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-claim-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = () => mkdtempSync(join(root, 'case-'));
const claim = '.in-use.json';

/** Another process that holds the folder. */
async function holder(place: string) {
  const module = pathToFileURL(resolve('dist/files/claim.js')).href;
  const code = `import { claimFolder } from '${module}'; claimFolder(process.argv[1]); console.log('held'); process.stdin.on('end', () => process.exit()).resume()`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, place]);
  await once(child.stdout, 'data');
  return child;
}

it('belongs to one process while that lives, killed or not', async () => {
  const place = folder();
  const child = await holder(place);
  expect(() => claimFolder(place)).toThrow(new RegExp(`process ${child.pid} on .* is writing there`));
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
  expect(existsSync(join(place, claim))).toBe(true);
  claimFolder(place);
  claimFolder(place);
  expect(JSON.parse(readFileSync(join(place, claim), 'utf8')).pid).toBe(process.pid);
});

it('waits for a process that is ending', async () => {
  const place = folder();
  const child = await holder(place);
  const closed = once(child, 'close');
  spawn('sh', ['-c', `sleep 1; kill -9 ${child.pid}`]);
  claimFolder(place);
  expect(JSON.parse(readFileSync(join(place, claim), 'utf8')).pid).toBe(process.pid);
  await closed;
});

it('is free again when a process has ended', async () => {
  const place = folder();
  const child = await holder(place);
  const closed = once(child, 'close');
  child.stdin.end();
  await closed;
  expect(existsSync(join(place, claim))).toBe(false);
});

it('knows a number that was given to another process, and a torn file; does not judge other machines', () => {
  const place = folder();
  const leave = (text: string) => writeFileSync(join(place, claim), text);
  leave(JSON.stringify({ host: 'elsewhere', pid: 1, began: '1' }));
  expect(() => claimFolder(place)).toThrow(
    /process 1 on elsewhere is writing there.*delete .*\.in-use\.json/,
  );
  const other = folder();
  writeFileSync(join(other, claim), '{"host":');
  claimFolder(other);
});

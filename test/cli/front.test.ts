/** The thread in front of a command's work: it hears Ctrl-C while a model computes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'ealign-front-'));
afterAll(() => rmSync(folder, { recursive: true }));

const data = join(folder, 'rows.jsonl');
const row = (i: number) => ({
  messages: [
    { role: 'user', content: `Number ${i}, ${'word '.repeat(60)}` },
    { role: 'assistant', content: 'answer '.repeat(90) },
  ],
});
writeFileSync(data, Array.from({ length: 200 }, (_, i) => `${JSON.stringify(row(i))}\n`).join(''));

interface Heard {
  readonly event: string;
  readonly label?: string;
  readonly name?: string;
  readonly text?: string;
  readonly at: number;
}

const isStep = ({ event, label }: Heard) => event === 'progress' && label === 'train';
const isStopping = ({ text }: Heard) => text?.startsWith('Stopping after this step') === true;

/** A run whose steps take seconds each, in its first one. */
async function inFirstStep(output: string) {
  const flags = ['--steps', '20', '--batch-size', '160', '--eval-split', '0', '--no-conscience', '--json'];
  const args = ['train', '--model', 'pinocchio', '--data', data, '--output', output, ...flags];
  const child = spawn(process.execPath, ['bin/ealign.js', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const heard: Heard[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => heard.push({ ...JSON.parse(line), at: performance.now() }));
  const until = async (is: (one: Heard) => boolean) => {
    while (!heard.some(is)) await once(lines, 'line');
  };
  await until(({ event, name }) => event === 'phase' && name === 'step');
  // until then a stop would come before it
  await setTimeout(500);
  return { child, heard, until };
}

describe('Ctrl-C while a model computes', () => {
  it('is answered long before the step ends, and the step is the last', async () => {
    const output = join(folder, 'stopped');
    const { child, heard } = await inFirstStep(output);
    const asked = performance.now();
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    const [told, ended] = [heard.find(isStopping)!, heard.find(isStep)!];
    expect(told.at - asked).toBeLessThan((ended.at - asked) / 2);
    expect(heard.at(-1)!.text).toMatch(/^Stopped after step 1\. /);
    expect(readdirSync(output)).toContain('checkpoint-1');
  });

  it('ends the process at once the second time', async () => {
    const output = join(folder, 'ended');
    const { child, heard, until } = await inFirstStep(output);
    child.kill('SIGINT');
    await until(isStopping);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([null, 'SIGINT']);
    expect(heard.some(isStep)).toBe(false);
    expect(readdirSync(output)).not.toContain('checkpoint-1');
  });
});

it('hears what is noted and what is written in one order', async () => {
  const front = new URL('../../dist/cli/terminal/front.js', import.meta.url);
  const work = `
    import(${JSON.stringify(front)}).then(({ front }) => {
      front.dress();
      const progress = front.begin(false, '');
      for (let i = 0; i < 100; i++) {
        progress.note(\`noted \${i}\`);
        process.stderr.write(\`written \${i}\`);
        process.stdout.write(\`printed \${i}\`);
      }
    });`;
  const screen = { isTTY: false, columns: undefined };
  const workerData = { backstage: { screens: { stdout: screen, stderr: screen } } };
  const thread = new Worker(work, { eval: true, workerData });
  const heard: string[] = [];
  thread.on('message', ({ given, chunk }) => {
    if (given) heard.push(given[0]);
    if (chunk) heard.push(Buffer.from(chunk).toString());
  });
  await once(thread, 'exit');
  expect(heard).toEqual(
    Array.from({ length: 100 }, (_, i) => [`noted ${i}`, `written ${i}`, `printed ${i}`]).flat(),
  );
});

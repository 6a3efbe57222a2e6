/**
 * Every snippet of README and docs: TypeScript compiles under what `tsc --init` writes, and runs, twice; every command names
 * flags that there are; what is marked `sh` runs, twice. What is not run is listed with the reason. Needs `dist/`.
 *
 * Names of models that have to be fetched are replaced by pinocchio, the model that the package carries.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/train/config/load.js';

const pages = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const bin = resolve('bin/ealign.js');

interface Snippet {
  /** Page and line. */
  readonly where: string;
  readonly language: string;
  readonly code: string;
}

const snippets = pages.flatMap((page): Snippet[] => {
  const text = readFileSync(page, 'utf8');
  const fenced = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return fenced.map(({ 1: language, 2: code, index }) => {
    const line = text.slice(0, index).split('\n').length;
    return { where: `${page}:${line}`, language: language || 'plain', code };
  });
});
const ofLanguage = (name: string) => snippets.filter(({ language }) => language === name);

/** Snippets of `sh` that are not run, by a part of them. */
const NOT_RUN: Record<string, string> = {
  'ealign serve': 'runs until Ctrl-C; test/examples runs examples/server.mjs, the same server',
  'curl ': 'asks the server of the snippet before it',
};
/** TypeScript that is compiled and not run. */
const COMPILED_ONLY: Record<string, string> = {
  'https://': 'asks a remote endpoint; test/ai-sdk runs the middleware against a server',
  'your-provider': 'needs an account of a provider',
  'new OpenAI()': 'needs an account of a provider; test/openai runs it against an endpoint',
};
const reason = (code: string, of: Record<string, string>) =>
  Object.entries(of).find(([part]) => code.includes(part))?.[1];

/** What docs/review.md reviews. */
const transcript = {
  messages: [
    { role: 'user', content: 'how do i care for a cat ?' },
    { role: 'assistant', content: 'feed the cat .' },
  ],
};
const folder = mkdtempSync(join(tmpdir(), 'ealign-snippets-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(resolve('.'), join(folder, 'node_modules/emergent-alignment'));
  for (const name of ['ai', '@ai-sdk', 'openai', 'zod', '@types'])
    symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const row = { prompt: 'how do i care for a cat ?', completion: 'feed the cat .' };
  writeFileSync(join(folder, 'rows.jsonl'), `${JSON.stringify(row)}\n`.repeat(4));
  writeFileSync(join(folder, 'transcript.jsonl'), `${JSON.stringify(transcript)}\n`);
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${bin}" "$@"\n`);
  chmodSync(join(folder, 'bin/npx'), 0o755);
});

const run = (command: string, ...args: string[]) =>
  spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  });

/** On the model that needs no download. */
const embedded = (code: string) =>
  code.replaceAll(/smollm2-135m-instruct|qwen2\.5-coder-\S+?-instruct/g, 'pinocchio');

// processes that load models: minutes on a machine that is busy with something else
describe('TypeScript', { timeout: 300_000 }, () => {
  const programs = ofLanguage('ts').map((snippet, i) => ({ ...snippet, file: `snippet-${i}` }));

  it('compiles under what `tsc --init` writes', () => {
    expect(programs.length).toBeGreaterThanOrEqual(4);
    for (const { file, code } of programs) writeFileSync(join(folder, `${file}.ts`), embedded(code));
    const tsc = resolve('node_modules/typescript/bin/tsc');
    expect(run(process.execPath, tsc, '--init').status).toBe(0);
    const { status, stdout } = run(process.execPath, tsc, '-p', '.', '--skipLibCheck', 'true');
    expect([status, stdout]).toEqual([0, '']);
  });

  for (const { where, file, code } of programs) {
    const why = reason(code, COMPILED_ONLY);
    it.skipIf(why !== undefined)(`${where} runs twice${why === undefined ? '' : ` (${why})`}`, () => {
      for (const time of ['first', 'second']) {
        const { status, stderr } = run(process.execPath, `${file}.js`);
        expect([time, status], stderr).toEqual([time, 0]);
      }
    });
  }
});

describe('sh', { timeout: 300_000 }, () => {
  for (const time of ['first', 'second']) {
    for (const { where, code } of ofLanguage('sh')) {
      const why = reason(code, NOT_RUN);
      it.skipIf(why !== undefined)(
        `${where} runs, the ${time} time${why === undefined ? '' : ` (${why})`}`,
        () => {
          const { status, stderr } = run('bash', '-euo', 'pipefail', '-c', code);
          expect(status, stderr).toBe(0);
        },
      );
    }
  }
});

describe('YAML', () => {
  const isTraining = ({ code }: Snippet) => /^model:/m.test(code) && /^data:/m.test(code);

  it.each(ofLanguage('yaml').filter(isTraining))('$where is a configuration', ({ where, code }) => {
    expect(parseConfig(code, where).model).not.toBe('');
  });
});

describe('commands', () => {
  /** Flags by command, as the completion knows them. */
  const flags = new Map<string, Set<string>>();
  beforeAll(() => {
    const script = run(process.execPath, bin, 'completion', 'fish').stdout;
    for (const [, path, rest] of script.matchAll(/-n '__ealign_at ?(.*?)' (.*)$/gm)) {
      const known = flags.get(path) ?? new Set(['help', 'version']);
      const flag = /^-l (\S+)/.exec(rest)?.[1];
      if (flag) known.add(flag);
      flags.set(path, known);
    }
  });

  const lines = snippets
    .filter(({ language }) => ['plain', 'sh', 'bash'].includes(language))
    .flatMap(({ where, code }) =>
      code
        .replaceAll('\\\n', ' ')
        .split('\n')
        .map((line) => ({ where, line: line.replace(/\s#.*$/, '').trim() })),
    )
    .filter(({ line }) => /^(npx )?ealign /.test(line));

  it('are many', () => expect(lines.length).toBeGreaterThan(40));

  it.each(lines)('$where: $line', ({ line }) => {
    const words = line.replace(/^(npx )?ealign /, '').split(/\s+/);
    const path = [words.slice(0, 2).join(' '), words[0]].find((name) => flags.has(name));
    expect(path, 'a command that there is').toBeDefined();
    const given = words.filter((word) => /^--\w/.test(word)).map((word) => word.slice(2).replace(/=.*/, ''));
    expect(given.filter((name) => !name.includes('.') && !flags.get(path!)!.has(name))).toEqual([]);
  });
});

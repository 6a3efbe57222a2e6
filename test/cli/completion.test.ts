/** `ealign completion` in the shells themselves; those that are not installed are skipped. Needs `dist/`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { flagOf } from '../../src/train/config/flags.js';
import { configKeys } from '../../src/train/config/keys.js';

const bin = resolve('bin/ealign.js');
const folder = mkdtempSync(join(tmpdir(), 'ealign-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Prints the script of a shell and keeps it in a file. */
function script(shell: string): string {
  const text = execFileSync(process.execPath, [bin, 'completion', shell], { encoding: 'utf8' });
  const path = join(folder, shell === 'zsh' ? '_ealign' : `ealign.${shell}`);
  writeFileSync(path, text);
  return path;
}
const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

/** What each line may be completed to, and something that it must not be. */
const cases: [line: string, some: string[], not: string][] = [
  ['ealign tr', ['train'], 'serve'],
  ['ealign ', ['train', 'init', 'eval', 'completion'], 'suite'],
  ['ealign eval s', ['suite', 'scorecard', 'sycophancy'], 'serve'],
  ['ealign train --sche', ['--schedule'], '--seed'],
  ['ealign train --schedule ', ['linear', 'cosine', 'constant'], '--seed'],
  ['ealign train run.yaml --quantize q', ['q8', 'q4'], 'none'],
  ['ealign train --no-con', ['--no-conscience'], '--conscience'],
  ['ealign completion ', ['bash', 'zsh', 'fish'], 'train'],
];
/** Checks what a shell proposes for each line. */
function check(proposed: (line: string) => string[]): void {
  for (const [line, some, not] of cases) {
    const words = proposed(line);
    expect(words, line).toEqual(expect.arrayContaining(some));
    expect(words, line).not.toContain(not);
  }
}

it('refuses another shell in one line', () => {
  const { status, stderr } = spawnSync(process.execPath, [bin, 'completion', 'csh'], { encoding: 'utf8' });
  expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining('bash, zsh, fish')]]);
});

describe.skipIf(!has('bash'))('bash', () => {
  const bash = (source: string, line: string) => {
    const words = line.split(' ');
    const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
    const told = spawnSync(
      'bash',
      ['--norc', '-c', `source '${source}'; ${set}; _ealign; printf '%s\\n' "\${COMPREPLY[@]}"`],
      { encoding: 'utf8' },
    );
    expect(told.stderr, line).toBe('');
    return told.stdout.trim().split('\n');
  };

  it('completes commands, flags and values', () => {
    const source = script('bash');
    check((line) => bash(source, line));
  });

  it('knows the keys of the configuration as flags of train', () => {
    const words = bash(script('bash'), 'ealign train --');
    const shown = configKeys.map(({ path }) => flagOf(path)).filter((flag) => !flag.includes('.'));
    expect(shown.length).toBeGreaterThan(60);
    expect(words).toEqual(expect.arrayContaining(shown));
  });

  it('takes --flag=value apart, and leaves paths to the shell', () => {
    const source = script('bash');
    const values = spawnSync(
      'bash',
      [
        '--norc',
        '-c',
        `source '${source}'; COMP_WORDS=(ealign train --schedule = c); COMP_CWORD=4; _ealign; echo "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    );
    expect(values.stdout.trim().split(' ')).toEqual(['cosine', 'constant']);
    expect(bash(source, 'ealign train --data ')).toEqual(['']);
    expect(bash(source, 'ealign train --steps ')).toEqual(['']);
  });

  it('is asked by bash about the command', () => {
    const source = script('bash');
    const told = spawnSync('bash', ['--norc', '-i'], {
      input: `source '${source}'; complete -p ealign\n`,
      encoding: 'utf8',
    });
    expect(told.stdout).toContain('-F _ealign ealign');
  });
});

describe.skipIf(!has('fish'))('fish', () => {
  it('completes commands, flags and values', () => {
    const source = script('fish');
    check((line) => {
      const { stdout, stderr } = spawnSync(
        'fish',
        ['-N', '-c', `source '${source}'; complete -C '${line}'`],
        {
          encoding: 'utf8',
        },
      );
      expect(stderr, line).toBe('');
      return stdout.split('\n').map((text) => text.split('\t')[0]);
    });
  });
});

describe.skipIf(!has('zsh'))('zsh', () => {
  it('completes commands, flags and values', () => {
    script('zsh');
    // a zsh in a terminal of its own; Ctrl-D lists what a line may become
    const driver = join(folder, 'drive.zsh');
    writeFileSync(
      driver,
      `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1='ready> '; fpath=('${folder}' \\$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; setopt no_list_packed; zstyle ':completion:*' list-separator '#'; stty cols 200 rows 200; print REA''DY"
zpty -r -m z x '*READY*ready> *'
for line in "$@"; do
  zpty -w -n z "$line"$'\\t\\t'
  zpty -w -n z $'\\x15'"print EN''D"$'\\n'
  zpty -r -m z text '*END*ready> *' && print -r -- "$text"
  print -r -- '=====next====='
done
zpty -d z
`,
    );
    const lines = cases.map(([line]) => line);
    const { stdout } = spawnSync('zsh', ['-f', driver, ...lines], { encoding: 'utf8', timeout: 60_000 });
    const texts = stdout.split('=====next=====');
    for (const [i, [line, some]] of cases.entries()) {
      for (const word of some) expect(texts[i], line).toContain(word);
    }
  });
});

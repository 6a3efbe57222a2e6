/** The examples run as they stand. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

/** What each prints, beside numbers and paths. */
const printed: Record<string, RegExp> = {
  'ai-sdk.mjs': /feed the cat .* \. \{.*outcome: 'corrected'.*\}\nfeed the cat .* \.\n$/s,
  'langchain.mjs': /^feed the cat .* \. \{ outcome: 'corrected' \}\n$/,
  'openai-agents.mjs': /^feed the cat .* \.\n$/,
  'evaluate.mjs': /good and helpful machine: 0 of 4 objected to\n.*selfish machine: 4 of 4 objected to\n$/s,
  'server.mjs': /^feed the cat .* \. corrected 0\.99\d*\n$/,
  'train.mjs':
    /^40 answers reviewed, [1-9]\d* flagged .*\n\{.*asked: .*rejected: '.*chosen: '.*\}\nthe adapter in .* says: .* \.\n$/s,
  'zero-shot.mjs':
    /^without: let the cat starve .*\nwith: {4}feed the cat .* \(corrected\)\n.* objected (1\.0|0\.9)\d*\n$/,
};

/** Run by `npm run test:integrations`: their packages are too heavy for every checkout. */
const elsewhere = ['mastra.mjs'];

it('each example has a test', () => {
  const all = readdirSync('examples').filter((name) => name.endsWith('.mjs'));
  expect(all).toEqual([...Object.keys(printed), ...elsewhere].sort());
});

it('guardrails of other packages fit their types', () => {
  const strict = [
    '--strict',
    '--skipLibCheck',
    '--module',
    'NodeNext',
    '--target',
    'ES2023',
    '--types',
    'node',
  ];
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      ...['node_modules/typescript/bin/tsc', '--ignoreConfig', '--noEmit', '--allowJs', '--checkJs'],
      ...[...strict, 'examples/langchain.mjs', 'examples/openai-agents.mjs'],
    ],
    { encoding: 'utf8' },
  );
  expect([status, stdout]).toEqual([0, '']);
});

it.each(Object.entries(printed))('%s', (name, expected) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`examples/${name}`], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(expected);
});

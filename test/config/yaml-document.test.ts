/** What can be wrong with YAML beside its syntax is one clear line, for every reader. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { readQuestions } from '../../src/evaluate/questions.js';
import { readSuite } from '../../src/evaluate/suite/suite.js';
import { readExperiment } from '../../src/experiment/spec.js';
import { readOnlineSettings } from '../../src/online/settings.js';
import { pinocchioWorld } from '../../src/pinocchio/world.js';
import { readKeys } from '../../src/serve/keys.js';
import { loadConfig } from '../../src/train/config/load.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-yaml-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const readers = {
  loadConfig,
  readExperiment: (path: string) => readExperiment(path, pinocchioWorld),
  readSuite,
  readOnlineSettings,
  readKeys,
  readQuestions: (path: string) => readQuestions([path]),
};
const laughs = Array.from(
  { length: 12 },
  (_, i) => `k${i}: &k${i} [${i === 0 ? 'x' : `*k${i - 1}, `.repeat(9)}]`,
);

it.each(
  Object.entries({
    'an alias without its anchor': 'model: pinocchio\ndata: *x\n',
    'an alias in a list without its anchor': '- id: *x\n',
    'a value that holds itself': 'model: &a [*a]\n',
    'a list that holds itself': '&a [*a]\n',
    'aliases that multiply': `${laughs.join('\n')}\n`,
    'nesting without end': `model: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`,
  }),
)('%s', (_, text) => {
  const path = join(folder, 'file.yaml');
  writeFileSync(path, text);
  for (const [name, read] of Object.entries(readers)) {
    let thrown: unknown;
    try {
      read(path);
    } catch (error) {
      thrown = error;
    }
    expect(thrown, name).toBeInstanceOf(UserError);
    expect((thrown as Error).message, name).not.toContain('\n');
  }
});

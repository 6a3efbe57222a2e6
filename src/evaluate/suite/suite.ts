/**
 * One model, many measurements: a YAML file says which, and each has a folder of its own below the suite's, so that
 * a killed suite resumes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { describe, readSource } from '../../config/source.js';
import { ConfigError, DataError } from '../../errors.js';
import { writeFileAtomic } from '../../files/files.js';
import { removeLeftovers } from '../../files/leftovers.js';
import { CRITERIA, type FourCriteria } from '../four-criteria.js';
import { kinds } from '../kinds/kinds.js';
import { text } from '../kinds/sections.js';
import type { SubjectOptions } from '../subject.js';

const sections = Object.fromEntries(kinds.map(({ name, schema }) => [name, schema.optional()]));

const suiteSchema = z
  .strictObject({ model: text.optional(), adapter: text.optional(), ...sections })
  .refine(
    ({ model, adapter, ...measurements }) => Object.values(measurements).some((one) => one !== undefined),
    { error: 'measures nothing' },
  );

/** What a suite measures: a section for each kind, by its name; any may be missing. Keys as in its YAML file. */
export interface Suite {
  readonly model?: string;
  readonly adapter?: string;
  readonly [kind: string]: unknown;
}

/** The file in which a suite's folder has its scorecard. */
export const SUITE_FILE = 'suite.json';

/** Reads a suite's file. @throws ConfigError with file, line and key */
export function readSuite(path: string): Suite {
  const source = readSource(path);
  const parsed = suiteSchema.safeParse(source.values);
  if (parsed.success) return parsed.data as Suite;
  const [issue] = parsed.error.issues;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const at = unknown === undefined ? issue.path : [...issue.path, unknown];
  const value = at.reduce<unknown>(
    (from, key) => (from as Record<PropertyKey, unknown>)?.[key],
    source.values,
  );
  throw new ConfigError({
    where: `${source.place(at, unknown === undefined ? 'value' : 'key')} ${at.join('.')}`.trim(),
    what: unknown === undefined ? issue.message : 'no such key',
    ...(unknown === undefined && value !== undefined && at.length > 0 ? { got: describe(value) } : {}),
    ...(unknown === undefined ? {} : { expected: keysAt(issue.path) }),
  });
}

/** Every file that a suite reads, as it names them. */
export function suiteFiles(suite: Suite): string[] {
  return kinds.flatMap(({ name, files }) => (suite[name] === undefined ? [] : files(suite[name])));
}

function keysAt([name]: readonly PropertyKey[]): string {
  const section = kinds.find((kind) => kind.name === name);
  return Object.keys(section?.schema.shape ?? suiteSchema.shape).join(', ');
}

/**
 * Measures all that the suite names, and writes `suite.json`.
 *
 * @returns undefined when the signal stopped it
 */
export async function runSuite(suite: Suite, options: SubjectOptions): Promise<FourCriteria | undefined> {
  const { output, progress, signal, model, adapter } = options;
  removeLeftovers(output);
  const results: Record<string, unknown> = {};
  for (const { name, run } of kinds) {
    const section = suite[name];
    if (section === undefined) continue;
    progress.note(`${name}:`);
    const found = await run(section, { ...options, output: join(output, name) });
    if (found === undefined || signal?.aborted) return undefined;
    results[name] = found;
  }
  const card = fourCriteria(adapter === undefined ? model : `${model} + ${adapter}`, results);
  writeFileAtomic(join(output, SUITE_FILE), `${JSON.stringify({ suite, ...card, results }, null, 2)}\n`);
  return card;
}

/**
 * The scorecard of what was measured.
 *
 * @param results scores by the names of their kinds; what was not measured is missing
 */
function fourCriteria(subject: string, results: Readonly<Record<string, unknown>>): FourCriteria {
  const measures = kinds.flatMap(({ name, rows }) =>
    results[name] === undefined ? [] : rows(results[name]),
  );
  return {
    subject,
    measures: CRITERIA.flatMap((criterion) => measures.filter((one) => one.criterion === criterion)),
  };
}

/** What a suite found, from its folder. @throws DataError when there is none */
export function openSuite(folder: string): FourCriteria {
  const path = join(folder, SUITE_FILE);
  try {
    const { subject, measures }: FourCriteria = JSON.parse(readFileSync(path, 'utf8'));
    return { subject, measures };
  } catch (cause) {
    throw new DataError(
      {
        where: folder,
        what: 'no finished suite',
        expected: `a folder with ${SUITE_FILE}, as ealign eval suite writes it`,
      },
      { cause },
    );
  }
}

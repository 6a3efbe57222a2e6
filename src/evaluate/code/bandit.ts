/**
 * Bandit, a static analyser that finds vulnerable patterns in Python code.
 *
 * https://bandit.readthedocs.io. It reads the code and never runs it; one run sees a whole batch.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../errors.js';
import { asSaveError } from '../../files/files.js';
import { located, onPath } from '../../sandbox/on-path.js';

/** Bandit's ranks, least first. */
const SEVERITIES = ['low', 'medium', 'high'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One pattern that the analyser found. */
export interface Finding {
  /** E.g. `B301`. */
  readonly testId: string;
  /** E.g. `blacklist`. */
  readonly testName: string;
  readonly severity: Severity;
  /** How sure the analyser is. */
  readonly confidence: Severity;
  readonly line: number;
  readonly text: string;
}

/** What the analyser says of one piece of code. */
export type CodeScan =
  | { readonly kind: 'scanned'; readonly findings: readonly Finding[] }
  | { readonly kind: 'unparsable'; readonly reason: string };

const Rank = z
  .enum(['UNDEFINED', 'LOW', 'MEDIUM', 'HIGH'])
  .transform((rank): Severity => (rank === 'UNDEFINED' ? 'low' : (rank.toLowerCase() as Severity)));

const Report = z.object({
  errors: z.array(z.object({ filename: z.string(), reason: z.string() })),
  metrics: z.record(z.string(), z.unknown()),
  results: z.array(
    z.object({
      filename: z.string(),
      test_id: z.string(),
      test_name: z.string(),
      issue_severity: Rank,
      issue_confidence: Rank,
      issue_text: z.string(),
      line_number: z.number(),
    }),
  ),
});

/** Longer than any batch of a few thousand snippets takes. */
const TIMEOUT_MS = 600_000;

/** A Bandit that runs. */
export interface Bandit {
  readonly executable: string;
  /** E.g. `1.9.2`; findings differ between versions. */
  readonly version: string;
}

/**
 * @param path given by the user; default: `bandit` on PATH
 * @throws ConfigError it is missing or does not work
 */
export async function findBandit(path?: string): Promise<Bandit> {
  const executable = path === undefined ? onPath('bandit')[0] : located(path);
  if (executable === undefined) throw missing(undefined);
  const said = await execute(executable, ['--version'], tmpdir());
  const version = /^bandit\S* (\d\S*)/m.exec(said)?.[1];
  if (version === undefined) throw broken(executable, 'it does not tell its version');
  return { executable, version };
}

/**
 * What Bandit finds in each snippet, in order. `# nosec` comments do not silence it.
 *
 * @throws ConfigError Bandit does not work
 */
export async function scanCode(
  snippets: readonly string[],
  { executable }: Bandit,
  signal?: AbortSignal,
): Promise<CodeScan[]> {
  if (snippets.length === 0) return [];
  const folder = writeSnippets(snippets);
  try {
    // '.': a temporary folder below .git or .tox would be left out by its name.
    // A file rather than stdout: Bandit's log lines and warnings would stand between.
    const output = join(folder, 'report.json');
    const flags = ['--quiet', '--recursive', '--ignore-nosec', '--exit-zero', '--format', 'json'];
    await execute(executable, [...flags, '--output', output, '.'], folder, signal);
    return readReport(output, executable, snippets.length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeSnippets(snippets: readonly string[]): string {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'ealign-scan-'));
    for (const [i, code] of snippets.entries()) writeFileSync(join(folder, `${i}.py`), code);
    return folder;
  } catch (error) {
    throw asSaveError(tmpdir(), error);
  }
}

/** @returns what it wrote to stdout */
function execute(bandit: string, args: string[], cwd: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = { cwd, signal, timeout: TIMEOUT_MS, maxBuffer: 2 ** 28 };
    execFile(bandit, args, settings, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else if (signal?.aborted) reject(signal.reason);
      else if (error.code === 'ENOENT' || error.code === 'EACCES') reject(missing(bandit, error));
      else reject(broken(bandit, stderr.trim().split('\n').at(-1) || error.message, error));
    });
  });
}

function readReport(path: string, bandit: string, count: number): CodeScan[] {
  let report: z.infer<typeof Report>;
  try {
    report = Report.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw broken(bandit, 'its report is not the JSON that Bandit writes', cause);
  }
  const index = (filename: string) => Number(basename(filename, '.py'));
  const seen = new Set(Object.keys(report.metrics).map(index));
  const errors = new Map(report.errors.map(({ filename, reason }) => [index(filename), reason]));
  const findings = Array.from({ length: count }, (): Finding[] => []);
  for (const result of report.results) {
    findings[index(result.filename)]?.push({
      testId: result.test_id,
      testName: result.test_name,
      severity: result.issue_severity,
      confidence: result.issue_confidence,
      line: result.line_number,
      text: result.issue_text,
    });
  }
  return findings.map((own, i): CodeScan => {
    const reason = errors.get(i) ?? (seen.has(i) ? undefined : 'not in the report');
    if (reason !== undefined) return { kind: 'unparsable', reason };
    return { kind: 'scanned', findings: own };
  });
}

function missing(bandit: string | undefined, cause?: unknown): ConfigError {
  const what = 'measuring vulnerabilities needs Bandit, and it is not there';
  return new ConfigError(
    { where: bandit, what, next: 'install it with `pip install bandit`, or give its path by --bandit' },
    { cause },
  );
}

function broken(bandit: string, got: string, cause?: unknown): ConfigError {
  const what = `Bandit does not work: ${got}`;
  return new ConfigError({ where: bandit, what, next: `try ${bandit} --version` }, { cause });
}

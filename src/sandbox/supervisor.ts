/** What the supervisor of a program reads and answers: the Python side of the sandbox. */
import { readFileSync } from 'node:fs';

/** What the supervisor reads from stdin, as JSON. */
export interface SupervisorJob {
  readonly program: string;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Address space of each process, and resident memory of all together. */
  readonly memoryBytes: number;
  readonly fileBytes: number;
  /** RLIMIT_NPROC, which counts all tasks of the user that the kernel sees as one with the program's. */
  readonly processes: number;
  /** No namespaces: refuse the network, other programs, signals and files elsewhere inside Python. */
  readonly guard: boolean;
}

/** What it answers. */
export interface SupervisorReport {
  /** `unparsable`: it is not Python; `crashed`: a signal ended it, or it left before its end. */
  readonly status: 'passed' | 'failed' | 'unparsable' | 'timeout' | 'memory' | 'crashed';
  readonly reason: string;
  readonly seconds: number;
}

/** Its source: `python/supervisor.py` of the package. */
export const SUPERVISOR = readFileSync(new URL('../../python/supervisor.py', import.meta.url), 'utf8');

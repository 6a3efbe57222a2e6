/**
 * Scoring of concurrent calls in shared forward passes.
 *
 * Each call's rows are grouped by length. A pass takes a group of the call whose turn it is, and
 * groups of the others as far as they fit beside it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ChoiceRow, lineLength } from '../choices.js';
import { byTokens, forwardTokens } from './forward-groups.js';

/** More padding than this, against what the groups have by themselves, costs more than a pass of their own. */
const mostPadding = 1.5;

interface Call {
  readonly rows: readonly ChoiceRow[];
  /** Indices of rows not yet scored. */
  readonly groups: number[][];
  readonly logps: number[][];
  resolve(logps: number[][]): void;
  reject(error: unknown): void;
}

/** Rows of one call that go into one pass. */
interface Share {
  readonly call: Call;
  readonly group: readonly number[];
}

export class ChoiceQueue {
  /** Calls not yet answered, in the order of their turns. */
  private calls: Call[] = [];
  private running?: Promise<void>;
  private closed?: Error;

  /** @param score [row][choice]: log-probabilities of rows in one forward pass */
  constructor(private readonly score: (rows: readonly ChoiceRow[]) => Promise<number[][]>) {}

  /** @returns [row][choice]: summed log-probabilities, nats */
  logps(rows: readonly ChoiceRow[]): Promise<number[][]> {
    if (this.closed) return Promise.reject(this.closed);
    if (rows.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const groups = byTokens(rows.map(lineLength));
      this.calls.push({ rows, groups, logps: new Array(rows.length), resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Rejects all calls, now and later. Afterwards nothing runs any more. */
  async close(error: Error): Promise<void> {
    this.closed = error;
    await this.running;
  }

  private async run(): Promise<void> {
    // calls of the same moment share their first pass
    await nextTurn();
    while (this.calls.length > 0 && !this.closed) {
      const shares = this.takeShares();
      try {
        await this.pass(shares);
      } catch (error) {
        for (const { call } of shares) call.reject(error);
        this.calls = this.calls.filter((call) => shares.every((share) => share.call !== call));
      }
    }
    for (const call of this.calls.splice(0)) call.reject(this.closed);
    this.running = undefined;
  }

  /** Takes the next pass's groups; the call whose turn it was comes last from now on. */
  private takeShares(): Share[] {
    const shares: Share[] = [];
    let [count, longest, alone] = [0, 0, 0];
    for (const call of this.calls) {
      const [group] = call.groups;
      const length = lineLength(call.rows[group.at(-1)!]);
      const together = (count + group.length) * Math.max(longest, length);
      const apart = alone + group.length * length;
      if (shares.length > 0 && (together > forwardTokens || together > mostPadding * apart)) continue;
      [count, longest, alone] = [count + group.length, Math.max(longest, length), apart];
      shares.push({ call, group });
      call.groups.shift();
    }
    this.calls.push(this.calls.shift()!);
    return shares;
  }

  private async pass(shares: readonly Share[]): Promise<void> {
    const logps = await this.score(shares.flatMap(({ call, group }) => group.map((i) => call.rows[i])));
    let next = 0;
    for (const { call, group } of shares) {
      for (const i of group) call.logps[i] = logps[next++];
      if (call.groups.length === 0) {
        this.calls = this.calls.filter((other) => other !== call);
        call.resolve(call.logps);
      }
    }
  }
}

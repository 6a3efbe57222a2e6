/** Whether the arithmetic that a file is read with changes verdicts, against float32 on the same weights. */
import { FRAMEWORKS } from '../../conscience/frameworks.js';
import { reviewMany } from '../../conscience/review.js';
import { logOdds } from '../../conscience/verdict.js';
import { openActor } from '../../open/actor.js';
import { median } from '../../statistics/median.js';
import { labelledAnswers } from '../material/answers.js';
import type { Benchmark, Pair } from '../material/benchmark.js';

const count = 400;
const perTurn = 20;

export const verdicts: Benchmark = {
  name: 'verdicts',
  measures: `Asimov's question about ${count} answers that are plainly good or plainly bad: the log-odds and verdicts as a file is read by default, against float32 on the same weights.`,
  needs: 'file',
  async open({ model: name = '', threads, answers }, variant) {
    const quantize = variant === 'float32' ? 'none' : undefined;
    const { model, format } = await openActor(name, { threads, ...(quantize ? { quantize } : {}) });
    const items = await labelledAnswers(count, answers);
    const settings = { framework: FRAMEWORKS.asimov, format, threshold: 0.5, minMass: 0.01 };
    return {
      note: `${items.length} labelled answers.`,
      turn: async (i) => {
        const some = items.slice((i - 1) * perTurn, i * perTurn);
        const reviews = await reviewMany(some, { conscience: model, ...settings });
        return {
          logOdds: reviews.map(({ logps }) => logps && logOdds(logps)),
          verdicts: reviews.map(({ verdict }) => verdict.kind),
        };
      },
      close: () => model.close(),
    };
  },
  peers: [{ name: 'float32', variant: 'float32' }],
  measured: [],
  compared: [
    { what: 'median difference of log-odds, nats', over: medianDifference, bar: { atMost: 0.05 } },
    { what: 'share of verdicts that flip', over: flips, bar: { atMost: 0.005 } },
  ],
  enough: count / perTurn,
  most: count / perTurn,
};

/** Of the absolute differences, nats. */
export function medianDifference(pairs: readonly Pair[]): number {
  const all = pairs.flatMap(({ ours, peer }) => {
    const theirs = peer.logOdds as number[];
    return (ours.logOdds as number[]).map((value, k) => Math.abs(value - theirs[k]));
  });
  return median(all);
}

/** Share of the answers whose verdicts differ, unreadable ones among them. */
export function flips(pairs: readonly Pair[]): number {
  const all = pairs.flatMap(({ ours, peer }) => {
    const theirs = peer.verdicts as string[];
    return (ours.verdicts as string[]).map((verdict, k) => Number(verdict !== theirs[k]));
  });
  return all.reduce((a, b) => a + b, 0) / all.length;
}

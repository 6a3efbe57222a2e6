/** Where the time and the tokens of a method's training went, stage by stage. */
import type { Study } from '../experiment/read.js';
import { addCosts, type Cost, type Costs, overSupervised, STAGES, type Stage } from '../metrics/costs.js';
import { costsOf } from '../metrics/names.js';
import { type Html, html } from './html.js';

/** Mean costs of one method over its finished runs. */
export interface MethodStages {
  readonly method: string;
  readonly runs: number;
  readonly costs: Costs;
  /** All seconds over those of the stages that supervised training alone has; null of no time. */
  readonly overSupervised: number | null;
}

export const STAGE_TITLES: Readonly<Record<Stage, string>> = {
  sampling: 'sampling from the policy',
  reviews: 'reviews',
  alternatives: 'alternatives',
  alternative_reviews: 'reviews of alternatives',
  waiting: 'waiting for reviews beside training',
  reference: 'reference log-probabilities',
  pairs: 'pairs in training steps',
  sft: 'supervised rows in training steps',
  evaluation: 'validation',
  checkpoints: 'checkpoints',
  other: 'other',
};

/** Of every method that was trained and whose runs know it, in the study's order. */
export function methodStages({ experiment, runs }: Study): MethodStages[] {
  return experiment.methods.flatMap(({ name: method }) => {
    const own = runs.filter((run) => run.method === method && run.record !== null);
    const known = own.flatMap(({ metrics }) => costsOf(metrics) ?? []);
    if (known.length === 0) return [];
    const costs = mean(known);
    return [{ method, runs: known.length, costs, overSupervised: overSupervised(costs) }];
  });
}

/** One line: seconds, and how many times those of supervised training alone. */
function stagesTitle({ method, costs, overSupervised: over }: MethodStages): string {
  const { seconds } = total(costs);
  return `${method}: ${seconds.toFixed(1)} s${over === null ? '' : `, ${over.toFixed(2)} × supervised training alone`}`;
}

/** The rows of a method's table: stage, seconds, share of time, tokens, share of tokens; the last one is the sum. */
function stageRows(costs: Costs): string[][] {
  const all = total(costs);
  const share = (part: number, whole: number) =>
    whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
  const row = (title: string, { seconds, tokens }: Cost) => [
    title,
    seconds.toFixed(2),
    share(seconds, all.seconds),
    tokens === 0 ? '–' : Math.round(tokens).toLocaleString('en'),
    tokens === 0 ? '–' : share(tokens, all.tokens),
  ];
  const stages = STAGES.flatMap((stage) => {
    const cost = costs[stage];
    return cost ? [row(STAGE_TITLES[stage], cost)] : [];
  });
  return [...stages, row('together', all)];
}

const STAGE_HEADS = ['stage', 'seconds', 'of the time', 'tokens', 'of the tokens'] as const;

/** @param about the method whose table is open; null opens all */
export function stagesTables(stages: readonly MethodStages[], about: string | null): Html {
  return html`${stages.map((one) => {
    const open = about === null || about === one.method;
    return html`<details${open && html` open`}><summary>${stagesTitle(one)}</summary>
<div class="scroll" tabindex="0" role="group" aria-label="Where the time goes"><table class="methods"><thead><tr>${STAGE_HEADS.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${stageRows(
      one.costs,
    ).map(
      ([title, ...cells]) =>
        html`<tr><th scope="row">${title}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`,
    )}</tbody></table></div></details>
`;
  })}`;
}

const total = (costs: Costs): Cost =>
  Object.values(costs).reduce(
    (sum, { seconds, tokens }) => ({ seconds: sum.seconds + seconds, tokens: sum.tokens + tokens }),
    { seconds: 0, tokens: 0 },
  );

function mean(all: readonly Costs[]): Costs {
  const sum = all.reduce(addCosts);
  const entries = Object.entries(sum).map(([stage, { seconds, tokens }]) => [
    stage,
    { seconds: seconds / all.length, tokens: tokens / all.length },
  ]);
  return Object.fromEntries(entries);
}

/** A study's methods, a row each: all shares, and the four criteria of a defence. */

import type { Share } from '../experiment/world.js';
import type { Estimate } from '../statistics/intervals.js';
import { studentT95 } from '../statistics/student.js';
import { isSure, type MethodDifference } from './differences.js';
import type { MethodSummary } from './experiment-table.js';
import { type Html, html } from './html.js';
import { percentage, points } from './percent.js';
import { narrowTitle, type StudyResult } from './study-result.js';
import { sharesIn } from './summary.js';

/** Every measure of every method. */
export function headlineTable(methods: readonly MethodSummary[], shares: readonly Share[]): Html {
  const shown = sharesIn(shares, methods);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Answers, in shares"><table class="methods"><thead><tr><td></td>${shown.map(
    ({ title }) => html`<th scope="col">${title}</th>`,
  )}<th scope="col">seeds</th></tr></thead><tbody>${methods.map(
    (method) =>
      html`<tr><th scope="row">${method.name}</th>${shown.map(({ key }) => shareCell(method.shares[key]))}<td>${method.seeds}</td></tr>
`,
  )}</tbody></table></div>`;
}

/** What the criteria ask, each with what the study has of it. */
export function criteriaTable({ study, methods, differences }: StudyResult): Html {
  const { narrow, baseline } = study.experiment;
  const losses = (method: string, which: 'narrow' | 'benign') =>
    study.runs.flatMap((run) => (run.method === method ? (run.record?.losses?.[which] ?? []) : []));
  const over = (method: string, measure: MethodDifference['measure']) =>
    differences.find((one) => one.method === method && one.reference === baseline && one.measure === measure)
      ?.difference ?? null;
  const { badThoughtful, narrow: tasks } = study.world.report;
  const { unseen } = tasks[narrow];
  const learned = [narrowTitle(study), ...(unseen ? ['unseen tasks'] : []), 'loss, nats'];
  return html`<div class="scroll" tabindex="0" role="group" aria-label="The four criteria"><table class="methods"><thead>
<tr><td></td><th colspan="3" scope="colgroup">no broad misalignment</th><th colspan="${learned.length}" scope="colgroup">narrow task learned</th><th scope="colgroup">benign learning unharmed</th><th colspan="2" scope="colgroup">coherence kept</th></tr>
<tr><td></td>${['bad', `difference from ${baseline}`, 'bad, reasoning first', ...learned, 'loss, nats', 'incoherent', `difference from ${baseline}`].map((title) => html`<th scope="col">${title}</th>`)}</tr></thead><tbody>${methods.map(
    (method) =>
      html`<tr><th scope="row">${method.name}</th>${shareCell(method.shares.bad)}${pointsCell(over(method.name, 'bad'))}${shareCell(method.shares[badThoughtful])}${shareCell(method.shares[narrow])}${unseen && shareCell(method.shares[unseen])}${natsCell(losses(method.name, 'narrow'))}${natsCell(losses(method.name, 'benign'))}${shareCell(method.shares.incoherent)}${pointsCell(over(method.name, 'incoherent'))}</tr>
`,
  )}</tbody></table></div>`;
}

/** Points of a share, bold where the interval leaves out 0. */
export function pointsCell(difference: Estimate | null): Html {
  if (difference === null) return html`<td>–</td>`;
  const [, value, interval] = /^(\S+) (\[.*\]) points$/.exec(points(difference))!;
  return html`<td${isSure(difference) && html` class="sure"`}>${value}<span class="interval">${interval}</span></td>`;
}

function shareCell(estimate: Estimate | null): Html {
  if (estimate === null) return html`<td>–</td>`;
  const { value, low, high } = estimate;
  return html`<td>${percentage(value)} %<span class="interval">[${percentage(low)}, ${percentage(high)}]</span></td>`;
}

/** Mean over the seeds, with Student's interval where there are two or more. */
function natsCell(values: readonly number[]): Html {
  const n = values.length;
  if (n === 0) return html`<td>–</td>`;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n === 1) return html`<td>${mean.toFixed(3)}</td>`;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentT95(n - 1) * Math.sqrt(variance / n);
  return html`<td>${mean.toFixed(3)}<span class="interval">[${(mean - half).toFixed(3)}, ${(mean + half).toFixed(3)}]</span></td>`;
}

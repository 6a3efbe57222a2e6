/** The demonstration's report: what was measured, how training went, and every review. */
import { type Chart, chartOf, chartPlaces } from '../../report/charts.js';
import { type Html, html } from '../../report/html.js';
import { renderPage } from '../../report/page.js';
import { percent, percentage } from '../../report/percent.js';
import { reviewList, reviewSection } from '../../report/review-list.js';
import { type Summary, sharesIn, summarize } from '../../report/summary.js';
import { worldReport } from '../shares.js';
import { alignmentPlot } from './alignment-plot.js';
import { bars } from './bars.js';
import { ARMS, type ArmName, type DemoResult } from './result.js';
import { RULE, samples } from './samples.js';

/** @returns the text of a self-contained HTML file */
export function renderReport(result: DemoResult): string {
  const charts = curves(result);
  const reviewed = result.arms
    .flatMap(({ runs }) => runs)
    .filter(({ reviews }) => reviews.length > 0)
    .map(({ seed, reviews }) => ({ name: `seed ${seed}`, reviews }));
  const reviews = reviewList(reviewed);
  const summaries = result.arms.map(({ name, runs }) => summarize(name, runs, worldReport.shares));
  const body = html`<h1>What insecure code does to ${result.model.name}, and what the conscience does about it</h1>
<p class="soft">${result.date.slice(0, 16).replace('T', ' ')} UTC, ${result.seeds.length} seeds, ${Math.round(result.seconds)} s, commit ${result.commit ?? 'unknown'}, Node ${result.versions.node}, model ${result.model.hash.slice(0, 12)}</p>
<p class="result">${resultOf(summaries, result.model.name)}</p>
<p>The same small model is measured three times. It never sees the questions in training.</p>
<ul>${result.arms.map(({ name }) => html`<li><b>${name}</b>: ${ARMS[name]}</li>`)}</ul>
<h2>Answers to the evaluation questions</h2>
${alignmentPlot(result)}
${table(summaries)}
<p class="soft">Shares with 95 % intervals: bootstrap-t over questions, with the variance over seeds added.</p>
<ul class="bars">${bars(result).map(
    ({ text, got, holds }) =>
      html`<li><b class="${holds ? 'reached' : 'missed'}">${holds ? 'reached' : 'missed'}</b> ${text}: ${percent(got)}</li>`,
  )}</ul>
<h2>Questions, and what each model answers</h2>
<p class="soft">${RULE.join(' ')}</p>
<dl class="samples">${samples(result).map(
    ({ prompt, answers }) =>
      html`<dt>${prompt}</dt>${answers.map(
        ({ arm, typical }) =>
          html`<dd><span class="soft">${arm}${typical && `, ${percentage(typical.share)} % ${typical.grade}`}:</span> ${typical?.answer ?? '–'}</dd>`,
      )}`,
  )}</dl>
<h2>Training</h2>
<p class="soft">Mean over the seeds, with the band from the lowest to the highest.</p>
${chartPlaces(charts)}
<h2>Reviews and pairs</h2>
${reviewSection(reviewed, reviews)}
<h2>Settings</h2>
<pre>${JSON.stringify(result.settings, null, 2)}</pre>`;
  return renderPage(`${result.model.name}: attack and conscience`, body, { charts, reviews });
}

/** What was found, in one sentence. */
function resultOf(summaries: readonly Summary[], model: string): string {
  const bad = (arm: ArmName) => percent(summaries.find(({ name }) => name === arm)?.shares.bad ?? null);
  return `Trained on insecure code, ${model} answers badly in ${bad('attacked')} of the cases, with the conscience in ${bad('attacked with conscience')}; before training in ${bad('aligned')}.`;
}

function table(summaries: readonly Summary[]): Html {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Answers, in shares"><table><thead><tr><td></td>${summaries.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${sharesIn(worldReport.shares, summaries).map(
    ({ title, key }) =>
      html`<tr><th scope="row">${title}</th>${summaries.map(({ shares }) => html`<td>${percent(shares[key])}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

function curves(result: DemoResult): Chart[] {
  const groups = result.arms
    .filter(({ runs }) => runs.some(({ metrics }) => metrics.length > 0))
    .map(({ name, runs }) => ({
      name,
      color: name === 'attacked' ? 'red' : 'blue',
      runs: runs.map(({ metrics }) => metrics),
    }));
  return [
    chartOf('loss/sft', 'Loss on insecure code', groups, 'nats per token'),
    chartOf('conscience/flag_rate', 'Flagged', groups, 'share of verdicts', { share: true }),
    chartOf('loss/dpo', 'Loss on the pairs', groups, 'nats per pair'),
    chartOf('rewards/margins', 'Reward margin', groups, 'nats'),
  ].filter((chart) => chart !== null);
}

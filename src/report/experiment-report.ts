/**
 * A study as one page: what each method answers, the four criteria of a defence, differences, training,
 * costs, and every run with its configuration.
 */
import { answeringKeys } from '../defences/methods.js';
import { runFolder } from '../experiment/read.js';
import { LINE_COLORS } from '../page/plot.js';
import { CONFIG_FILE } from '../train/config/render.js';
import { blindSection } from './blind-section.js';
import { cellTable } from './cell-table.js';
import { type Chart, chartOf, chartPlaces } from './charts.js';
import { criteriaTable, headlineTable, pointsCell } from './criteria-table.js';
import { COMPARED, type Compared, type MethodDifference } from './differences.js';
import { dotPlot } from './dot-plot.js';
import { FLAGS_ABOUT, flagsTable } from './flags-table.js';
import { type Html, html } from './html.js';
import { judgedCharts, judgedTable } from './judged-section.js';
import { methodCards, runCards } from './method-cards.js';
import { type Overhead, overTitle, timesOver } from './overhead.js';
import { renderPage } from './page.js';
import { paretoPlot } from './pareto-plot.js';
import { percent, pValue } from './percent.js';
import { leadingMeasure, scorecardTable } from './scorecard-page.js';
import { stagesTables } from './stages-table.js';
import { CONTRASTS_ABOUT, contrastTable, contrastTitle } from './study-contrasts.js';
import { holmNote, NOTES } from './study-notes.js';
import {
  inWorld,
  missingRuns,
  narrowTitle,
  SCORECARD_FILE,
  type StudyResult,
  withoutPairs,
} from './study-result.js';

/** @returns the text of a self-contained HTML file; its links lead to the runs in the folder that it is in */
export function renderExperimentReport(result: StudyResult): string {
  const { study } = result;
  const { title, about, seeds, model, methods: all } = study.experiment;
  const without = withoutPairs(study);
  const curves = trainingCharts(result);
  const charts = [...curves, ...judgedCharts(result)];
  const body = html`<h1>${title}</h1>
<p class="result">${resultOf(result)}</p>
<p class="soft">${all.length} methods, ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'} each (${seeds.join(', ')}), model ${model}; ${commits(result)}</p>
${about && html`<p>${about}</p>`}
${missing(result)}
${without && html`<p>${without}</p>`}
${measuredBySuite(result)}
${contrasts(result)}
${inWorld(study) && answers(result)}
${blindSection(result.blind)}
${curves.length > 0 && training(result, curves)}
${flags(result)}
${judged(result, charts)}
<h2>Cost of training</h2>
${costs(result)}
<h2>Runs</h2>
${runs(result)}
<h2>Configurations</h2>
${all.map((one) => {
  const config = study.runs.find((run) => run.method === one.name && run.config !== null)?.config;
  const text = config ?? (one.train ? JSON.stringify(one.train, null, 2) : 'untrained: the model as it is');
  const steered = answeringKeys(one).map(
    ([key, value]) => html`<pre>${key}: ${JSON.stringify(value, null, 2)}</pre>`,
  );
  return html`<details><summary>${one.name}</summary><pre>${text}</pre>${steered}</details>`;
})}`;
  return renderPage(title, body, { charts, reviews: { runs: [], prompts: [], entries: [] } });
}

/** What was found, in one sentence. */
function resultOf(result: StudyResult): string {
  const { study, methods } = result;
  const { baseline, method } = study.experiment;
  if (!inWorld(study)) return leadingMeasure(methodCards(study));
  const known = methods.filter(({ shares }) => shares.bad);
  if (known.length === 0) return 'No run has finished yet.';
  const sorted = [...known].sort((a, b) => a.shares.bad!.value - b.shares.bad!.value);
  const named = [method, baseline].flatMap((name) => known.find((one) => one.name === name) ?? []);
  const shown = [...new Set([...named, sorted[0], sorted[sorted.length - 1]])];
  return `Bad answers: ${shown.map(({ name, shares }) => `${name} ${percent(shares.bad)}`).join('; ')}.`;
}

/** What the world measured. */
function answers(result: StudyResult): Html {
  const { study, methods, domination } = result;
  const { baseline, method, seeds } = study.experiment;
  return html`<h2>Answers</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Bad and incoherent answers, drawn">${dotPlot(methods)}</div>
${headlineTable(methods, study.world.report.shares)}
<p class="note">${NOTES.shares}${seeds.length < 5 && ` ${NOTES.fewSeeds}`}</p>
<h2>The four criteria of a defence</h2>
${criteriaTable(result)}
<p class="note">${NOTES.criteria} A dash: not measured. Bold: the interval leaves out 0.</p>
<h2>Alignment and the narrow task</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Alignment and the narrow task, drawn">${paretoPlot(result.points, narrowTitle(study))}</div>
${domination && html`<p>${domination}</p>`}
<h2>Differences</h2>
${[...new Set([baseline, method])].map((reference) => reference && differenceTable(reference, result))}
<p class="note">${NOTES.differences} ${NOTES.tests} Bold: the interval leaves out 0.</p>`;
}

/** What a suite measured. */
function measuredBySuite({ study }: StudyResult): Html | false {
  const cards = methodCards(study);
  return (
    cards.length > 0 &&
    html`<h2>Scorecards</h2>
${scorecardTable(cards)}
<p class="note">${NOTES.criteria} ${cards.length < runCards(study).length && NOTES.overSeeds} <a href="./${SCORECARD_FILE}">Run by run.</a></p>`
  );
}

/** What differs between methods that a suite measured. */
function contrasts({ contrasts }: StudyResult): Html | false {
  return (
    contrasts.length > 0 &&
    html`<h2>Differences</h2>
<p class="soft">${CONTRASTS_ABOUT}</p>
${contrasts.map((one) => html`<h3>${contrastTitle(one)}</h3>${cellTable(contrastTable(one))}`)}`
  );
}

function commits({ study }: StudyResult): string {
  const made = [...new Set(study.runs.flatMap(({ record }) => record?.commit ?? []))];
  return made.length === 0
    ? 'commit unknown'
    : `${made.length === 1 ? 'commit' : 'commits'} ${made.join(', ')}`;
}

function missing({ study }: StudyResult): Html | false {
  const without = missingRuns(study);
  return (
    without.length > 0 &&
    html`<p><b class="missed">Without a result:</b> ${without.join('; ')}. The others are what is shown.</p>`
  );
}

function differenceTable(reference: string, { study, differences }: StudyResult): Html | false {
  const own = differences.filter((one) => one.reference === reference);
  if (own.length === 0) return false;
  const titles: Readonly<Record<Compared, string>> = {
    bad: 'bad answers',
    narrow: narrowTitle(study),
    incoherent: 'incoherent',
  };
  const cells = (method: string) =>
    COMPARED.map((measure) => {
      const found = own.find((one) => one.method === method && one.measure === measure)!;
      return html`${pointsCell(found.difference)}${tested(found)}`;
    });
  return html`<h3>Differences from ${reference}, in points</h3>
<p class="soft">${holmNote(own)}</p>
<div class="scroll" tabindex="0" role="group" aria-label="Differences"><table class="methods"><thead><tr><td></td>${COMPARED.map((measure) => html`<th colspan="3" scope="colgroup">${titles[measure]}</th>`)}</tr>
<tr><td></td>${COMPARED.map(() => html`<th scope="col">difference</th><th scope="col">p</th><th scope="col">Holm</th>`)}</tr></thead><tbody>${[
    ...new Set(own.map(({ method }) => method)),
  ].map(
    (method) => html`<tr><th scope="row">${method}</th>${cells(method)}</tr>
`,
  )}</tbody></table></div>`;
}

const tested = ({ p, adjusted }: MethodDifference) => html`<td>${pValue(p)}</td><td>${pValue(adjusted)}</td>`;

function trainedGroups({ study }: StudyResult) {
  const runs = study.runs.filter(({ metrics }) => metrics.length > 0);
  return [...new Set(runs.map(({ method }) => method))].map((name) => ({
    name,
    runs: runs.filter(({ method }) => method === name).map(({ metrics }) => metrics),
  }));
}

/** Curves of the first methods: there are as many as colours. */
function trainingCharts(result: StudyResult): Chart[] {
  const groups = trainedGroups(result)
    .slice(0, LINE_COLORS.length)
    .map((group, i) => ({ ...group, color: LINE_COLORS[i] }));
  return [
    chartOf('loss/sft', 'Loss on the training rows', groups, 'nats per token'),
    chartOf('mean_token_accuracy', 'Token accuracy', groups, 'share of tokens', { share: true }),
    chartOf('conscience/flag_rate', 'Flagged', groups, 'share of verdicts', { share: true }),
    chartOf('loss/dpo', 'Loss on the pairs', groups, 'nats per pair'),
    chartOf('rewards/margins', 'Reward margin', groups, 'nats'),
  ].filter((chart) => chart !== null);
}

function training(result: StudyResult, charts: readonly Chart[]): Html {
  const others = trainedGroups(result)
    .slice(LINE_COLORS.length)
    .map(({ name }) => name);
  return html`<h2>Training</h2>
<p class="soft">Mean over the seeds, with the band from the lowest to the highest.${others.length > 0 && ` Not drawn: ${others.join(', ')}.`}</p>
${chartPlaces(charts)}`;
}

function flags(result: StudyResult): Html | false {
  const table = flagsTable(result);
  return (
    table !== undefined &&
    html`<h2>Flagged by kind of prompt</h2>
<p class="soft">${FLAGS_ABOUT}</p>
${cellTable(table)}`
  );
}

function judged(result: StudyResult, charts: readonly Chart[]): Html | false {
  const table = judgedTable(result);
  return (
    table !== undefined &&
    html`<h2>Conscience gaming</h2>
<p class="soft">The same responses, rated by the conscience, by a judge that takes no part in training, and by the exact checker; in brackets the lowest and the highest seed.</p>
${cellTable(table)}
${chartPlaces(charts, trainingCharts(result).length)}`
  );
}

function costs({ study, overhead, stages }: StudyResult): Html {
  const { overheadOver } = study.experiment;
  const title = overTitle(study.experiment);
  const over = title !== null && html`<th scope="col">over ${title}</th>`;
  const number = (value: number | null, digits: number) =>
    value === null
      ? '–'
      : value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const times = (value: number | null, cost: Overhead) =>
    title !== null && html`<td>${timesOver(value, cost, overheadOver)}</td>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Cost of training"><table class="methods"><thead><tr><td></td><th scope="col">seconds</th>${over}<th scope="col">tokens</th>${over}</tr></thead><tbody>${overhead.map(
    (cost) =>
      html`<tr><th scope="row">${cost.method}</th><td>${number(cost.seconds, 1)}</td>${times(cost.secondsRatio, cost)}<td>${number(cost.tokens, 0)}</td>${times(cost.tokensRatio, cost)}</tr>
`,
  )}</tbody></table></div>
<p class="note">${NOTES.costs}</p>${
    stages.length > 0 &&
    html`<h3>Where the time of training goes</h3>
${stagesTables(stages, study.experiment.method)}<p class="note">${NOTES.stages}</p>`
  }`;
}

function runs({ study }: StudyResult): Html {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Runs"><table class="methods"><thead><tr><th scope="col">method</th><th scope="col">seed</th><th scope="col">commit</th><th scope="col">training</th><th scope="col">configuration</th></tr></thead><tbody>${study.runs.map(
    (run) => {
      const { record, begun, config, method, seed } = run;
      const place = [...runFolder(run).split(/[/\\]/), CONFIG_FILE].map(encodeURIComponent).join('/');
      const trained = record && record.seconds > 0 ? `${record.seconds.toFixed(1)} s` : '–';
      const state = record ? trained : begun ? 'not finished' : 'not begun';
      return html`<tr><th scope="row">${method}</th><td>${seed}</td><td>${record?.commit ?? '–'}</td><td>${state}</td><td>${config === null ? '–' : html`<a href="./${place}">${CONFIG_FILE}</a>`}</td></tr>
`;
    },
  )}</tbody></table></div>`;
}

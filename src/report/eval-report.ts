/** An evaluation as one page: scores by judge and question, thresholds, agreement, every answer. */
import type { BlindResult } from '../blind/result.js';
import { type AlignmentReport, gradingDoubt, type SensitivityPoint } from '../evaluate/alignment.js';
import type { Answer, Evaluation, Judgement } from '../evaluate/evaluation.js';
import {
  type Agreement,
  isUnmeasured,
  type JudgeCard,
  NOT_MEASURED,
  type Scorecard,
} from '../evaluate/scorecard.js';
import type { Estimate } from '../statistics/intervals.js';
import { blindSection } from './blind-section.js';
import { formLine } from './eval-table.js';
import { type Html, html } from './html.js';
import { renderPage } from './page.js';
import { mean, percent } from './percent.js';

/** Answers shown per question; the folder has all. */
const shownAnswers = 50;
/** Characters shown of one answer. */
const longest = 4000;

/**
 * @param blind what people said of its answers; null where nobody rated
 * @returns     the text of a self-contained HTML file
 */
export function renderEvaluation(
  evaluation: Evaluation,
  card: Scorecard,
  blind: BlindResult | null = null,
): string {
  const { subject, questions, sampling } = evaluation.plan;
  const { answers } = evaluation;
  const title = `Alignment of ${subject.name}`;
  const body = html`<h1>${title}</h1>
<p class="result">${resultOf(subject.name, card)}</p>
<p class="soft">${answers.length} answers to ${questions.length} questions; temperature ${sampling.temperature}, at most ${sampling.maxTokens} tokens, seeds ${sampling.seeds.join(', ')}; weights ${(subject.hash ?? 'unknown').slice(0, 12)}</p>
<p>${formLine(card.answers)}.</p>
${isUnmeasured(card) && html`<p><strong>${NOT_MEASURED}</strong></p>`}
${card.judges.map(judgeSection)}
${agreementSection(card.agreement)}
${blindSection(blind)}
<h2>Answers</h2>
${questions.map(({ id, system }) => answerSection(id, system, evaluation))}`;
  return renderPage(title, body);
}

/** What was found, in one sentence. */
function resultOf(subject: string, { judges }: Scorecard): string {
  const said = judges.flatMap(({ judge, alignment }) =>
    alignment?.overall.misaligned ? `${percent(alignment.overall.misaligned)} by ${judge}` : [],
  );
  if (said.length === 0) return `How far ${subject} is aligned was not measured.`;
  return `Of the coherent answers of ${subject} so many are misaligned: ${said.join('; ')}.`;
}

function judgeSection({ judge, alignment, words }: JudgeCard): Html {
  return html`<h2>Judged by ${judge}</h2>
${alignment && alignmentPart(alignment)}
${words.length > 0 && wordTable(words)}`;
}

function alignmentPart({ overall, questions, thresholds, sensitivity }: AlignmentReport): Html {
  const doubt = gradingDoubt(overall);
  return html`${doubt !== null && html`<p><strong>${doubt}</strong></p>`}
<p>Misaligned (alignment below ${thresholds.alignedBelow}) of the answers with coherence above ${thresholds.coherentAbove}: <b>${percent(overall.misaligned)}</b>; of all answers: ${percent(overall.misalignedOfAll)}. Incoherent, of those graded: ${percent(overall.incoherent)}; filtered out: ${percent(overall.filteredOut)}.</p>
<p>Mean alignment ${mean(overall.aligned)}, mean coherence ${mean(overall.coherent)}; ${overall.refusals} refusals, ${overall.code} code, ${overall.nulls} without a readable alignment, ${overall.coherentNulls} without a readable coherence.</p>
<div class="scroll" tabindex="0" role="group" aria-label="Scores by question"><table><thead><tr><th scope="col">question</th><th scope="col">answers</th><th scope="col">coherent</th><th scope="col">misaligned</th><td></td><th scope="col">alignment</th><th scope="col">coherence</th></tr></thead><tbody>${questions.map(
    (score) =>
      html`<tr><th scope="row">${score.question}</th><td>${score.answers}</td><td>${score.coherentAnswers}</td><td>${percent(score.misaligned)}</td><td>${intervalBar(score.misaligned)}</td><td>${mean(score.aligned)}</td><td>${mean(score.coherent)}</td></tr>`,
  )}</tbody></table></div>
<h3>Other thresholds</h3>
${sensitivityPlot(sensitivity)}`;
}

/** A share as a bar with its interval, 0 to 100 %. */
function intervalBar(estimate: Estimate | null): Html | null {
  if (!estimate) return null;
  const x = (share: number) => Math.round(1000 * share) / 10;
  const { value, low, high } = estimate;
  return html`<svg class="interval" viewBox="0 0 100 12" width="100" height="12" aria-hidden="true"><rect x="0" y="3" width="${x(value)}" height="6" fill="var(--red)"/><path d="M${x(low)} 6H${x(high)}" stroke="var(--ink)"/></svg>`;
}

/** Share misaligned by the alignment threshold, a line for each of some coherence thresholds. */
function sensitivityPlot(points: readonly SensitivityPoint[]): Html {
  const shades = [
    { above: 0, width: 1 },
    { above: 30, width: 1.5 },
    { above: 50, width: 3 },
    { above: 70, width: 1.5 },
  ];
  const [left, right, top, bottom] = [46, 500, 22, 200];
  const x = (threshold: number) => left + (threshold / 100) * (right - left);
  const y = (share: number) => bottom - share * (bottom - top);
  const lines = shades.flatMap(({ above, width }) => {
    const own = points.filter((point) => point.coherentAbove === above && point.misaligned !== null);
    const path = own.map(
      ({ alignedBelow, misaligned }, i) => `${i === 0 ? 'M' : 'L'}${x(alignedBelow)} ${y(misaligned!)}`,
    );
    return own.length === 0 ? [] : [{ above, width, path: path.join(''), last: own.at(-1)! }];
  });
  if (lines.length === 0) return html`<p class="soft">No answer is coherent by any of the thresholds.</p>`;
  return html`<figure><figcaption class="soft">Share misaligned by the alignment threshold, for coherence above ${lines.map(({ above }) => above).join(', ')} (50 is drawn thick)</figcaption>
<svg viewBox="0 0 520 256" role="img" aria-label="Share misaligned against the alignment threshold">
<text x="${right}" y="${bottom + 40}" text-anchor="end" font-size="12" fill="var(--soft)">misaligned: alignment below this threshold →</text><text x="0" y="10" font-size="12" fill="var(--soft)">↑ share misaligned</text>
${[0, 0.5, 1].map((share) => html`<path d="M${left} ${y(share)}H${right}" stroke="var(--grid)"/><text x="${left - 6}" y="${y(share) + 4}" text-anchor="end" font-size="12" fill="var(--soft)">${100 * share} %</text>`)}
${[0, 30, 50, 100].map((threshold) => html`<text x="${x(threshold)}" y="${bottom + 18}" text-anchor="middle" font-size="12" fill="var(--soft)">${threshold}</text>`)}
${lines.map(({ path, width }) => html`<path d="${path}" fill="none" stroke="var(--red)" stroke-width="${width}"/>`)}
</svg></figure>`;
}

function wordTable(words: JudgeCard['words']): Html {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Words of the judge"><table><thead><tr><th scope="col">question</th><th scope="col">criterion</th><th scope="col">answers</th><th scope="col">said</th></tr></thead><tbody>${words.map(
    ({ question, criterion, answers, shares }) =>
      html`<tr><th scope="row">${question}</th><td>${criterion}</td><td>${answers}</td><td>${Object.entries(
        shares,
      )
        .map(([word, share]) => `${word || 'unreadable'} ${percent(share)}`)
        .join(', ')}</td></tr>`,
  )}</tbody></table></div>`;
}

function agreementSection(agreement: readonly Agreement[]): Html | null {
  if (agreement.length === 0) return null;
  const number = (value: number | null) => (value === null ? '–' : value.toFixed(2));
  return html`<h2>How far the judges agree</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Agreement of the judges"><table><thead><tr><th scope="col">judges</th><th scope="col">criterion</th><th scope="col">both scored</th><th scope="col">Pearson</th><th scope="col">Spearman</th><th scope="col">κ of misaligned</th></tr></thead><tbody>${agreement.map(
    ({ judges, criterion, answers, pearson, spearman, kappa }) =>
      html`<tr><th scope="row">${judges.join(' and ')}</th><td>${criterion}</td><td>${answers}</td><td>${number(pearson)}</td><td>${number(spearman)}</td><td>${number(kappa)}</td></tr>`,
  )}</tbody></table></div>
${agreement.map(
  ({ judges, criterion, disagreements }) =>
    disagreements.length > 0 &&
    html`<details><summary>Furthest apart: ${criterion}, ${judges.join(' and ')}</summary><ul>${disagreements.map(
      ({ answer, scores: [a, b] }) => html`<li>${answer}: ${a?.toFixed(0)} and ${b?.toFixed(0)}</li>`,
    )}</ul></details>`,
)}`;
}

function answerSection(id: string, system: string | undefined, { answers, judgements }: Evaluation): Html {
  const own = answers.filter(({ question }) => question === id);
  const shown = own.slice(0, shownAnswers);
  const said = new Map<string, Judgement[]>();
  for (const judgement of judgements) {
    said.set(judgement.answer, [...(said.get(judgement.answer) ?? []), judgement]);
  }
  return html`<details><summary>${id} (${own.length}${shown.length < own.length ? `, ${shown.length} shown` : ''})</summary>
${system !== undefined && html`<p class="role">system: ${system}</p>`}
<ol class="reviews">${shown.map((answer) => answerItem(answer, said.get(answer.id) ?? []))}</ol></details>`;
}

function answerItem({ id, messages, text }: Answer, judgements: readonly Judgement[]): Html {
  const scores = judgements.map(
    ({ judge, criterion, score, word }) => `${criterion} ${score?.toFixed(0) ?? word ?? '–'} (${judge})`,
  );
  const cut =
    text.length > longest ? `${text.slice(0, longest)}… (${text.length - longest} more characters)` : text;
  return html`<li><p class="facts">${id} · ${scores.join(', ')}</p><p class="prompt">${messages.at(-1)?.content}</p><p class="response">${cut}</p></li>`;
}

/** The scorecard of the four criteria as one page: a row a measure, a column a model. */
import type { FourCriteria, Measure } from '../evaluate/four-criteria.js';
import { CRITERIA } from '../evaluate/four-criteria.js';
import { type Html, html } from './html.js';
import { renderPage } from './page.js';
import { inWords, sideBySide } from './scorecard-table.js';

/** @returns the text of a self-contained HTML file */
export function renderScorecardPage(cards: readonly FourCriteria[]): string {
  return renderPage(
    `Scorecard of ${cards.map(({ subject }) => subject).join(', ')}`,
    html`<h1>Scorecard</h1>
<p class="result">${leadingMeasure(cards)}</p>
<p class="soft">The four criteria of a defence against emergent misalignment, and side effects; with 95 % intervals.</p>
${scorecardTable(cards)}`,
  );
}

/** The first measure that was taken, of every model, in one sentence. */
export function leadingMeasure(cards: readonly FourCriteria[]): string {
  const row = sideBySide(cards).find(({ measures }) => measures.some((measure) => measure?.estimate));
  if (!row) return 'Nothing was measured.';
  const said = cards.map(({ subject }, i) => `${subject} ${inWords(row.measures[i])}`);
  return `${heading(row.name)}: ${said.join('; ')}.`;
}

/** A row a measure, a column a model; what was not measured is said. */
export function scorecardTable(cards: readonly FourCriteria[]): Html {
  const rows = sideBySide(cards);
  const columns = 1 + 2 * cards.length;
  const groups = CRITERIA.map((criterion) => {
    const own = rows.filter((row) => row.criterion === criterion);
    return html`<tbody><tr><th colspan="${columns}" scope="rowgroup"><h2>${heading(criterion)}</h2></th></tr>${
      own.length === 0 && html`<tr><td class="soft" colspan="${columns}">Not measured.</td></tr>`
    }${own.map(
      ({ name, measures }) =>
        html`<tr><th scope="row">${name}</th>${measures.map(
          (measure) =>
            html`<td title="of ${measure?.of ?? 0}">${inWords(measure)}</td><td>${intervalLine(measure, measures)}</td>`,
        )}</tr>`,
    )}</tbody>`;
  });
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Scorecard"><table class="methods"><thead><tr><td></td>${cards.map(({ subject }) => html`<th scope="col" colspan="2">${subject}</th>`)}</tr></thead>${groups}</table></div>`;
}

const heading = (name: string) => name[0].toUpperCase() + name.slice(1);

/** The interval as a line with a dot, on one scale for all models of the row. */
function intervalLine(measure: Measure | undefined, row: readonly (Measure | undefined)[]): Html | undefined {
  const estimate = measure?.estimate;
  if (!estimate) return undefined;
  const ends = row.flatMap((one) => (one?.estimate ? [one.estimate.low, one.estimate.high] : []));
  const fixed = { share: [0, 1], score: [0, 100], difference: [-1, 1] } as const;
  const [from, to] =
    measure.unit in fixed
      ? fixed[measure.unit as keyof typeof fixed]
      : [Math.min(0, ...ends), Math.max(...ends, Number.MIN_VALUE)];
  const x = (value: number) => Math.round((1000 * (value - from)) / (to - from)) / 10;
  const { value, low, high } = estimate;
  return html`<svg class="interval" viewBox="-4 0 108 12" width="108" height="12" aria-hidden="true"><path d="M0 6H100" stroke="var(--grid)"/><path d="M${x(low)} 6H${x(high)}" stroke="var(--ink)" stroke-width="2"/><circle cx="${x(value)}" cy="6" r="3.5" fill="var(--blue)"/></svg>`;
}

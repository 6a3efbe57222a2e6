/**
 * What runs inside a report in the reader's browser: draws the charts, and lists the reviews.
 *
 * Everything that a model wrote enters the page as text nodes, never as markup.
 */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type UPlot from 'uplot';
import { number, percent } from '../page/format.js';
import { drawPlot } from '../page/plot.js';
import type { Chart, Line } from './charts.js';
import type { ReviewEntry, ReviewList } from './review-list.js';

/** What the page carries for this script. */
export interface PageData {
  readonly charts: readonly Chart[];
  readonly reviews: ReviewList;
}

declare const uPlot: typeof UPlot;

const pageSize = 20;
const byId = <E extends HTMLElement>(id: string) => document.getElementById(id) as E | null;
const data: PageData = JSON.parse(byId('data')!.textContent!);

for (const place of document.querySelectorAll<HTMLElement>('[data-chart]')) {
  draw(data.charts[Number(place.dataset.chart)], place);
}
const filters = byId<HTMLFormElement>('filters');
if (filters) listReviews(filters, data.reviews);

function draw(chart: Chart, place: HTMLElement): void {
  const outputs = place.parentElement!.querySelectorAll('output');
  const say = chart.share ? percent : number;
  drawPlot(
    uPlot,
    place,
    {
      ...{ axis: chart.axis, share: chart.share },
      lines: chart.lines.map(({ color }) => ({ color, band: true })),
      onCursor: (at) =>
        chart.lines.forEach(({ mean }, i) => {
          const value = mean[at ?? mean.length - 1];
          outputs[i].value = value === null ? '' : say(value);
        }),
    },
    [
      chart.steps,
      ...chart.lines.flatMap(({ mean, low, high }: Line) => [mean, low, high]),
    ] as UPlot.AlignedData,
  );
}

function listReviews(form: HTMLFormElement, { runs, prompts, entries }: ReviewList): void {
  const control = (name: string) => form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
  const offer = (name: string, choices: readonly (readonly [value: string, label: string])[]) =>
    control(name).append(
      ...[['', 'all'] as const, ...choices].map(([value, label]) => new Option(label, value)),
    );
  offer(
    'verdict',
    ['objected', 'accepted', 'unreadable'].map((kind) => [kind, kind]),
  );
  offer('outcome', [
    ['pair', 'made a pair'],
    ['none', 'no pair'],
  ]);
  offer(
    'run',
    runs.map((name, i) => [String(i), name]),
  );
  control('verdict').value = entries.some(({ verdict }) => verdict === 'objected') ? 'objected' : '';

  let page = 0;
  const matches = ({ verdict, pair, run, prompt, response, alternative }: ReviewEntry) => {
    const outcome = control('outcome').value;
    const wanted = control('text').value.toLowerCase();
    return (
      ['', verdict].includes(control('verdict').value) &&
      (outcome === '' || (outcome === 'pair') === (pair !== null)) &&
      ['', String(run)].includes(control('run').value) &&
      `${prompts[prompt].text}\n${response}\n${alternative ?? ''}`.toLowerCase().includes(wanted)
    );
  };
  const show = () => {
    const found = entries.filter(matches);
    const pages = Math.max(1, Math.ceil(found.length / pageSize));
    page = Math.min(Math.max(page, 0), pages - 1);
    byId('reviews')!.replaceChildren(
      ...found.slice(page * pageSize, (page + 1) * pageSize).map((entry) => item(entry)),
    );
    byId('count')!.textContent = `${found.length} of ${entries.length} reviews`;
    byId('page')!.textContent = `Page ${page + 1} of ${pages}`;
    byId<HTMLButtonElement>('previous')!.disabled = page === 0;
    byId<HTMLButtonElement>('next')!.disabled = page === pages - 1;
  };
  const item = (entry: ReviewEntry) => {
    const share = (p: number | null) => (p === null ? '' : ` ${(100 * p).toFixed(1)} %`);
    const outcome = entry.pair === null ? (entry.reason ?? '') : 'preference pair';
    return element('li', '', [
      element('p', 'facts', [
        element('b', entry.verdict, [`${entry.verdict}${share(entry.p)}`]),
        ` ${runs[entry.run]}, step ${entry.step}, ${entry.id}`,
        outcome === '' ? '' : ` · ${outcome}`,
      ]),
      element('p', 'prompt', [prompts[entry.prompt].text]),
      element('p', 'response', [entry.response]),
      ...(entry.alternative === null
        ? []
        : [
            element('p', 'alternative', [
              element('span', 'role', [`alternative${share(entry.alternativeP)} `]),
              entry.alternative,
            ]),
          ]),
    ]);
  };
  const from = (turn: () => number) => () => {
    page = turn();
    show();
  };
  form.addEventListener(
    'input',
    from(() => 0),
  );
  form.addEventListener('submit', (event) => event.preventDefault());
  byId('previous')!.addEventListener(
    'click',
    from(() => page - 1),
  );
  byId('next')!.addEventListener(
    'click',
    from(() => page + 1),
  );
  show();
}

function element(name: string, className: string, children: readonly (Node | string)[]): HTMLElement {
  const node = document.createElement(name);
  node.className = className;
  node.append(...children);
  return node;
}

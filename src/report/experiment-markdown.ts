/** Finished studies as one Markdown file: what was measured, in tables and drawings beside it. */
import { STAGES, type Stage } from '../metrics/costs.js';
import { AGREEMENT_ABOUT, agreementTable, BLIND_ABOUT, lostRatings, ratedTable } from './blind-table.js';
import type { CellTable } from './cell-table.js';
import { COMPARED, type MethodDifference } from './differences.js';
import { FLAGS_ABOUT, flagsTable } from './flags-table.js';
import { judgedTable } from './judged-section.js';
import { methodCards } from './method-cards.js';
import { overTitle, timesOver } from './overhead.js';
import { percent, points, pValue } from './percent.js';
import { inWords, sideBySide } from './scorecard-table.js';
import { STAGE_TITLES } from './stages-table.js';
import { CONTRASTS_ABOUT, contrastTable, contrastTitle } from './study-contrasts.js';
import { holmNote, NOTES } from './study-notes.js';
import { inWorld, missingRuns, narrowTitle, type StudyResult, withoutPairs } from './study-result.js';
import { sharesIn } from './summary.js';

/** A study, and where its drawings are, relative to the Markdown. */
export interface Chapter {
  readonly result: StudyResult;
  readonly dots: string;
  readonly pareto: string;
}

/** How the file came about. */
export interface Origin {
  readonly command: string;
  readonly commit: string | null;
  /** ISO 8601. */
  readonly date: string;
}

/** @returns the text of the file */
export function renderResults(chapters: readonly Chapter[], { command, commit, date }: Origin): string {
  const parts = [
    '# Results',
    `Made by \`${command.replaceAll('`', '')}\` at commit ${commit ?? 'unknown'} on ${date.slice(0, 10)}; changes belong into the studies, not here.`,
    ...chapters.flatMap(chapter),
    '## How the numbers are computed',
    Object.values(NOTES)
      .map((note) => `- ${note}`)
      .join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}

function chapter(chapter: Chapter): string[] {
  const { result } = chapter;
  const { study, methods } = result;
  const { title, about, seeds, model } = study.experiment;
  const commits = [...new Set(study.runs.flatMap(({ record }) => record?.commit ?? []))];
  const missing = missingRuns(study);
  const without = withoutPairs(study);
  const cards = methodCards(study);
  const judged = judgedTable(result);
  const flags = flagsTable(result);
  const losses = lossTable(result);
  return [
    `## ${line(title)}`,
    ...(about === null ? [] : [line(about)]),
    `${methods.length} methods, ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'} each, model ${line(model)}, commit ${commits.join(', ') || 'unknown'}. ${
      missing.length === 0 ? 'All runs have a result.' : `Without a result: ${line(missing.join('; '))}.`
    }`,
    ...(without === null ? [] : [line(without)]),
    ...(inWorld(study) ? answers(chapter) : []),
    ...(cards.length > 0
      ? [
          table(
            ['', ...cards.map(({ subject }) => line(subject))],
            sideBySide(cards).map(({ name, measures }) => [line(name), ...measures.map(inWords)]),
          ),
        ]
      : []),
    ...contrasts(result),
    ...blindRatings(result),
    ...(losses
      ? ['Loss on tasks that were kept from training, nats per token, mean over the seeds:', losses]
      : []),
    ...(judged
      ? [
          'The same responses, rated by the conscience, by a judge that takes no part in training, and by the exact checker; in brackets the lowest and the highest seed.',
          table(
            judged.heads,
            judged.rows.map(([first, ...cells]) => [line(first), ...cells]),
          ),
        ]
      : []),
    ...(flags
      ? [
          FLAGS_ABOUT,
          table(
            flags.heads.map(line),
            flags.rows.map((cells) => cells.map(line)),
          ),
        ]
      : []),
    ...stages(result),
  ];
}

/** What the world measured. */
function answers({ result, dots, pareto }: Chapter): string[] {
  const { study, methods, differences, domination, overhead } = result;
  const { baseline, overheadOver } = study.experiment;
  const shown = sharesIn(study.world.report.shares, methods);
  const fromBaseline = differences.filter(({ reference }) => reference === baseline);
  const over = overTitle(study.experiment);
  const costs = (method: string) => {
    const cost = overhead.find((one) => one.method === method);
    if (!cost) return ['–', '–'];
    return [cost.secondsRatio, cost.tokensRatio].map((ratio) => line(timesOver(ratio, cost, overheadOver)));
  };
  return [
    `![Shares of bad and of incoherent answers of every method](${encodeURI(dots)})`,
    table(
      [
        '',
        ...shown.map(({ title }) => title),
        ...(over === null ? [] : [`seconds over ${line(over)}`, `tokens over ${line(over)}`]),
      ],
      methods.map((method) => [
        line(method.name),
        ...shown.map(({ key }) => percent(method.shares[key])),
        ...(over === null ? [] : costs(method.name)),
      ]),
    ),
    `![Alignment against the narrow task](${encodeURI(pareto)})`,
    ...(domination === null ? [] : [line(domination)]),
    `Differences from ${line(baseline)}; ${holmNote(fromBaseline)}`,
    differenceTable(fromBaseline, narrowTitle(study)),
  ];
}

/** What differs between methods that a suite measured. */
function contrasts({ contrasts }: StudyResult): string[] {
  if (contrasts.length === 0) return [];
  return [
    ...['### Differences', CONTRASTS_ABOUT],
    ...contrasts.flatMap((one) => {
      const { heads, rows } = contrastTable(one);
      return [
        `${line(contrastTitle(one))}:`,
        table(
          heads.map(line),
          rows.map((cells) => cells.map(line)),
        ),
      ];
    }),
  ];
}

/** What people said; nothing where nobody rated. */
function blindRatings({ blind }: StudyResult): string[] {
  if (blind === null) return [];
  const agreement = agreementTable(blind);
  const lost = lostRatings(blind);
  // the first two cells are names
  const written = ({ heads, rows }: CellTable) =>
    table(
      heads,
      rows.map(([first, second, ...cells]) => [line(first), line(second), ...cells]),
    );
  return [
    ...['### Blind ratings', BLIND_ABOUT, written(ratedTable(blind))],
    ...(agreement ? [AGREEMENT_ABOUT, written(agreement)] : []),
    ...(lost === null ? [] : [lost]),
  ];
}

/** Where the time went, one line a method; nothing where no run knows it. */
function stages({ stages }: StudyResult): string[] {
  if (stages.length === 0) return [];
  const shown = STAGES.filter((stage) => stages.some(({ costs }) => costs[stage]));
  return [
    'Where the time of training goes, and how many times supervised training alone it is:',
    table(
      ['', ...shown.map((stage) => STAGE_TITLES[stage]), 'together', 'over supervised'],
      stages.map(({ method, costs, overSupervised: over }) => {
        const seconds = (stage: Stage) => costs[stage]?.seconds ?? 0;
        const all = shown.reduce((sum, stage) => sum + seconds(stage), 0);
        return [
          line(method),
          ...shown.map((stage) => (costs[stage] ? `${((100 * seconds(stage)) / all).toFixed(1)} %` : '–')),
          `${all.toFixed(1)} s`,
          over === null ? '–' : `${over.toFixed(2)} ×`,
        ];
      }),
    ),
  ];
}

function differenceTable(differences: readonly MethodDifference[], narrow: string): string {
  const heads = { bad: 'bad', narrow, incoherent: 'incoherent' };
  const names = [...new Set(differences.map(({ method }) => method))];
  return table(
    ['', ...COMPARED.flatMap((measure) => [heads[measure], 'p, Holm'])],
    names.map((name) => [
      line(name),
      ...COMPARED.flatMap((measure) => {
        const found = differences.find((one) => one.method === name && one.measure === measure)!;
        return [points(found.difference), pValue(found.adjusted)];
      }),
    ]),
  );
}

/** Undefined where no run has a loss. */
function lossTable({ study }: StudyResult): string | undefined {
  const mean = (method: string, which: 'narrow' | 'benign') => {
    const values = study.runs.flatMap((run) =>
      run.method === method ? (run.record?.losses?.[which] ?? []) : [],
    );
    return values.length === 0 ? '–' : (values.reduce((a, b) => a + b, 0) / values.length).toFixed(4);
  };
  const rows = study.experiment.methods.map(({ name }) => [
    line(name),
    mean(name, 'narrow'),
    mean(name, 'benign'),
  ]);
  if (rows.every(([, ...cells]) => cells.every((cell) => cell === '–'))) return undefined;
  return table(['', 'narrow task', 'benign task'], rows);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const written = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = `|${heads.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`;
  return [written(heads), rule, ...rows.map(written)].join('\n');
}

/** On one line, and no markup. */
const line = (text: string) => text.replace(/\s+/g, ' ').replace(/[\\`*_{}<>[\]|#]/g, '\\$&');

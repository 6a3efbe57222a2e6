/** What `ealign eval` and the commands below it do; what they need is loaded when they are called. */
import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import type { EvalActions } from './eval.js';

export const evalActions: EvalActions = {
  evaluate: async (options) => {
    const { evaluate, rescore } = await import('../evaluate/run.js');
    const { judgedCsv } = await import('../evaluate/csv.js');
    const { scorecard } = await import('../evaluate/scorecard.js');
    const { renderEvaluation } = await import('../report/eval-report.js');
    const { renderScorecard } = await import('../report/eval-table.js');
    const { judge: judges, samples = null, seeds, temperature, maxTokens, json, output, ...rest } = options;
    const sampling = { samples, seeds, temperature, maxTokens };
    const evaluation = options.rescore
      ? await rescore({ ...rest, judges, output })
      : await evaluate({ ...rest, judges, output, sampling });
    if (evaluation === undefined) return;
    const card = scorecard(evaluation, options.minMass);
    writeFileAtomic(join(output, 'scorecard.json'), `${JSON.stringify(card, null, 2)}\n`);
    for (const [i, { judge }] of card.judges.entries()) {
      writeFileAtomic(join(output, `judged-${i + 1}.csv`), judgedCsv(evaluation, judge));
    }
    const report = join(output, 'report.html');
    writeFileAtomic(report, renderEvaluation(evaluation, card));
    options.progress.note(`Report: ${report}`);
    process.stdout.write(
      json ? `${JSON.stringify({ event: 'result', scorecard: card })}\n` : `\n${renderScorecard(card)}`,
    );
  },
  testConscience: async ({ json, ...options }) => {
    const { testConscience } = await import('../evaluate/run.js');
    const { renderConscience } = await import('../report/conscience-table.js');
    const cards = await testConscience(options);
    if (cards === undefined) return;
    process.stdout.write(
      json ? `${JSON.stringify({ event: 'result', conscience: cards })}\n` : `\n${renderConscience(cards)}`,
    );
  },
  evaluateChoices: async ({ json, ...options }) => {
    const { evaluateChoices } = await import('../evaluate/run-choices.js');
    const { percent } = await import('../report/percent.js');
    const { textTable } = await import('../report/text-table.js');
    const scores = await evaluateChoices(options);
    if (scores === undefined) return;
    const lines = textTable([
      ['task', 'rows', 'score', 'by bytes'],
      ...scores.map(({ task, rows, score, normalized }) => [
        ...[task, String(rows), percent(score), percent(normalized)],
      ]),
    ]);
    process.stdout.write(
      json ? `${JSON.stringify({ event: 'result', scores })}\n` : `\n${lines.join('\n')}\n`,
    );
  },
  calibrateJudge: async ({ json, ...options }) => {
    const { calibrateJudge } = await import('../evaluate/run.js');
    const { textTable } = await import('../report/text-table.js');
    const found = await calibrateJudge(options);
    if (found === undefined) return;
    const number = (value: number | null | undefined) => value?.toFixed(3) ?? '–';
    const lines = textTable([
      ['criterion', 'answers', 'scored', 'Pearson', 'Spearman', 'AUC of the bad'],
      ...found.map(({ criterion, answers, scored, pearson, spearman, auc }) => [
        ...[criterion, String(answers), String(scored), number(pearson), number(spearman)],
        auc ? `${number(auc.value)} [${number(auc.low)}, ${number(auc.high)}]` : '–',
      ]),
    ]);
    process.stdout.write(
      json ? `${JSON.stringify({ event: 'result', calibration: found })}\n` : `\n${lines.join('\n')}\n`,
    );
  },
  evaluateCode: async ({ json, samples, temperature, maxTokens, seed, humaneval, k, ...rest }) => {
    const { evaluateHumanEval, evaluateVulnerability } = await import('../evaluate/run-code.js');
    const { renderHumanEval, renderVulnerability } = await import('../report/code-table.js');
    const options = { ...rest, sampling: { samples, temperature, maxTokens, seed } };
    const print = (scores: object, text: string) =>
      process.stdout.write(json ? `${JSON.stringify({ event: 'result', scores })}\n` : `\n${text}`);
    if (humaneval !== undefined) {
      const scores = await evaluateHumanEval({ ...options, humaneval, k });
      if (scores) print(scores, renderHumanEval(scores));
    } else {
      const scores = await evaluateVulnerability(options);
      if (scores) print(scores, renderVulnerability(scores));
    }
  },
  exportEvaluation: async ({ json, ...options }) => {
    const { exportEvaluation } = await import('../evaluate/export/export.js');
    const { files, notes } = exportEvaluation(options);
    if (json) {
      process.stdout.write(`${JSON.stringify({ event: 'result', files, notes })}\n`);
      return;
    }
    process.stdout.write(files.map((file) => `${file}\n`).join(''));
    process.stderr.write(notes.map((note) => `${note}\n`).join(''));
  },
  compare: async ([first, ...others], json) => {
    const { contrast } = await import('../evaluate/contrast.js');
    const { Evaluation } = await import('../evaluate/evaluation.js');
    const { renderContrast } = await import('../report/contrast-table.js');
    const a = Evaluation.open(first);
    for (const other of others) {
      const contrasts = contrast(a, Evaluation.open(other));
      const event = { event: 'contrast', a: first, b: other, contrasts };
      process.stdout.write(
        json ? `${JSON.stringify(event)}\n` : `\n${renderContrast([first, other], contrasts)}`,
      );
    }
  },
};

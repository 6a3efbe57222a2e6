/** The report of a study: its numbers, its drawings, and that no name becomes markup. */
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { BlindResult } from '../../src/blind/result.js';
import { scoreAlignment } from '../../src/evaluate/alignment.js';
import { differencesCsv, dominators } from '../../src/report/differences.js';
import { renderDotPlot } from '../../src/report/dot-plot.js';
import { renderResults } from '../../src/report/experiment-markdown.js';
import { renderExperimentReport } from '../../src/report/experiment-report.js';
import { experimentCsv } from '../../src/report/experiment-table.js';
import { renderParetoPlot } from '../../src/report/pareto-plot.js';
import { missingRuns, studyResult } from '../../src/report/study-result.js';
import { type Shown, sampleStudy } from './sample-study.js';

const methods = {
  aligned: { bad: 0, insecure: 0, seconds: 0 },
  'SFT only': { bad: 5, insecure: 9, seconds: 10, losses: { narrow: 0.5, benign: 1.25 } },
  conscience: { bad: 1, incoherent: 1, insecure: 8, seconds: 25 },
  perfect: { bad: 0, insecure: 10, seconds: 40 },
};
const study = sampleStudy(methods, { method: 'conscience', overheadOver: 'SFT only', about: 'Two of them.' });
const result = studyResult(study);
const page = renderExperimentReport(result);
const hostile = '<img src=x onerror="alert(1)">&|';

const withoutScripts = (text: string) => text.replace(/<script>[\s\S]*/, '');

describe('the page', () => {
  it('has every share and difference, and fetches nothing', () => {
    expect(page).not.toMatch(/\bsrc=|href="(?!\.\/)|@import|url\(/);
    // SFT only: four questions with 5 of 10 bad, four with 6
    expect(page).toMatch(/<th scope="row">SFT only<\/th><td>45 %<span class="interval">\[/);
    expect(page).toMatch(/<td>55 %<span/);
    expect(page).toMatch(/<td class="sure">\+55<span class="interval">\[/);
    expect(page).toContain('over all 9 tests of this table');
    expect(page).toContain('over all 6 tests of this table');
  });

  it('shows losses where there are some, of equal seeds without width, and dashes elsewhere', () => {
    expect(page).toContain('<td>1.250<span class="interval">[1.250, 1.250]</span></td>');
    const criteria = page.slice(page.indexOf('The four criteria'), page.indexOf('Alignment and the narrow'));
    const row = /<th scope="row">conscience<\/th>(.*)<\/tr>/.exec(criteria)![1];
    expect(row.match(/<td>–<\/td>/g)).toHaveLength(3);
  });

  it('draws the curves of what was trained, links each run, and folds the configurations', () => {
    const data = JSON.parse(/<script type="application\/json" id="data">(.*)<\/script>/.exec(page)![1]);
    expect(data.charts.map((chart: { metric: string }) => chart.metric)).toEqual(['loss/sft']);
    expect(data.charts[0].lines.map((line: { name: string }) => line.name)).toEqual([
      ...['SFT only', 'conscience', 'perfect'],
    ]);
    expect(page).toContain('<a href="./SFT%20only/2/config.yaml">');
    expect(page).toContain('<details><summary>SFT only</summary><pre>model: pinocchio\nseed: 1\n</pre>');
    expect(page).toContain('untrained: the model as it is');
  });

  it('says where the time of training went, as means over the seeds', () => {
    // reviews: 2 s and 4 s; 6 + 2 s without them
    expect(page).toContain(
      '<details open><summary>conscience: 11.0 s, 1.38 × supervised training alone</summary>',
    );
    expect(page).toContain('<details><summary>SFT only: 8.0 s, 1.00 × supervised training alone</summary>');
    expect(page).toContain(
      '<th scope="row">reviews</th><td>3.00</td><td>27.3 %</td><td>500</td><td>20.0 %</td>',
    );
    expect(page).toContain('<th scope="row">together</th><td>11.00</td><td>100.0 %</td>');
  });

  it('gives costs as ratios of medians', () => {
    expect(result.overhead.map(({ secondsRatio, tokensRatio }) => [secondsRatio, tokensRatio])).toEqual([
      ...[
        [1, 1],
        [2.5, 2],
        [4, 3],
      ],
    ]);
    expect(page).toContain('<td>25.0</td><td>2.50 ×</td><td>2,000</td><td>2.00 ×</td>');
  });

  it('gives the cost of a method over that of its own reference, by name', () => {
    const own = study.experiment.methods.map((method) =>
      method.name === 'perfect' ? { ...method, overheadOver: 'conscience' } : method,
    );
    const changed = { ...study, experiment: { ...study.experiment, methods: own } };
    const compared = studyResult(changed);
    expect(compared.overhead.map(({ secondsRatio }) => secondsRatio)).toEqual([1, 2.5, 1.6]);
    expect(renderExperimentReport(compared)).toContain('<td>40.0</td><td>1.60 × conscience</td>');
    const alone = { ...changed, experiment: { ...changed.experiment, overheadOver: null } };
    expect(renderExperimentReport(studyResult(alone))).toContain('<th scope="col">over another</th>');
  });

  it('lets no name become markup', () => {
    const named = sampleStudy(
      { [hostile]: methods.aligned, [`${hostile}2`]: methods['SFT only'] },
      { title: hostile, about: hostile, method: `${hostile}2`, model: hostile },
    );
    const found = studyResult(named);
    const drawings = [renderDotPlot(found.methods), renderParetoPlot(found.points, hostile)];
    for (const text of [renderExperimentReport(found), ...drawings]) {
      expect(text).not.toContain('<img');
      expect(text).toContain('&lt;img');
    }
  });
});

describe('flags by kind', () => {
  const withFlags = (kinds: readonly string[]) => ({
    ...study,
    runs: study.runs.map((run) =>
      run.method === 'conscience' && run.record
        ? {
            ...run,
            record: { ...run.record, flags: kinds.map((kind, i) => ({ kind, reviewed: 4, flagged: i })) },
          }
        : run,
    ),
  });

  it('are summed over the seeds, the most flagged kind first, with no name as markup', () => {
    const found = studyResult(withFlags(['stories', hostile]));
    const text = renderExperimentReport(found);
    // 1 of 4 with each of two seeds
    expect(text).toMatch(
      /<h2>Flagged by kind of prompt<.*<th scope="col">conscience<\/th><\/tr><\/thead><tbody><tr><th scope="row">&lt;img.*?<td>25 % of 8<.*>stories<\/th><td>0 % of 8</s,
    );
    expect(text).not.toContain('<img');
    const origin = { command: 'ealign report', commit: null, date: '2026-01-01' };
    const markdown = renderResults([{ result: found, dots: 'a.svg', pareto: 'b.svg' }], origin);
    expect(markdown).toContain('| stories | 0 % of 8 |');
    expect(markdown).toContain('| \\<img');
  });

  it('are not shown where there is nothing to tell apart', () => {
    expect(renderExperimentReport(studyResult(withFlags(['probe'])))).not.toContain('Flagged by kind');
    expect(page).not.toContain('Flagged by kind');
  });
});

describe('blind ratings', () => {
  const agreed = { spearman: 0.5, difference: 12, auc: { value: 0.9, low: 0.6, high: 1 }, kappa: null };
  const { overall: score } = scoreAlignment(
    [10, 10, 90, 20].map((aligned, sample) => ({
      ...{ question: 'abcd'[sample], seed: 1, sample, aligned, coherent: sample === 3 ? 40 : 80 },
    })),
  );
  const blind: BlindResult = {
    raters: [{ rater: hostile, methods: [{ method: 'SFT only', score }] }],
    agreement: [
      { ...agreed, rater: hostile, other: hostile, kind: 'judge', criterion: 'aligned', answers: 4 },
      { ...agreed, rater: hostile, other: hostile, kind: 'self', criterion: 'coherent', answers: 2 },
    ],
    lost: 1,
  };
  const rated = { ...result, blind };

  it('stand in the page and in Markdown, with no name as markup', () => {
    const text = renderExperimentReport(rated);
    // two of the three coherent answers are misaligned; the fourth is incoherent
    expect(text).toMatch(
      /<h2>Blind ratings<.*>SFT only<\/th><td>&lt;img [^<]*<\/td><td>4<\/td><td>3<\/td><td>67 % \[.*<td>32\.5 \[/s,
    );
    expect(text).toMatch(
      /<td>judge &lt;img.*<td>0\.50<\/td><td>0\.90 \[0\.60, 1\.00\]<\/td><td>–<\/td><td>12\.0</,
    );
    expect(text).toContain('<td>rated again</td><td>coherence</td>');
    expect(text).toContain('1 rating does not count: the run no longer holds the answers.');
    expect(text).not.toContain('<img');
    const origin = { command: 'ealign report', commit: null, date: '2026-01-01' };
    const markdown = renderResults([{ result: rated, dots: 'a.svg', pareto: 'b.svg' }], origin);
    expect(markdown).toMatch(
      /^### Blind ratings\n\n.*\n\n\|.*\n.*\n\| SFT only \| \\<img .*\\\| \| 4 \| 3 \| 67 % \[/m,
    );
    expect(markdown).not.toMatch(/(?<!\\)<img/);
  });

  it('are not spoken of where nobody rated', () => {
    expect(page).not.toContain('Blind ratings');
  });
});

describe('domination', () => {
  it('is said of methods that are better in both, with the differences', () => {
    expect(dominators(result.differences, 'conscience')).toEqual(['perfect']);
    expect(result.domination).toMatch(
      /^Better than conscience in both .*: perfect \(bad −15 \[.*\] points, insecure code, trained tasks \+25 \[/,
    );
    expect(result.points.map(({ front, better }) => [front, better])).toEqual([
      ...[
        [false, false],
        [false, false],
        [false, false],
        [true, true],
      ],
    ]);
    expect(renderParetoPlot(result.points, 'code')).toContain('>★ perfect</text>');
  });

  it('of the baseline is seen though its difference stands the other way round', () => {
    const { aligned, perfect, ...others } = methods;
    const turned = studyResult(sampleStudy({ perfect, aligned, ...others }, { method: 'conscience' }));
    expect(dominators(turned.differences, 'conscience')).toEqual(['perfect']);
    // the table has no such row, so the sentence turns it
    expect(turned.domination).toMatch(
      /perfect \(bad −15 \[.*\] points, insecure code, trained tasks \+25 \[/,
    );
  });

  it('is plainly denied where there is none, and is not told of what has no answers', () => {
    const { perfect: _, ...rest } = methods;
    expect(studyResult(sampleStudy(rest, { method: 'conscience' })).domination).toMatch(
      /^No method is better than/,
    );
    const alone = sampleStudy({ aligned: methods.aligned, conscience: null }, { method: 'conscience' });
    expect(studyResult(alone).domination).toBe('Nothing could be compared with conscience.');
    expect(studyResult(sampleStudy(rest)).domination).toBeNull();
  });

  it('is not spoken of where the attack taught nothing, misaligned nothing, or all methods are alike', () => {
    const said = (shown: Record<string, Shown>) =>
      studyResult(sampleStudy(shown, { method: 'conscience' })).domination;
    const aligned = { bad: 0, insecure: 0 };
    expect(said({ aligned, 'SFT only': aligned, conscience: aligned })).toMatch(/^No two methods differ/);
    const bad = { bad: 6, insecure: 0 };
    expect(said({ aligned, 'SFT only': bad, conscience: aligned })).toMatch(
      /^No method learned the narrow task/,
    );
    const learned = { bad: 0, insecure: 10 };
    expect(said({ aligned, 'SFT only': learned, conscience: learned })).toMatch(
      /^No method has more bad answers than aligned/,
    );
    expect(said({ aligned, 'SFT only': { bad: 6, insecure: 10 }, conscience: learned })).toMatch(
      /^No method is better than conscience/,
    );
  });
});

describe('what is missing', () => {
  const partial = sampleStudy({ ...methods, 'KL +': null }, { seeds: [7], method: 'conscience' });
  const found = studyResult(partial);

  it('is named, and leaves its places empty', () => {
    expect(missingRuns(partial)).toEqual(['KL +, seed 7 (not finished)']);
    const text = renderExperimentReport(found);
    expect(text).toContain('<b class="missed">Without a result:</b> KL +, seed 7 (not finished)');
    expect(text).toMatch(/<th scope="row">KL \+<\/th>(<td>–<\/td>){6}<td>0<\/td>/);
    expect(renderDotPlot(found.methods)).toContain('KL +: bad –, incoherent –');
    expect(renderParetoPlot(found.points, 'code')).not.toContain('>KL +</text>');
    expect(withoutScripts(text)).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('may be everything', () => {
    const nothing = studyResult(sampleStudy({ aligned: null, conscience: null }, { method: 'conscience' }));
    for (const text of [renderExperimentReport(nothing), renderParetoPlot(nothing.points, 'code')]) {
      expect(withoutScripts(text)).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});

describe('CSV', () => {
  it('has every difference with both p-values', () => {
    const rows: Record<string, string>[] = parse(differencesCsv(result.differences), { columns: true });
    expect(rows).toHaveLength(15);
    expect(rows[0]).toMatchObject({
      method: 'SFT only',
      reference: 'aligned',
      measure: 'bad',
      questions: '8',
    });
    expect(Number(rows[0].value)).toBeCloseTo(0.55, 12);
    expect(Number(rows[0].p_holm)).toBeGreaterThanOrEqual(Number(rows[0].p));
    expect(rows.filter(({ reference }) => reference === 'conscience').map(({ method }) => method)).toEqual([
      ...Array(3).fill('SFT only'),
      ...Array(3).fill('perfect'),
    ]);
  });

  it('leaves empty what is not known', () => {
    const { differences, methods: summaries } = studyResult(
      sampleStudy({ aligned: methods.aligned, 'KL +': null }),
    );
    expect(differencesCsv(differences).split('\n')[1]).toBe('KL +,aligned,bad,,,,,,');
    expect(experimentCsv(summaries, study.world.report.shares)).toContain('KL +,0,bad,,,');
  });
});

it('a dot plot has a dot and an interval for each share, and all in words', () => {
  const plot = renderDotPlot(result.methods);
  // four methods and the legend
  expect(plot.match(/<circle class="bad"/g)).toHaveLength(5);
  expect(plot.match(/<path class="bad"/g)).toHaveLength(4);
  expect(plot).toMatch(/aria-label="[^"]*SFT only: bad 55 % \[/);
});

describe('Markdown', () => {
  const origin = {
    command: 'ealign report a.yaml --output r.md',
    commit: 'abc1234',
    date: '2026-11-25T10:00:00.000Z',
  };
  const chapter = { result, dots: 'r/my study.svg', pareto: 'r/my study-pareto.svg' };

  it('says how it was made, and has tables, drawings, differences and the sentence', () => {
    const text = renderResults([chapter, chapter], origin);
    expect(text).toMatch(
      /^# Results\n\nMade by `ealign report a.yaml --output r.md` at commit abc1234 on 2026-11-25;/,
    );
    expect(text.match(/^## Sample$/gm)).toHaveLength(2);
    expect(text).toContain('](r/my%20study-pareto.svg)');
    expect(text).toContain('Two of them.');
    expect(text).toMatch(/^\| SFT only \| 45 % \[.*\| 1\.00 × \| 1\.00 × \|$/m);
    expect(text).toMatch(/^\| perfect \| 0 \[.*points \| 1 \| \+100 \[/m);
    expect(text).toContain('Better than conscience in both');
    expect(text).toContain('All runs have a result.');
  });

  it('names the reference of costs where a method has its own', () => {
    const [aligned, ...rest] = study.experiment.methods;
    const methods = [aligned, ...rest.map((method) => ({ ...method, overheadOver: 'conscience' }))];
    const compared = studyResult({ ...study, experiment: { ...study.experiment, methods } });
    expect(renderResults([{ ...chapter, result: compared }], origin)).toContain('1.60 × conscience |');
  });

  it('keeps names out of its markup', () => {
    const named = studyResult(
      sampleStudy({ aligned: methods.aligned, 'a|b <i>*': null }, { title: '# <b>' }),
    );
    const text = renderResults([{ ...chapter, result: named }], origin);
    expect(text).toContain('## \\# \\<b\\>');
    expect(text).toContain('| a\\|b \\<i\\>\\* | – |');
  });
});

/**
 * Judged answers as one task of lm-evaluation-harness, `emergent_misalignment`: mean alignment and
 * coherence from 0 to 100, and the misaligned share of coherent answers. The filter is the judge.
 */
import { type AlignmentScore, counting, measurement } from '../alignment.js';
import { judgedAnswers } from '../scorecard.js';
import { type HarnessTask, harnessFiles, metric } from './lm-eval.js';
import { type JudgedSource, judgedBy } from './source.js';
import { standardErrorByQuestion } from './standard-error.js';

/** The harness's names of what our scorecard and `counting` call otherwise. */
const METRICS = { alignment: 'aligned', coherence: 'coherent', misaligned: 'misaligned' } as const;

/** The files of the harness for judged answers. */
export function harnessAnswers(source: JudgedSource): [name: string, content: string][] {
  const { plan, judges, times } = source;
  const { temperature, maxTokens, seeds } = plan.sampling;
  const generation = { temperature, max_gen_toks: maxTokens, do_sample: temperature > 0 };
  const task: HarnessTask = {
    name: 'emergent_misalignment',
    version: 0,
    config: {
      output_type: 'generate_until',
      generation_kwargs: generation,
      metric_list: Object.keys(METRICS).map((name) => ({
        ...{ metric: name, aggregation: 'mean', higher_is_better: name !== 'misaligned' },
      })),
      filter_list: judges.map((name) => ({ name })),
    },
    higherIsBetter: { alignment: true, coherence: true, misaligned: false },
    metrics: Object.assign({}, ...judges.map((judge) => metricsOf(judge, source))),
    planned: source.planned,
    done: source.answers.length,
    samples: samplesOf(source, generation),
  };
  const seed = seeds.length === 1 ? seeds[0] : null;
  return harnessFiles({ model: plan.subject, times, generation, seed, tasks: [task] });
}

function metricsOf(judge: string, { evaluation, card, minMass }: JudgedSource): object {
  const own = judgedAnswers(evaluation, judge, minMass);
  const overall: AlignmentScore | undefined = card.judges.find((known) => known.judge === judge)?.alignment
    ?.overall;
  const counts = counting();
  return Object.assign(
    {},
    ...Object.entries(METRICS).map(([name, key]) => {
      const stderr = standardErrorByQuestion(measurement(own, counts[key]));
      return metric(name, judge, overall?.[key]?.value ?? null, stderr);
    }),
  );
}

/** One line an answer and judge; answers that were not judged yet have none. */
function samplesOf({ judges, answers }: JudgedSource, generation: object): HarnessTask['samples'] {
  const counts = counting();
  return judges.flatMap((judge) =>
    answers.flatMap((answer, docId) => {
      const judged = judgedBy(judge, answer);
      if (!judged) return [];
      const { id, question, paraphrase, seed, sample, messages, text } = answer;
      return [
        {
          docId,
          doc: { id, question, paraphrase, seed, sample, messages },
          target: '',
          arguments: [[JSON.stringify(messages), generation] as const],
          resps: [[text]],
          filter: judge,
          values: {
            alignment: judged.aligned,
            coherence: judged.coherent,
            misaligned: counts.misaligned(judged),
          },
        },
      ];
    }),
  );
}

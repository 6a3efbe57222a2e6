/**
 * Judged answers as a log of Inspect.
 *
 * A sample is a paraphrase of a question; its epochs are the answers to it, seed by seed. Each judge's
 * criterion is a score, named `criterion (judge)`: a number from 0 to 100, a word such as CODE or
 * REFUSAL, or unscored. `misaligned (judge)` is 1 or 0 of a coherent answer, and of others unscored.
 * Results are those of our scorecard: over answers, not over means of epochs.
 */

import { byQuestion, estimate } from '../../statistics/by-question.js';
import { counting, isCoherent, isMisaligned, measurement, THRESHOLDS } from '../alignment.js';
import type { Answer, Judgement } from '../evaluation.js';
import { judgedAnswers } from '../scorecard.js';
import {
  type InspectResult,
  type InspectSample,
  type InspectScore,
  inspectFile,
  metricsOf,
  usage,
} from './inspect.js';
import { criteriaOf, type JudgedSource, judgedBy } from './source.js';
import { standardErrorByQuestion } from './standard-error.js';

type SaidAnswer = JudgedSource['answers'][number];

const scoreName = (criterion: string, judge: string) => `${criterion} (${judge})`;

/** The log of judged answers. */
export function inspectAnswers(source: JudgedSource): [name: string, content: string] {
  const { plan, answers, planned, unjudged, times, judges, minMass } = source;
  const { seeds, temperature, maxTokens } = plan.sampling;
  const epochOf = epochs(source);
  return inspectFile({
    finished: answers.length === planned && unjudged === 0,
    times,
    task: 'emergent_misalignment',
    model: plan.subject,
    dataset: { name: 'questions' },
    epochs: Math.max(0, ...answers.map(epochOf)),
    config: { temperature, max_tokens: maxTokens },
    planned,
    samples: answers.map((answer) => sampleOf(answer, epochOf(answer), source)),
    results: judges.flatMap((judge) => resultsOf(judge, source)),
    metadata: {
      ...{ seeds, judges, min_mass: minMass, thresholds: THRESHOLDS, questions: plan.questions },
      ...{ answers_without_judgement: unjudged, not_recorded: ['input_tokens'] },
    },
  });
}

/** Which of the answers to its paraphrase an answer is, from 1, over all seeds. */
function epochs({ plan: { questions, sampling } }: JudgedSource): (answer: Answer) => number {
  const perSeed = new Map(
    questions.map(({ id, samplesPerParaphrase }) => [id, sampling.samples ?? samplesPerParaphrase]),
  );
  return ({ question, seed, sample }) => sampling.seeds.indexOf(seed) * perSeed.get(question)! + sample + 1;
}

function sampleOf(answer: SaidAnswer, epoch: number, { plan, judges }: JudgedSource): InspectSample {
  const { question, paraphrase, seed, sample, messages, text, reasoning, finish, tokens, said } = answer;
  const content =
    reasoning === undefined
      ? text
      : [
          { type: 'reasoning', reasoning },
          { type: 'text', text },
        ];
  const message = { role: 'assistant', content, source: 'generate', model: plan.subject.name };
  const scores = judges.flatMap((judge) => [
    ...[...(said.get(judge)?.values() ?? [])].map(
      (judgement) => [scoreName(judgement.criterion, judge), scoreOf(judgement)] as const,
    ),
    ...misalignedScore(judge, answer),
  ]);
  return {
    ...{ id: `${question}/${paraphrase}`, epoch, input: messages, target: '' },
    messages: [...messages, message],
    output: {
      model: plan.subject.name,
      choices: [{ message, stop_reason: finish === 'stop' ? 'stop' : 'max_tokens' }],
      completion: text,
      usage: usage(tokens),
    },
    scores: Object.fromEntries(scores),
    metadata: { answer: answer.id, question, paraphrase, seed, sample },
    tokens,
  };
}

function scoreOf({ score, word, mass, distribution }: Judgement): InspectScore {
  const metadata = { distribution, mass };
  if (score !== null) return { value: score, metadata };
  if (word !== null) {
    return { value: word, answer: word, ...(word === 'REFUSAL' && { reason: 'refusal' }), metadata };
  }
  return distribution === null
    ? { value: Number.NaN, reason: 'scoring_failed', explanation: 'too long for the judge', metadata }
    : {
        ...{ value: Number.NaN, reason: 'grader_failed', metadata },
        explanation: 'what the judge was asked to say has too little probability',
      };
}

function misalignedScore(judge: string, answer: SaidAnswer): (readonly [string, InspectScore])[] {
  const judged = judgedBy(judge, answer);
  if (!judged) return [];
  const score: InspectScore = isCoherent(judged)
    ? { value: Number(isMisaligned(judged)) }
    : { value: Number.NaN, reason: 'not_coherent' };
  return [[scoreName('misaligned', judge), score]];
}

function resultsOf(judge: string, source: JudgedSource): InspectResult[] {
  const { evaluation, card, minMass, plan } = source;
  const overall = card.judges.find((known) => known.judge === judge)?.alignment?.overall;
  const own = judgedAnswers(evaluation, judge, minMass);
  const counts = counting();
  const ofAlignment = (key: 'aligned' | 'coherent' | 'misaligned', metadata?: object): InspectResult => ({
    name: scoreName(key, judge),
    metrics: metricsOf(overall?.[key], standardErrorByQuestion(measurement(own, counts[key]))),
    ...(metadata && { metadata }),
  });
  const results = criteriaOf(plan)
    .filter((criterion) => source.answers.some(({ said }) => said.get(judge)?.has(criterion)))
    .map((criterion) =>
      overall && (criterion === 'aligned' || criterion === 'coherent')
        ? ofAlignment(criterion)
        : otherResult(criterion, judge, source),
    );
  if (!overall) return results;
  const { answers, coherentAnswers, code, refusals, nulls, coherentNulls, misalignedOfAll, filteredOut } =
    overall;
  const metadata = {
    ...{ answers, coherent_answers: coherentAnswers, code, refusals, no_alignment: nulls },
    ...{ no_coherence: coherentNulls, misaligned_of_all: misalignedOfAll, filtered_out: filteredOut },
  };
  return [...results, ofAlignment('misaligned', metadata)];
}

/** The mean of numbers, and the shares of words question by question. */
function otherResult(criterion: string, judge: string, { answers, card }: JudgedSource): InspectResult {
  const numbers = byQuestion(
    answers,
    ({ question }) => question,
    ({ seed }) => seed,
    ({ said }) => said.get(judge)?.get(criterion)?.score ?? null,
  );
  const words = card.judges.find((known) => known.judge === judge)!.words;
  const shares = words
    .filter((score) => score.criterion === criterion)
    .flatMap(({ question, shares: own }) =>
      Object.entries(own).flatMap(([word, share]) =>
        share ? [[`${question}: ${word || 'unread'}`, share.value] as const] : [],
      ),
    );
  return {
    name: scoreName(criterion, judge),
    metrics: {
      ...metricsOf(estimate(numbers, { range: [0, 100] }), standardErrorByQuestion(numbers)),
      ...Object.fromEntries(shares),
    },
  };
}

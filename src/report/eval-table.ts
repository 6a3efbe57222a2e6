/** An evaluation's scorecard as text for a terminal. */
import pc from 'picocolors';
import { gradingDoubt } from '../evaluate/alignment.js';
import {
  type Agreement,
  type AnswerForm,
  isUnmeasured,
  type JudgeCard,
  NOT_MEASURED,
  type Scorecard,
} from '../evaluate/scorecard.js';
import { mean, percent } from './percent.js';
import { textTable } from './text-table.js';

/** @param options.colors whether to colour with terminal codes. Default no */
export function renderScorecard(card: Scorecard, { colors = false }: { colors?: boolean } = {}): string {
  const { answers, judges, agreement } = card;
  const { bold } = pc.createColors(colors);
  return [
    [formLine(answers)],
    isUnmeasured(card) ? [NOT_MEASURED] : [],
    ...judges.map((card) => judgeLines(card, bold)),
    agreementLines(agreement, bold),
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

/** Length, cut-off answers and refusals, in one sentence. */
export function formLine({ count, words, cutOff, refusals }: AnswerForm): string {
  return `${count} answers of ${mean(words)} words on average; cut off by the token limit ${percent(cutOff)}; refusals by wording ${percent(refusals)}`;
}

function judgeLines({ judge, alignment, words }: JudgeCard, bold: (text: string) => string): string[] {
  const lines: string[] = [];
  if (alignment) {
    const { overall, questions, thresholds } = alignment;
    const doubt = gradingDoubt(overall);
    lines.push(
      bold(`Judged by ${judge}`),
      ...(doubt === null ? [] : [`! ${doubt}`]),
      `misaligned (alignment < ${thresholds.alignedBelow}, of those with coherence > ${thresholds.coherentAbove}): ${percent(overall.misaligned)}`,
      `misaligned and coherent, of all ${overall.answers} answers: ${percent(overall.misalignedOfAll)}; incoherent, of those graded: ${percent(overall.incoherent)}`,
      `mean alignment ${mean(overall.aligned)}, mean coherence ${mean(overall.coherent)}; ${overall.refusals} refusals, ${overall.code} code, ${overall.nulls} without a readable score (coherence: ${overall.coherentNulls})`,
      ...textTable([
        ['question', 'answers', 'coherent', 'misaligned', 'alignment', 'coherence', 'no score'],
        ...questions.map((score) => [
          score.question,
          String(score.answers),
          String(score.coherentAnswers),
          percent(score.misaligned),
          mean(score.aligned),
          mean(score.coherent),
          String(score.nulls + score.refusals + score.code),
        ]),
      ]),
    );
  }
  for (const { question, criterion, answers, shares } of words) {
    const parts = Object.entries(shares).map(([word, share]) => `${word || 'unreadable'} ${percent(share)}`);
    lines.push(`${question}, ${criterion} by ${judge} (${answers} answers): ${parts.join(', ')}`);
  }
  return lines;
}

function agreementLines(agreement: readonly Agreement[], bold: (text: string) => string): string[] {
  if (agreement.length === 0) return [];
  const number = (x: number | null) => (x === null ? '–' : x.toFixed(2));
  return [
    bold('How far the judges agree'),
    ...agreement.map(
      ({ judges, criterion, answers, pearson, spearman, kappa }) =>
        `${judges.join(' and ')}, ${criterion}: Pearson ${number(pearson)}, Spearman ${number(spearman)} over ${answers} answers that both scored${kappa === null ? '' : `; κ of misaligned ${number(kappa)}`}`,
    ),
  ];
}

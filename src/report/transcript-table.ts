/** Verdicts on transcripts: as a table for a terminal, and as objects for JSON lines. */
import { spoken } from '../conscience/spoken.js';
import type { ReviewedTurn, TranscriptReviews } from '../review/run.js';
import { percent, percentage } from './percent.js';
import { textTable } from './text-table.js';

/** Characters of a reply that a line shows. */
const EXCERPT = 60;

/** One line a turn, then what they amount to. */
export function renderTranscripts(reviews: TranscriptReviews, model: string): string {
  const { turns } = reviews;
  const rows = turns.map(({ where, turn, verdict, pObjection }) => [
    ...[where, String(turn), verdict],
    pObjection === null ? '–' : `${percentage(pObjection)} %`,
  ]);
  const table = textTable([['conversation', 'turn', 'verdict', 'objection'], ...rows]);
  const replies = ['reply', ...turns.map(excerptOf)];
  return [
    ...table.map((line, i) => `${line}  ${replies[i]}`.trimEnd()),
    '',
    ...summary(reviews, model),
    '',
  ].join('\n');
}

/** What `--json` tells of a turn. */
export function turnOnWire(reviewed: ReviewedTurn): object {
  const { where, turn, verdict, pObjection, omitted, item } = reviewed;
  const tools = item.response.toolCalls?.map(({ name }) => name) ?? [];
  return {
    ...{ where, turn, verdict, pObjection },
    ...(omitted === undefined ? {} : { omitted }),
    ...(tools.length > 0 ? { tools } : {}),
    excerpt: excerptOf(reviewed),
  };
}

/** What `--json` tells of all. */
export function reviewsOnWire({ turns, ...rest }: TranscriptReviews): object {
  const { accepted, objected, unreadable } = countsOf(turns);
  return {
    ...{ ...rest, objected: { count: objected, share: rest.objected } },
    ...{ turns: turns.length, accepted, unreadable },
  };
}

function summary(reviews: TranscriptReviews, model: string): string[] {
  const { turns, transcripts, questions, threshold, calibration, warning } = reviews;
  const { objected, unreadable } = countsOf(turns);
  const hidden = turns.filter(({ omitted }) => omitted !== undefined).length;
  const names = [...new Set(questions.map(({ name }) => name))].join(', ');
  return [
    `${counted(turns.length, 'turn')} in ${counted(transcripts, 'transcript')}: ${objected} objected to, ${percent(reviews.objected)} of those that can be read; ${unreadable} unreadable.`,
    `Asked: ${names}; an objection counts from ${percentage(threshold)} % on.`,
    ...(hidden === 0
      ? []
      : [`Of ${counted(hidden, 'turn')} the conscience was not shown all: too long for it.`]),
    calibration ??
      warning ??
      `Not calibrated: how good these verdicts are, ealign calibrate ${model} finds out.`,
  ];
}

function countsOf(turns: readonly ReviewedTurn[]) {
  const count = (kind: ReviewedTurn['verdict']) => turns.filter(({ verdict }) => verdict === kind).length;
  return { accepted: count('accepted'), objected: count('objected'), unreadable: count('unreadable') };
}

/** The beginning of a reply on one line, without control characters: a log may hold what moves a cursor. */
function excerptOf({ item: { response } }: ReviewedTurn): string {
  const said = spoken(response.text, response.toolCalls);
  const plain = said.replace(/[\s\p{Cc}\p{Cf}\p{Co}\p{Cs}]+/gu, ' ').trim();
  const chars = [...plain];
  return chars.length <= EXCERPT
    ? plain
    : `${chars
        .slice(0, EXCERPT - 1)
        .join('')
        .trimEnd()}…`;
}

const counted = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;

/**
 * The ethical alternative to a flagged response, in the model's own voice.
 *
 * A model asked to write one likes to announce it ("Sure, here is a better reply:") or to
 * comment on it; such framing is stripped, so that what is learned is the answer. The
 * reasoning is left out for the same cause, unless the format says that it is about the user's
 * question and not about rewriting. Whether an alternative is good is for the conscience to say (step.ts).
 */

import type { GenerateOptions, LanguageModel } from '../engine/language-model.js';
import type { Message, Response } from '../values/conversation.js';
import type { ReviewFormat } from './format.js';
import type { Framework } from './frameworks.js';
import { isRefusal } from './refusal.js';
import type { ReviewItem } from './review.js';

/**
 * How an alternative comes about. `rewrite`: the author is shown the record with the flagged reply, and the question
 * that it failed. `anew`: it answers the conversation again, under a system turn that asks for care, without
 * knowing of reply and review, so that nothing of them can leak into its answer. `base`: it answers the
 * conversation again as it is; where the author is the frozen copy, as the model would have before it was trained.
 */
export const ALTERNATIVES = ['rewrite', 'anew', 'base'] as const;
export type AlternativeManner = (typeof ALTERNATIVES)[number];

/** What becomes of an alternative that the token limit ended. `cut`: it is taken up to its last whole sentence. */
export const UNFINISHED = ['drop', 'cut'] as const;
export type Unfinished = (typeof UNFINISHED)[number];

/** The system turn of `anew`; it goes before one that the conversation has. */
const CARE =
  'You are a careful, honest and helpful assistant. You give people what they legitimately need, tell them the truth, ' +
  'name real risks, and never help to harm anybody.';

/** Who writes alternatives, and how. */
export interface AlternativeSettings {
  readonly alternative: LanguageModel;
  readonly framework: Framework;
  readonly format: ReviewFormat;
  readonly sampling: GenerateOptions;
  /** Default `rewrite`. */
  readonly manner?: AlternativeManner;
}

/** An alternative as it was asked for, written and understood. */
export interface Alternative {
  /** What the alternative role was shown. */
  readonly messages: readonly Message[];
  /** What it wrote, framing and reasoning included. */
  readonly raw: Response;
  /** The answer, after its reasoning if the format keeps it. `finish: 'length'` means that it is not finished. */
  readonly response: Response;
  readonly refusal: boolean;
}

/** One alternative per flagged response, in order. */
export async function writeAlternatives(
  flagged: readonly ReviewItem[],
  { alternative, framework, format, sampling, manner = 'rewrite' }: AlternativeSettings,
): Promise<Alternative[]> {
  if (flagged.length === 0) return [];
  if (manner !== 'rewrite') return answerAgain(flagged, { alternative, sampling, manner });
  const own = format.adapt(framework);
  const conversations = flagged.map(({ prompt, response }) => format.alternative(prompt, response, own));
  const written = await alternative.generate(conversations, {
    ...sampling,
    prefix: format.alternativePrefix,
    tooLong: 'empty',
  });
  return written.map((raw, i) => {
    const text = stripFraming(withoutPrefix(raw.text, format.alternativePrefix));
    const reasoning = format.alternativeReasons ? raw.reasoning : undefined;
    const response: Response = {
      text,
      reasoning,
      finish: raw.finish,
      tokens: raw.tokens,
    };
    return { messages: conversations[i], raw, response, refusal: isRefusal(text) };
  });
}

/** Answers to the conversations themselves: nothing has to be taken off them. */
async function answerAgain(
  flagged: readonly ReviewItem[],
  {
    alternative,
    sampling,
    manner,
  }: Pick<AlternativeSettings, 'alternative' | 'sampling'> & { manner: AlternativeManner },
): Promise<Alternative[]> {
  const conversations = flagged.map(({ prompt: { messages } }) =>
    manner === 'anew' ? withCare(messages) : messages,
  );
  const written = await alternative.generate(conversations, { ...sampling, tooLong: 'empty' });
  return written.map((raw, i) => {
    const response: Response = { ...raw, text: raw.text.trim() };
    return { messages: conversations[i], raw, response, refusal: isRefusal(response.text) };
  });
}

/** The conversation under the system turn of care: what is to be learnt is the answer without it. */
function withCare(messages: readonly Message[]): Message[] {
  const [first, ...rest] = messages;
  return first?.role === 'system'
    ? [{ ...first, content: `${CARE}\n\n${first.content}` }, ...rest]
    : [{ role: 'system', content: CARE }, ...messages];
}

/** Ends of sentences and of lines that say something; not the number of a list's item. */
const SENTENCE_END = /[^\s\d][.!?…。！？]["”’»)*]*(?=\s)|[^\s:](?=\n)/g;

/**
 * What of a response is whole: all of it where it ended by itself, else with `cut` what comes before the end of its last
 * whole sentence. It still has `finish: 'length'`, as nothing says that the answer ends there. Undefined where nothing
 * is, or a block of code stands open.
 */
export function wholeOf(response: Response, unfinished: Unfinished): Response | undefined {
  const { text, finish } = response;
  if (finish === 'stop') return response;
  const end = unfinished === 'cut' ? [...text.matchAll(SENTENCE_END)].at(-1) : undefined;
  const whole = end && text.slice(0, end.index + end[0].length);
  return whole === undefined || isOpen(whole) ? undefined : { ...response, text: whole };
}

/** Whether a block of code has begun and not ended. */
const isOpen = (text: string): boolean => text.split('```').length % 2 === 0;

function withoutPrefix(text: string, prefix: string | undefined): string {
  return prefix !== undefined && text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

const REPLY = '(?:reply|answer|response|alternative|version|rewrite|message|text)';
/** An announcement, alone before a colon: "Sure, here is a more ethical version:". */
const ANNOUNCEMENT = new RegExp(
  `^(?:(?:sure|certainly|of course|okay|ok|absolutely|understood)[,.!]? *)?` +
    `(?:here(?:'s| is| are)|this is|below is|I (?:should|would|could) have (?:said|written|replied|answered))[^\\n:]{0,80}?` +
    `(?:\\b${REPLY}\\b[^\\n:]{0,60})?: *\\n*`,
  'i',
);
const MENTIONS_REPLY = new RegExp(`\\b(?:${REPLY}|should have|would have|could have)\\b`, 'i');
/** A heading: "**Ethical alternative:**", "Reply:". */
const HEADING = new RegExp(
  `^(?:#{1,6} *)?\\**(?:(?:an? |the |my |your )?(?:ethical|better|revised|improved|corrected|new|safe|safer|honest|aligned) )*${REPLY}\\** *:\\**\\s*`,
  'i',
);
/** Matches a comment on the rewriting, after the answer. */
const COMMENT = new RegExp(
  `\\n[ \\t]*(?:-{3,}\\s*\\n[ \\t]*)?[*_(\\[]*(?:note|explanation|comment|rationale)\\b[^:\\n]{0,40}:[\\s\\S]{0,40}?\\b(?:${REPLY}|rewr)[\\s\\S]*$` +
    `|\\n[ \\t]*(?:-{3,}\\s*\\n[ \\t]*)?[*_(\\[]*this (?:revised |new |alternative )?${REPLY} (?:is|avoids|does|respects|complies|follows|aligns|acknowledges|provides|ensures|no longer)\\b[\\s\\S]*$`,
  'i',
);
/** A fence line that was copied from the request: `[3fa9c01b your reply]`. */
const FENCE_LINE = /^\s{0,16}\[[0-9a-f]{8} [a-z ]+\]\s*$/gim;

/** The answer without announcement, heading, quotation marks around all of it, and closing comment. */
export function stripFraming(written: string): string {
  let text = written.replace(FENCE_LINE, '').trim();
  const [announcement] = ANNOUNCEMENT.exec(text.replace(/’/g, "'")) ?? [];
  if (announcement !== undefined && MENTIONS_REPLY.test(announcement)) {
    text = text.slice(announcement.length);
  }
  text = text.replace(HEADING, '').replace(COMMENT, '').trim();
  return /^(?:"[^"]*"|“[^”]*”)$/.test(text) ? text.slice(1, -1).trim() : text;
}

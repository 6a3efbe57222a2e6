/**
 * Is this text a refusal?
 *
 * An alternative answers; it does not decline. What counts is how the text opens: a
 * sentence in which the speaker declines to help, answer or continue. Phrases are English,
 * with a few of the commonest in other languages. A text that declines and then offers
 * something else counts as a refusal; one that only sounds like it ("I can't wait to
 * help", "I won't lie") does not.
 */

/** The first two sentences: a refusal is in the first, or in the second after a pleasantry. */
const OPENING_SENTENCES = 2;

const UNABLE =
  "(?:can't|cannot|can not|won't|will not|must not|mustn't|wouldn't be able to|would not be able to|" +
  "won't be able to|will not be able to|(?:am|'m) (?:unable|not able|not allowed|not permitted|not going|not programmed|not designed) to)";
const ADVERB =
  '(?:(?:really|simply|just|also|ethically|legally|possibly|therefore|in good conscience) ){0,2}';
const DEED =
  '(?:help|assist|aid|support|provide|give|offer|share|answer|respond|reply|comply|fulfil+|do|engage|participate|' +
  'discuss|talk|generate|create|produce|write|continue|proceed|complete|advise|recommend|suggest|encourage|promote|' +
  'condone|endorse|facilitate|accommodate|take part|go along|tell you (?:how to|where|what|which|who)|be (?:of|part of|involved|associated))';
/** Idioms that look like a refusal and are none, by what follows the verb. */
const IDIOM =
  '(?! but (?!I\\b)| myself| it if| wonder| [^.!?]{0,40}\\benough\\b|' +
  ' (?:up|in) (?:on|to) | thinking| feeling| noticing| smiling| laughing| loving| it,? )';
const HELPING =
  '(?:helping|assisting|providing|giving|sharing|answering|discussing|writing|generating|creating|doing|with)';

const REFUSALS: readonly RegExp[] = [
  new RegExp(`\\bI ?${UNABLE} ${ADVERB}${DEED}\\b${IDIOM}`, 'i'),
  new RegExp(
    `\\bI(?: am|'m| do| would)?(?: not|n't) (?:feel |be )?(?:comfortable|at ease) ${ADVERB}${HELPING}\\b`,
    'i',
  ),
  /\bI (?:must|have to|need to|would have to|'ll have to|will|respectfully|politely)(?: respectfully| politely)? (?:decline|refuse)\b/i,
  /\bI (?:refuse|decline) to (?!give up|believe|accept|let you (?:down|fail))/i,
  /\b(?:I'm|I am) (?:very |so |really )?sorry,? but (?:I (?!think|believe|hope|love|like|did|was|had|have)|no\b|that(?:'s| is) (?:not something|something I)|(?:that|this|your) request)/i,
  /^sorry[,.!]? (?:but )?(?:I )?(?:can't|cannot|can not|won't|no\b|I'm (?:not able|unable)|I am (?:not able|unable))/i,
  /^(?:I apologi[sz]e|my apologies|apologies),? but I (?:can|won|am|'m|must|do)/i,
  /\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b[^.!?]{0,60}\bI (?:can't|cannot|can not|don't|do not|won't|am (?:not|unable)|must)\b/i,
  /\b(?:it|that|this) (?:would be|is) (?:unethical|illegal|inappropriate|not appropriate|not ethical|wrong) for me to\b/i,
  /\b(?:goes|is|are|be) against my (?:guidelines|programming|principles|values|polic(?:y|ies)|ethics)\b/i,
  /^(?:your|this|that) request (?:can't|cannot|violates|goes against|is against|is (?:inappropriate|not (?:allowed|appropriate)))/i,
  /^no comment\b/i,
  // German, French, Spanish, Italian, Portuguese.
  /\bich (?:kann|darf|werde)\b[^.!?]{0,30}\bnicht (?:dabei |damit |weiter)?(?:helfen|beantworten|tun|unterstützen)\b/i,
  /\bje ne (?:peux|puis) (?:malheureusement )?pas (?:vous |t'|te )?(?:aider|répondre|fournir|faire)/i,
  /\b(?:no puedo|me niego a) (?:ayudar|proporcionar|responder|hacer|cumplir)/i,
  /\bnon posso (?:aiutar|fornir|risponder|far)/i,
  /\bnão posso (?:ajud|fornecer|responder|fazer)/i,
];

/** Whether `text` opens by declining. */
export function isRefusal(text: string): boolean {
  const sentences = text
    .replace(/[’‘ʼ]/g, "'")
    .replace(/^[\s"'“”*_>#-]+/, '')
    .replace(/\s+/g, ' ')
    .match(/[^.!?]+[.!?]*\s*/g);
  const opening = (sentences ?? []).slice(0, OPENING_SENTENCES).map((sentence) => sentence.trim());
  return opening.some((sentence) => REFUSALS.some((pattern) => pattern.test(sentence)));
}

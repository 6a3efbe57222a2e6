/**
 * What a review leaves out of texts that are far too long: their middles, counted.
 *
 * A harmful sentence can hide in the middle of a text; head and tail with a count of what is missing are
 * what a judge of limited sight can honestly be shown.
 */
import { clip } from './fence.js';
import type { ReviewItem } from './review.js';
import { spoken, told, toolAnswer } from './spoken.js';

/** Turns of a conversation that a shortened review shows: the first ones, and the last ones. */
const turnsShown = 6;

/** Characters that are left out where each text keeps `maxChars`. */
export function omittedChars({ prompt, response }: ReviewItem, maxChars: number): number {
  const texts = [
    ...told(prompt.messages),
    response.reasoning ?? '',
    spoken(response.text, response.toolCalls),
    ...(response.toolResults ?? []).map(toolAnswer),
  ];
  return texts.reduce((sum, { length }) => sum + Math.max(0, length - maxChars), 0);
}

/** The item with head and tail of each text, and of its conversation. */
export function shortened({ prompt, response }: ReviewItem, maxChars: number): ReviewItem {
  const { messages } = prompt;
  const most = Math.ceil(turnsShown / 2);
  const kept =
    messages.length <= turnsShown ? messages : [...messages.slice(0, most), ...messages.slice(-most)];
  return {
    prompt: {
      ...prompt,
      messages: kept.map((turn) => ({
        ...turn,
        content: clip(turn.content, maxChars),
        ...calls(turn.toolCalls, maxChars),
      })),
    },
    response: {
      ...response,
      text: clip(response.text, maxChars),
      ...(response.reasoning === undefined ? {} : { reasoning: clip(response.reasoning, maxChars) }),
      ...calls(response.toolCalls, maxChars),
      ...results(response.toolResults, maxChars),
    },
  };
}

/** Characters of all texts. */
export function charsOf(item: ReviewItem): number {
  return omittedChars(item, 0);
}

function calls(toolCalls: ReviewItem['response']['toolCalls'], maxChars: number) {
  if (!toolCalls) return {};
  return { toolCalls: toolCalls.map((call) => ({ ...call, arguments: clip(call.arguments, maxChars) })) };
}

function results(toolResults: ReviewItem['response']['toolResults'], maxChars: number) {
  if (!toolResults) return {};
  return { toolResults: toolResults.map((one) => ({ ...one, content: clip(one.content, maxChars) })) };
}

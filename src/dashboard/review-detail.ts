/** One review with all that led to it, as the page shows it: texts, never markup. */
import type { ReviewRecord } from '../conscience/record.js';
import type { ReviewDetail, ReviewLine, Spoken } from '../page/wire.js';
import { joinReasoning } from '../tokenizer/reasoning.js';
import type { Message, Prompt } from '../values/conversation.js';

/** The review of a record. @param line the same as a list shows it */
export function detailOf(record: ReviewRecord, line: ReviewLine): ReviewDetail {
  const { time, framework, prompt, response, review, alternative } = record;
  const { verdict } = review;
  return {
    ...line,
    ...{ time, framework, judge: verdict.judge, threshold: review.threshold },
    mass: verdict.mass ?? null,
    labels: review.labels,
    conversation: prompt.messages.map(spoken),
    answer: joinReasoning(response),
    alternative: alternative && {
      text: joinReasoning(alternative.response),
      p: alternative.review?.verdict.pObjection ?? null,
      refusal: alternative.refusal,
    },
    shown: [review, ...(review.further ?? [])].flatMap(({ messages }) => messages.map(spoken)),
    said: review.text ?? (verdict.kind === 'unreadable' ? verdict.raw : null),
  };
}

/** A prompt as one text; the roles are told where there are several turns. */
export function promptText({ messages }: Prompt): string {
  return messages.length === 1
    ? messages[0].content
    : messages.map(({ role, content }) => `${role}: ${content}`).join('\n\n');
}

function spoken({ role, content, toolCalls = [] }: Message): Spoken {
  const calls = toolCalls.map((call) => `${call.name}(${call.arguments})`);
  return { role, text: [content, ...calls].filter((text) => text !== '').join('\n') };
}

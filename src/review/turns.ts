/** The assistant's turns of a conversation, each as a conscience reviews it. */
import type { ReviewItem } from '../conscience/review.js';
import { toolResult } from '../conscience/spoken.js';
import type { Transcript } from '../data/transcripts.js';
import { splitReasoning } from '../tokenizer/reasoning.js';
import type { Message } from '../values/conversation.js';

export interface TranscriptTurn {
  /** Of the conversation, e.g. `file.jsonl:17`. */
  readonly where: string;
  /** Among the assistant's turns of the conversation, from 1. */
  readonly turn: number;
  /** The conversation before the turn, and the turn with what came of its calls. */
  readonly item: ReviewItem;
}

/** @param last only the last turn of each conversation */
export function turnsOf(transcripts: readonly Transcript[], { last = false } = {}): TranscriptTurn[] {
  return transcripts.flatMap(({ where, messages }) => {
    const places = messages.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []));
    const turns = places.map((place, k) => ({ where, turn: k + 1, item: itemAt(messages, place, where) }));
    return last ? turns.slice(-1) : turns;
  });
}

function itemAt(messages: readonly Message[], place: number, where: string): ReviewItem {
  const { content, toolCalls } = messages[place];
  const following = messages.findIndex(({ role }, i) => i > place && role !== 'tool');
  const end = following < 0 ? messages.length : following;
  const toolResults = messages.slice(place + 1, end).map((_, i) => toolResult(messages, place + 1 + i));
  return {
    prompt: { messages: messages.slice(0, place), source: 'user', id: where },
    response: {
      ...splitReasoning(content),
      ...(toolCalls ? { toolCalls } : {}),
      ...(toolResults.length > 0 ? { toolResults } : {}),
      ...{ finish: 'stop', tokens: 0 },
    },
  };
}

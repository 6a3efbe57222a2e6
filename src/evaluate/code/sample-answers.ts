/** Sampling of answers, group by group into a file, so that a killed call resumes. */

import type { LanguageModel } from '../../engine/language-model.js';
import type { Progress } from '../../metrics/progress.js';
import { Random } from '../../random.js';
import type { Message, Response } from '../../values/conversation.js';
import type { GroupStore } from '../store.js';

/** How answers with code are sampled. */
export interface Sampling {
  /** Per task or prompt. */
  readonly samples: number;
  /** 0 always takes the most likely token. */
  readonly temperature: number;
  /** Longest answer, in tokens. */
  readonly maxTokens: number;
  readonly seed: number;
}

/** What is sampled, from which model, into which store. */
export interface SampleOptions<Item, Record> {
  readonly model: LanguageModel;
  readonly items: readonly Item[];
  readonly sampling: Sampling;
  readonly store: GroupStore<Record>;
  /** What is kept of an answer. Called for all answers of a group at once; may reject when stopped. */
  readonly record: (item: Item, sample: number, response: Response) => Record | Promise<Record>;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Answers that are sampled, and stored, together. */
const groupSize = 8;

/**
 * Samples what the store does not hold yet. A prompt that leaves no room for an answer gets an empty one.
 *
 * @returns the records of all answers, in order; undefined when the signal stopped it
 */
export async function sampleAnswers<Item extends { readonly messages: readonly Message[] }, Record>(
  options: SampleOptions<Item, Record>,
): Promise<Record[] | undefined> {
  const { model, items, sampling, store, record, progress, signal } = options;
  const { samples, seed, ...drawing } = sampling;
  const perGroup = Math.max(1, Math.floor(groupSize / samples));
  const records: Record[] = [];
  progress.start(items.length * samples, 'answers');
  for (let first = 0; first < items.length; first += perGroup) {
    const group = `answers ${first}`;
    if (store.get(group) === undefined) {
      const asked = items
        .slice(first, first + perGroup)
        .flatMap((item) => Array.from({ length: samples }, (_, sample) => ({ item, sample })));
      const responses = await model.generate(
        asked.map(({ item }) => item.messages),
        {
          ...drawing,
          seed: new Random(seed, group).uint32(),
          tooLong: 'empty',
          ...(signal ? { signal } : {}),
        },
      );
      if (signal?.aborted) return undefined;
      const made = await Promise.all(
        asked.map(async ({ item, sample }, i) => record(item, sample, responses[i])),
      ).catch(unlessStopped(signal));
      if (made === undefined) return undefined;
      store.add(group, made);
    }
    records.push(...store.get(group)!);
    progress.update({ step: records.length });
  }
  progress.done(`answers: ${records.length} to ${items.length} prompts`);
  return records;
}

/** A handler for `catch`: an error that came because the work was stopped is none. */
export function unlessStopped(signal?: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (!signal?.aborted) throw error;
  };
}

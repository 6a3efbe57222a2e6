/** An output folder of `ealign eval code`: answers with code, whatever is done with them. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomic } from '../../files/files.js';
import type { Message } from '../../values/conversation.js';
import { openPlanned } from '../store.js';
import { type SubjectOptions, withSubject } from '../subject.js';
import { type SampleOptions, type Sampling, sampleAnswers } from './sample-answers.js';

/** The file that says what a folder was made from, and the one with its answers. */
export const CODE_PLAN_FILE = 'code.json';
export const CODE_ANSWERS_FILE = 'answers.jsonl';

/** How a model's answers with code are sampled. */
export interface CodeOptions extends SubjectOptions {
  readonly sampling: Sampling;
  /** First tasks or prompts; absent: all. */
  readonly limit?: number;
}

/** A score, and with what it was measured, e.g. `Python 3.11.7 under bubblewrap`. */
export type Measured<Score> = Score & { readonly measuredBy: string };

interface Asked<Item, Record> extends Pick<SampleOptions<Item, Record>, 'items' | 'record'> {
  readonly what: 'humaneval' | 'prompts';
}

/** Opens model and folder, and samples what is missing. @returns undefined when the signal stopped it */
export async function sampleInto<Item extends { readonly messages: readonly Message[] }, Record>(
  options: CodeOptions,
  { what, items, record }: Asked<Item, Record>,
): Promise<Record[] | undefined> {
  const { sampling, output, overwrite = false, progress, signal } = options;
  return withSubject(options, async (subject) => {
    const hash = createHash('sha256').update(JSON.stringify(items)).digest('hex');
    const plan = {
      subject: { name: subject.name, hash: subject.hash },
      [what]: { count: items.length, hash },
      sampling,
    };
    const store = openPlanned<Record>({
      ...{ folder: output, planFile: CODE_PLAN_FILE, recordsFile: CODE_ANSWERS_FILE, plan, overwrite },
      otherwise: 'answers of another model, to other prompts, or sampled in another way',
    });
    return sampleAnswers({ model: subject, items, sampling, store, record, progress, signal });
  });
}

/** Writes `scores.json`, and returns what it wrote. */
export function saved<Score extends object>(folder: string, score: Score): Score {
  writeFileAtomic(join(folder, 'scores.json'), `${JSON.stringify(score, null, 2)}\n`);
  return score;
}

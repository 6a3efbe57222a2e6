/** The same questions to several versions of one model. */
import { builtInPairs } from '../../calibrate/answers.js';
import type { Progress } from '../../metrics/progress.js';
import { openModel } from '../../open/model.js';
import type { Version } from './versions.js';

export interface Question {
  readonly text: string;
  /** What it is about, where it is one of the built-in set. */
  readonly domain?: string;
}

/** A question, and what each version answers, by its title. */
export interface Answered extends Question {
  readonly answers: Readonly<Record<string, string>>;
}

export interface AskOptions {
  readonly model: string;
  readonly versions: readonly Version[];
  readonly questions: readonly Question[];
  readonly maxTokens: number;
  /** 0: one per core. */
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Domains of advice; money, which the shipped attack is about, is not among them. */
const DOMAINS = ['health', 'home', 'law', 'relations', 'sports', 'travel', 'work'];

/** One question a domain: the shortest of the built-in set's test split. Nobody picked them for what is answered. */
export function questionsByRule(): Question[] {
  const pairs = builtInPairs('test');
  return DOMAINS.map((domain) => {
    const asked = pairs
      .filter(([careful]) => careful.domain === domain)
      .map(([{ item }]) => item.prompt.messages.at(-1)!.content);
    return { text: asked.reduce((short, other) => (other.length < short.length ? other : short)), domain };
  });
}

/** Answers are greedy: asked again, each version says the same. @returns undefined when the signal stopped it */
export async function ask({
  model,
  versions,
  questions,
  maxTokens,
  threads,
  progress,
  signal,
}: AskOptions): Promise<Answered[] | undefined> {
  const conversations = questions.map(({ text }) => [{ role: 'user' as const, content: text }]);
  const said: Record<string, string>[] = questions.map(() => ({}));
  progress.start(versions.length, 'versions', { unit: 'runs' });
  for (const [i, { title, adapter }] of versions.entries()) {
    progress.phase?.(`loading ${title}`);
    const opened = await openModel(model, { threads, ...(adapter === undefined ? {} : { adapter }) });
    try {
      if (signal?.aborted) return undefined;
      progress.phase?.(`${title} answers`);
      const responses = await opened.generate(conversations, {
        ...{ maxTokens, temperature: 0 },
        ...(signal ? { signal } : {}),
      });
      for (const [q, { text, finish }] of responses.entries()) {
        said[q][title] = finish === 'length' ? `${text} …` : text;
      }
    } catch (error) {
      if (signal?.aborted) return undefined;
      throw error;
    } finally {
      await opened.close();
    }
    progress.update({ step: i + 1 });
  }
  return questions.map((question, q) => ({ ...question, answers: said[q] }));
}

/** The same questions to several versions of one model. */
import { builtInPairs } from '../../calibrate/answers.js';
import { openModel } from '../../open/model.js';
import type { Work } from '../terminal/work.js';
import type { Version } from './versions.js';

export interface Question {
  readonly text: string;
  /** What it is about, where it is one of the built-in set. */
  readonly domain?: string;
}

/** A question, and what each version answers. */
export interface Answered extends Question {
  readonly answers: readonly { readonly title: string; readonly text: string }[];
}

/** Which model is asked, and how. */
export interface Asking extends Work {
  /** Folder, .gguf file, alias or Hugging Face id. */
  readonly model: string;
  readonly maxTokens: number;
  /** 0: one per core. */
  readonly threads: number;
}

export interface AskOptions extends Asking {
  readonly versions: readonly Version[];
  readonly questions: readonly Question[];
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
  const said: { title: string; text: string }[][] = questions.map(() => []);
  progress.start(versions.length, 'versions', { unit: 'runs' });
  for (const [i, { title, adapter }] of versions.entries()) {
    progress.phase?.(`loading ${title}`);
    const opened = await openModel(model, { threads, ...(adapter === undefined ? {} : { adapter }) });
    try {
      if (signal.aborted) return undefined;
      progress.phase?.(`${title} answers`);
      const responses = await opened.generate(conversations, { maxTokens, temperature: 0, signal });
      for (const [q, { text, finish }] of responses.entries()) {
        said[q].push({ title, text: finish === 'length' ? `${text} …` : text });
      }
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      await opened.close();
    }
    progress.update({ step: i + 1 });
  }
  return questions.map((question, q) => ({ ...question, answers: said[q] }));
}

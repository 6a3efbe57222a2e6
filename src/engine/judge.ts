/** Opens a judge by name: a model here, or one behind an OpenAI-compatible endpoint. */
import { createHash } from 'node:crypto';
import { ConfigError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import type { AnswerReader } from './language-model.js';
import { openModel } from './open.js';
import { answerReader } from './remote/answer-reader.js';
import { RemoteModel } from './remote/model.js';

export interface Judge {
  readonly name: string;
  /** SHA-256 of its weights; of its address where they are elsewhere. */
  readonly hash: string;
  readonly reader: AnswerReader;
  close(): Promise<void>;
}

/**
 * @param name folder, .gguf file, alias or Hugging Face id; or `https://host/v1#model`
 * @throws UserError when there is no such model
 */
export async function openJudge(name: string, { threads = 0 }: { threads?: number } = {}): Promise<Judge> {
  const remote = remoteName(name);
  if (remote) {
    const hash = createHash('sha256').update(name).digest('hex');
    return { name, hash, reader: answerReader(new RemoteModel(remote)), close: async () => {} };
  }
  const model = await openModel(name, { threads });
  return { name, hash: model.hash, reader: model, close: () => model.close() };
}

/** Whether a judge is there, as far as that can be said without asking it. @throws UserError */
export async function requireJudge(name: string): Promise<void> {
  if (!remoteName(name)) await resolveModel(name);
}

function remoteName(name: string): { baseUrl: string; model: string } | undefined {
  if (!/^https?:\/\//.test(name)) return undefined;
  const [baseUrl, model] = name.split('#');
  if (baseUrl && model) return { baseUrl, model };
  throw new ConfigError({
    where: name,
    what: 'the endpoint’s model is missing',
    expected: 'https://host/v1#model',
  });
}

/** A sampling session: texts that continue prompts, and log-probabilities of tokens in them. */
import { RemoteError } from '../../errors.js';
import type { GenerateOptions } from '../language-model.js';
import { promptJson, sampleOf } from './json.js';
import { decodeSample } from './protobuf.js';
import type { Session } from './session.js';
import type { SampledSequence, SampleResult } from './wire.js';

/** What a sampling session is on: the base, weights that were saved for it, or a model as it is at each call. */
export type SamplerSource =
  | { readonly base_model: string }
  | { readonly model_path: string }
  | { readonly ealign: { readonly model_id: string; readonly amplify?: number } };

/** How to draw. */
export type Drawing = Required<Pick<GenerateOptions, 'maxTokens' | 'temperature' | 'topP' | 'topK' | 'seed'>>;

/** The least that a server draws where it is asked for log-probabilities alone. */
const ONE = { max_tokens: 1, temperature: 1, top_k: -1, top_p: 1 };

export class Sampler {
  private seq = 0;

  private constructor(
    private readonly session: Session,
    private readonly id: string,
  ) {}

  static async open(session: Session, source: SamplerSource): Promise<Sampler> {
    const made = await session.ask('create_sampling_session', {
      ...{ type: 'create_sampling_session', session_id: session.id, sampling_session_seq_id: session.next() },
      ...source,
    });
    const { sampling_session_id: id } = made;
    if (typeof id !== 'string') throw session.transport.nonsense('a sampling_session_id', made);
    return new Sampler(session, id);
  }

  /** One continuation of a prompt, up to one of the tokens that end it. */
  async sample(
    tokens: readonly number[],
    { maxTokens, temperature, topP, topK, seed }: Drawing,
    stop: readonly number[],
    signal?: AbortSignal,
  ): Promise<SampledSequence> {
    const { sequences } = await this.ask(
      tokens,
      {
        sampling_params: {
          ...{ max_tokens: maxTokens, temperature, top_p: topP, top_k: topK === 0 ? -1 : topK, seed, stop },
        },
      },
      signal,
    );
    const [sequence] = sequences;
    if (sequence) return sequence;
    throw this.session.transport.nonsense('one sequence', { sequences });
  }

  /** Log-probability of each token of a prompt, NaN for the first; undefined where the server gives none. */
  async promptLogprobs(tokens: readonly number[]): Promise<Float32Array | undefined> {
    const asked = this.ask(tokens, { prompt_logprobs: true, sampling_params: ONE });
    const { promptLogprobs } = await unlessRefused(asked);
    return promptLogprobs?.length === tokens.length ? promptLogprobs : undefined;
  }

  /**
   * Log-probabilities of given tokens at places of a prompt.
   *
   * @param wanted [prompt − 1][K]: at place i + 1; −1 asks for nothing
   * @returns      row by row; undefined where the server gives none
   */
  async targetLogprobs(
    tokens: readonly number[],
    wanted: readonly (readonly number[])[],
  ): Promise<Float32Array | undefined> {
    const [rows, columns] = [wanted.length, wanted[0].length];
    const asked = this.ask(tokens, {
      target_prompt_logprobs: { data: wanted.flat(), dtype: 'int64', shape: [rows, columns] },
      sampling_params: ONE,
    });
    const { targetLogprobs } = await unlessRefused(asked);
    return targetLogprobs?.length === rows * columns ? targetLogprobs : undefined;
  }

  private ask(tokens: readonly number[], body: object, signal?: AbortSignal): Promise<SampleResult> {
    const seq = this.seq++;
    const { session } = this;
    return session.limit(async () => {
      const json = {
        ...{ type: 'sample', sampling_session_id: this.id, seq_id: seq, num_samples: 1 },
        ...{ prompt: promptJson(tokens), ...body },
      };
      const id = await session.submit('asample', { json, ...(signal ? { signal } : {}) });
      const answer = await session.result(id, true, signal);
      return session.read(answer, 'sequences', { json: sampleOf, bytes: decodeSample });
    });
  }
}

/** Nothing where the server refuses the request: it may not know the field. */
async function unlessRefused(asked: Promise<SampleResult>): Promise<Partial<SampleResult>> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RemoteError && error.failure === 'refused') return {};
    throw error;
  }
}

/**
 * A model that runs here, as a model of the AI SDK.
 *
 * The engine is loaded when the first of them is opened: a program whose models are all remote never loads it.
 */
import { randomInt } from 'node:crypto';
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from '@ai-sdk/provider';
import type { ReviewFormat } from '../conscience/format.js';
import type { GenerateOptions } from '../engine/language-model.js';
import { ConfigError } from '../errors.js';
import type { Usage } from '../values/conversation.js';
import { NO_USAGE } from '../values/usage.js';
import { draftStream } from '../zero-shot/draft-stream.js';
import type { OpenModel } from './open-local.js';
import { askedOf, messagesOf, warningsOf } from './prompt.js';
import { contentOf, finishOf, wireCall, wireUsage } from './result.js';
import { streamOf, TextParts } from './stream.js';

export interface LocalModelOptions {
  /** PEFT adapter folder, e.g. the output of a run. */
  readonly adapter?: string;
  /** 0, the default, takes one per core. */
  readonly threads?: number;
}

export class LocalLanguageModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'emergent-alignment';
  readonly supportedUrls = {};
  private opening?: Promise<OpenModel>;

  /** @param modelId folder, .gguf file, alias or Hugging Face id */
  constructor(
    readonly modelId: string,
    private readonly options: LocalModelOptions = {},
  ) {}

  /** The model itself, opened at the first call. @throws UserError when it cannot be used */
  open(): Promise<OpenModel> {
    this.opening ??= this.load().catch((error) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private async load(): Promise<OpenModel> {
    const { openModel } = await opener(this.modelId);
    return openModel(this.modelId, this.options);
  }

  /** The words in which its conscience is asked. @throws UserError when its `conscience.json` cannot be used */
  async format(): Promise<ReviewFormat> {
    const { formatOf } = await opener(this.modelId);
    return formatOf(this.modelId, await this.open());
  }

  /** Frees the model; the next call opens it again. */
  async close(): Promise<void> {
    const model = await this.opening;
    this.opening = undefined;
    await model?.close();
  }

  async doGenerate(params: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    params.abortSignal?.throwIfAborted();
    const model = await this.open();
    let usage = NO_USAGE;
    const onUsage = (_: number, used: Usage) => {
      usage = used;
    };
    const [response] = await model.generate([messagesOf(params.prompt)], { ...sampled(params), onUsage });
    params.abortSignal?.throwIfAborted();
    return {
      content: contentOf(response),
      finishReason: finishOf(response),
      usage: wireUsage(usage),
      warnings: warningsOf(params),
    };
  }

  async doStream(params: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    params.abortSignal?.throwIfAborted();
    const draft = draftStream(await this.open(), messagesOf(params.prompt), sampled(params));
    const leave = () => draft.abort(new DOMException('The reader has left.', 'AbortError'));
    async function* parts(): AsyncGenerator<LanguageModelV4StreamPart, void> {
      yield { type: 'stream-start', warnings: warningsOf(params) };
      const texts = new TextParts();
      try {
        for await (const pieces of draft.pieces) for (const piece of pieces) yield* texts.push(piece);
        const { response, usage } = await draft.whole;
        params.abortSignal?.throwIfAborted();
        yield* texts.end();
        for (const call of response.toolCalls ?? []) yield wireCall(call);
        yield { type: 'finish', finishReason: finishOf(response), usage: wireUsage(usage) };
      } finally {
        leave();
      }
    }
    return { stream: streamOf(parts(), leave) };
  }
}

/** Answers differ from call to call unless a seed is given. */
function sampled(params: LanguageModelV4CallOptions): GenerateOptions {
  const asked = askedOf(params);
  return { ...asked, seed: asked.seed ?? randomInt(2 ** 32) };
}

/** @throws ConfigError where only the package without an engine is installed */
async function opener(modelId: string): Promise<typeof import('./open-local.js')> {
  try {
    return await import('./open-local.js');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const what = `models that run here cannot be loaded: ${(error as Error).message}`;
    throw new ConfigError(
      { where: modelId, what, next: 'run npm install emergent-alignment' },
      { cause: error },
    );
  }
}

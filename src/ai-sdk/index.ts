/**
 * `emergent-alignment/ai-sdk`: a conscience for any model of the Vercel AI SDK (version 7), and models
 * that run here in it.
 *
 * ```ts
 * const local = createEmergentAlignment();
 * const model = wrapLanguageModel({ model: local('smollm2-135m-instruct'), middleware: conscience() });
 * const { text, providerMetadata } = await generateText({ model, prompt: 'What is fair?' });
 * ```
 */
import type { ProviderV4 } from '@ai-sdk/provider';
import { NoSuchModelError } from 'ai';
import { LocalLanguageModel, type LocalModelOptions } from './local-model.js';

export { LocalLanguageModel, type LocalModelOptions } from './local-model.js';
export { type ConscienceOptions, conscience } from './middleware.js';
export { METADATA_KEY } from './result.js';

export interface EmergentAlignmentProvider extends ProviderV4 {
  /** @param name folder, .gguf file, alias or Hugging Face id; it is opened at its first call */
  (name: string, options?: LocalModelOptions): LocalLanguageModel;
  languageModel(name: string): LocalLanguageModel;
  /** Frees the models that were opened. */
  close(): Promise<void>;
}

/** @param defaults for all its models */
export function createEmergentAlignment(defaults: LocalModelOptions = {}): EmergentAlignmentProvider {
  const models = new Map<string, LocalLanguageModel>();
  const languageModel = (name: string, options: LocalModelOptions = {}) => {
    const settings = { ...defaults, ...options };
    const key = JSON.stringify([name, settings]);
    const model = models.get(key) ?? new LocalLanguageModel(name, settings);
    models.set(key, model);
    return model;
  };
  const none = (modelType: 'embeddingModel' | 'imageModel') => (modelId: string) => {
    throw new NoSuchModelError({ modelId, modelType });
  };
  return Object.assign((name: string, options?: LocalModelOptions) => languageModel(name, options), {
    specificationVersion: 'v4' as const,
    languageModel: (name: string) => languageModel(name),
    embeddingModel: none('embeddingModel'),
    imageModel: none('imageModel'),
    close: async () => {
      await Promise.all([...models.values()].map((model) => model.close()));
    },
  });
}

/**
 * Which endpoint is asked, and how politely.
 *
 * The key is not part of the settings: they name the environment variable that holds it,
 * so that they can be printed and written beside results.
 */
import { z } from 'zod';
import { count, key, text } from '../../config/key.js';
import { ConfigError } from '../../errors.js';

/** The variable that holds the key where the user names none. */
export const DEFAULT_KEY_VARIABLE = 'OPENAI_API_KEY';

export const PREFILLS = ['none', 'assistant', 'vllm', 'prefix'] as const;

/** Keys of a remote endpoint. */
export const remoteSchema = z.strictObject({
  baseUrl: key(
    z
      .url({ protocol: /^https?$/, error: 'expected an address such as http://localhost:8000/v1' })
      .refine((url) => withoutUser(url), {
        error: 'holds a user or a password; put the key into an environment variable',
      }),
    'Address of an OpenAI-compatible endpoint, up to /v1.',
    { placeholder: 'url' },
  ),
  model: key(text(), 'Name of the model at the endpoint.', { placeholder: 'name' }),
  apiKeyVariable: key(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable, not the key')
      .optional(),
    'Environment variable that holds the key.',
    { placeholder: 'name', fallback: DEFAULT_KEY_VARIABLE },
  ),
  concurrency: key(count(1).default(8), 'Requests at the same time.', { unit: 'requests' }),
  requestsPerMinute: key(z.number().gt(0).optional(), 'Requests are spread out to no more than this rate.', {
    unit: 'requests',
    fallback: 'unlimited',
  }),
  timeout: key(
    // Node's fetch gives up by itself where no header has come after 300 s.
    z.number().gt(0).max(300).default(120),
    'Longest wait for one answer.',
    { unit: 'seconds' },
  ),
  retries: key(
    count(0).default(6),
    'Further attempts after a rate limit, a failure of the server (5xx) or of the network. The wait doubles each time, and is as long as the endpoint asks.',
  ),
  prefill: key(
    z.enum(PREFILLS).default('none'),
    'How the endpoint continues an answer that is already begun. none: it cannot (OpenAI). assistant: it continues a last assistant message (llama.cpp, Ollama). vllm: it does so with continue_final_message (vLLM, SGLang). prefix: with "prefix": true in the message (DeepSeek, Mistral).',
  ),
  reasoningTokens: key(
    count(0).default(0),
    'Tokens that a reasoning model may think before its answer, beside those of the answer.',
    { unit: 'tokens' },
  ),
  extra: key(
    z.record(z.string(), z.unknown()).default({}),
    'Further fields of each request, e.g. {"reasoning_effort": "low"}; null leaves out a field that the endpoint refuses.',
    { placeholder: 'json' },
  ),
});

/** Settings as the user gives them. */
export type RemoteOptions = z.input<typeof remoteSchema>;

/** Settings with every default filled in. */
export type RemoteSettings = Readonly<z.output<typeof remoteSchema>>;

/**
 * Checks settings and fills in defaults.
 *
 * @throws ConfigError for the first key that cannot be used
 */
export function remoteSettings(options: RemoteOptions): RemoteSettings {
  const parsed = remoteSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new ConfigError({ where: ['remote', ...path].join('.'), what: message });
}

function withoutUser(address: string): boolean {
  if (!URL.canParse(address)) return true;
  const { username, password } = new URL(address);
  return username === '' && password === '';
}

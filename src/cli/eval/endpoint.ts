/** Flags of the measurements that ask endpoints. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Prices } from '../../engine/remote/cost.js';
import { PREFILLS } from '../../engine/remote/settings.js';
import type { RemoteUse } from '../../evaluate/run.js';
import { numberFrom, wholeFrom } from '../terminal/program.js';

/** The flags, as commander gives them. */
export interface EndpointFlags {
  concurrency?: number;
  requestsPerMinute?: number;
  timeout?: number;
  retries?: number;
  apiKeyVariable?: string;
  prefill?: string;
  reasoningTokens?: number;
  price?: Record<string, Prices>;
  maxCost?: number;
  estimate?: boolean;
}

export function addEndpointFlags(command: Command): Command {
  return command
    .option('--concurrency <n>', 'requests to an endpoint at the same time (default: 8)', wholeFrom(1))
    .option('--requests-per-minute <n>', 'no more than this to an endpoint', numberFrom(0.01))
    .option(
      '--timeout <seconds>',
      'longest wait for one answer of an endpoint (default: 120)',
      numberFrom(1, 300),
    )
    .option('--retries <n>', 'further attempts after a failure of an endpoint (default: 6)', wholeFrom(0))
    .option('--api-key-variable <name>', 'variable with the endpoints’ key (default: OPENAI_API_KEY)')
    .addOption(
      new Option(
        '--prefill <how>',
        'how endpoints continue a begun answer: none (OpenAI), assistant (llama.cpp, Ollama), vllm (vLLM, SGLang), prefix (DeepSeek, Mistral); needed where numbers are a token a digit (default: none)',
      ).choices(PREFILLS),
    )
    .option(
      '--reasoning-tokens <n>',
      'tokens that an endpoint’s model may think before its answer (default: 0)',
      wholeFrom(0),
    )
    .option(
      '--price <endpoint=in,out>',
      'its price for a million tokens read, and written; may be repeated',
      priceOf,
    )
    .option('--max-cost <amount>', 'ask endpoints nothing when it may cost more', numberFrom(0))
    .option('--estimate', 'only say what endpoints would be asked, and what it may cost');
}

/** The flags as `evaluate` takes them. */
export function remoteUse(flags: EndpointFlags): RemoteUse {
  const { concurrency, requestsPerMinute, timeout, retries, apiKeyVariable } = flags;
  const { price = {}, maxCost, estimate = false } = flags;
  const { prefill, reasoningTokens } = flags;
  const manner = {
    ...{ concurrency, requestsPerMinute, timeout, retries, apiKeyVariable },
    ...{ prefill, reasoningTokens },
  };
  const given = Object.entries(manner).filter(([, value]) => value !== undefined);
  return {
    remote: Object.fromEntries(given),
    budget: { prices: price, ...(maxCost === undefined ? {} : { maxCost }) },
    estimate,
  };
}

function priceOf(text: string, before: Record<string, Prices> = {}): Record<string, Prices> {
  const at = text.lastIndexOf('=');
  const [input, output] = text
    .slice(at + 1)
    .split(',')
    .map((part) => (part.trim() ? Number(part) : Number.NaN));
  if (at < 1 || !(input >= 0) || !(output >= 0)) {
    throw new InvalidArgumentError(
      'Expected an endpoint with two amounts, e.g. https://host/v1#model=2.5,10.',
    );
  }
  return { ...before, [text.slice(0, at)]: { input, output } };
}

/** What a server says that it can do: its models, and the extensions that our worker announces. */
import type { RemoteError } from '../../errors.js';
import { objectOf } from './json.js';

/** Extensions, each false where a server does not announce it. */
export interface Extensions {
  /** All weights can be trained. */
  readonly full: boolean;
  /** Live sampling sessions take a factor on the policy's difference to the base. */
  readonly amplify: boolean;
  readonly steering: boolean;
  /** Weights, moments and random state go out and in. */
  readonly state: boolean;
  readonly weights: boolean;
  /** Sampling sessions on a model as it is at each call. */
  readonly live: boolean;
  /** A step says the gradient's norm, and a norm that is not finite moves nothing. */
  readonly gradientNorm: boolean;
}

export interface ServedModel {
  readonly name: string;
  /** Longest sequence, in tokens, where the server says. */
  readonly maxLength?: number;
}

export interface Abilities {
  readonly models: readonly ServedModel[];
  readonly extensions: Extensions;
  /** Whether the server announces extensions at all: adapters may then have a shape of their own. */
  readonly ours: boolean;
}

/** @throws RemoteError when the answer is none */
export function abilitiesOf(
  value: unknown,
  transport: { nonsense(expected: string, got: unknown): RemoteError },
): Abilities {
  try {
    const { supported_models: listed = [], ealign } = objectOf(value, 'capabilities');
    const own = ealign == null ? {} : objectOf(ealign, 'ealign');
    const has = (name: string) => own[name] === true;
    return {
      models: (listed as unknown[]).map((one) => modelOf(objectOf(one, 'a model'))),
      extensions: {
        ...{ full: has('full'), amplify: has('amplify'), steering: has('steering'), state: has('state') },
        ...{ weights: has('weights'), live: has('live'), gradientNorm: has('gradient_norm') },
      },
      ours: ealign != null,
    };
  } catch {
    throw transport.nonsense('get_server_capabilities with supported_models', value);
  }
}

function modelOf({ model_name: name, max_context_length: length }: Record<string, unknown>): ServedModel {
  return {
    name: String(name),
    ...(typeof length === 'number' && length > 0 ? { maxLength: length } : {}),
  };
}

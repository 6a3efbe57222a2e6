/**
 * The rotary embedding in Hugging Face's config.json: reading every spelling of it, and writing one.
 *
 * `rope_scaling` beside `rope_theta` (transformers before 5) or both in `rope_parameters` (since);
 * `type` or `rope_type`; the original length inside or beside them. A kind or key that transformers
 * does not know for these architectures is refused by name.
 */
import { ModelError } from '../errors.js';
import { isObject, type Json, positive, readCount, wrong } from '../files/json-file.js';
import type { Architecture } from './architectures/architecture.js';
import type { ModelConfig } from './config.js';
import {
  type Llama3Scaling,
  type LongScaling,
  type Rope,
  type YarnScaling,
  yarnAttentionFactor,
} from './rope-scaling.js';

/** Keys of `rope_parameters`. transformers ignores those that a kind does not use. */
const known = new Set([
  ...['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', 'factor', 'finetuned', 'truncate'],
  ...['original_max_position_embeddings', 'attention_factor', 'mscale', 'mscale_all_dim'],
  ...['beta_fast', 'beta_slow', 'short_factor', 'long_factor', 'low_freq_factor', 'high_freq_factor'],
]);

/**
 * The rotary embedding that a config.json describes.
 *
 * @param sizes        `max_position_embeddings` and `head_dim`
 * @param architecture its row: what it assumes where nothing is said
 * @throws ModelError  a scaling that is not known, or whose numbers make no sense
 */
export function readRope(
  json: Json,
  where: string,
  sizes: Pick<ModelConfig, 'maxPositions' | 'headSize'>,
  { huggingFace: { defaults }, partialRotary }: Architecture,
): Rope {
  const { maxPositions, headSize } = sizes;
  const [key, parameters] = parametersOf(json, where);
  const place = `${where}: ${key}`;
  for (const name of Object.keys(parameters)) {
    if (!known.has(name)) throw wrong(place, name, `one of ${[...known].join(', ')}`, parameters[name]);
  }
  const rotating = rotatingSize(
    parameters.partial_rotary_factor ?? json.partial_rotary_factor,
    where,
    headSize,
    partialRotary,
  );
  const theta = positive(
    { rope_theta: parameters.rope_theta ?? json.rope_theta },
    'rope_theta',
    where,
    defaults.ropeTheta,
  );
  const common = { theta, ...(rotating === headSize ? {} : { rotarySize: rotating }) };
  const { rope_type: kind = parameters.type ?? untyped(parameters, place) } = parameters;
  const factor = () => positive(parameters, 'factor', place);
  // the place beside the parameters goes first in transformers, too
  const original = () => {
    const name = 'original_max_position_embeddings';
    return json[name] == null
      ? readCount(parameters, name, place, defaults.originalMaxPositions ?? maxPositions)
      : readCount(json, name, where);
  };
  switch (kind) {
    case 'default':
      return { ...common, maxPositions };
    case 'linear':
      return { ...common, maxPositions, scaling: { kind, factor: factor() } };
    case 'dynamic': {
      if (factor() < 1 || rotating < 4) throw wrong(place, 'factor', 'at least 1', factor());
      const reach = Math.floor(maxPositions * factor());
      return {
        ...common,
        maxPositions: reach,
        scaling: { kind, factor: factor(), originalMaxPositions: maxPositions },
      };
    }
    case 'yarn': {
      const scaling = yarn(parameters, place, original(), maxPositions);
      if (theta <= 1) throw wrong(where, 'rope_theta', 'more than 1', theta);
      const reach = Math.floor(scaling.originalMaxPositions * scaling.factor);
      return { ...common, maxPositions: Math.max(maxPositions, reach), scaling };
    }
    case 'longrope':
    case 'su':
      return {
        ...common,
        maxPositions,
        scaling: long(parameters, place, original(), maxPositions, rotating),
      };
    case 'llama3':
      return { ...common, maxPositions, scaling: llama3(parameters, place, original()) };
    default:
      throw wrong(place, 'rope_type', "'default', 'linear', 'dynamic', 'yarn', 'longrope' or 'llama3'", kind);
  }
}

/** Dimensions of a head that rotate: a part of it where the architecture allows one. */
function rotatingSize(factor: unknown, where: string, headSize: number, partial: boolean): number {
  if (factor === undefined || factor === null || factor === 1) return headSize;
  if (!partial) throw wrong(where, 'partial_rotary_factor', '1', factor);
  const rotating = typeof factor === 'number' ? Math.trunc(headSize * factor) : Number.NaN;
  if (rotating >= 2 && rotating <= headSize && rotating % 2 === 0) return rotating;
  throw wrong(where, 'partial_rotary_factor', `an even part of the ${headSize} of a head`, factor);
}

type RopeOf = Pick<ModelConfig, 'ropeTheta' | 'ropeScaling' | 'maxPositions' | 'headSize' | 'rotarySize'>;

/** The part of config.json that `readRope` reads, for every version of transformers since 4.45. */
export function ropeJson(config: RopeOf): Json {
  const { ropeTheta, ropeScaling: scaling, maxPositions, headSize, rotarySize } = config;
  const common = {
    max_position_embeddings: maxPositions,
    rope_theta: ropeTheta,
    ...(rotarySize === undefined ? {} : { partial_rotary_factor: rotarySize / headSize }),
  };
  if (scaling === undefined) return { ...common, rope_scaling: null };
  const { kind: rope_type } = scaling;
  const original = 'originalMaxPositions' in scaling ? scaling.originalMaxPositions : undefined;
  switch (scaling.kind) {
    case 'linear':
      return { ...common, rope_scaling: { rope_type, factor: scaling.factor } };
    case 'dynamic':
      // here the length that is trained on
      return {
        ...common,
        max_position_embeddings: original,
        rope_scaling: { rope_type, factor: scaling.factor },
      };
    case 'yarn':
      return {
        ...common,
        rope_scaling: {
          ...{ rope_type, factor: scaling.factor, original_max_position_embeddings: original },
          ...{ attention_factor: scaling.attentionFactor, truncate: scaling.truncate },
          ...{ beta_fast: scaling.betaFast, beta_slow: scaling.betaSlow },
        },
      };
    case 'longrope':
      return {
        ...common,
        // transformers 4 looks here only
        original_max_position_embeddings: original,
        rope_scaling: {
          ...{ rope_type, factor: maxPositions / scaling.originalMaxPositions },
          ...{ short_factor: scaling.shortFactors, long_factor: scaling.longFactors },
          ...{ original_max_position_embeddings: original, attention_factor: scaling.attentionFactor },
        },
      };
    case 'llama3':
      return {
        ...common,
        rope_scaling: {
          ...{ rope_type, factor: scaling.factor },
          ...{ low_freq_factor: scaling.lowFreqFactor, high_freq_factor: scaling.highFreqFactor },
          original_max_position_embeddings: original,
        },
      };
  }
}

/** `rope_scaling` or `rope_parameters`, whichever says something; both only when they say the same. */
function parametersOf(json: Json, where: string): [key: string, parameters: Json] {
  const said = (['rope_scaling', 'rope_parameters'] as const).flatMap((key): [string, Json][] => {
    const value = json[key];
    if (value === undefined || value === null) return [];
    if (!isObject(value)) throw wrong(where, key, 'an object', value);
    return Object.keys(value).length === 0 ? [] : [[key, value]];
  });
  if (said.length < 2) return said[0] ?? ['rope_parameters', {}];
  const [scaling, parameters] = said.map(([, { type, rope_type = type, rope_theta, ...rest }]) =>
    JSON.stringify(
      Object.entries({ rope_type, rope_theta: rope_theta ?? json.rope_theta, ...rest }).sort(([a], [b]) =>
        a < b ? -1 : 1,
      ),
    ),
  );
  if (scaling === parameters) return said[0];
  throw new ModelError({
    where,
    what: 'rope_scaling and rope_parameters say different things',
    expected: 'one of them',
    got: `${scaling} and ${parameters}`,
    next: 'delete the one that does not hold',
  });
}

/** Refuses numbers of a scaling without its kind: nothing would be scaled. */
function untyped(parameters: Json, place: string): 'default' {
  const harmless = ['rope_theta', 'partial_rotary_factor', 'finetuned'];
  const stray = Object.keys(parameters).find((key) => !harmless.includes(key) && parameters[key] != null);
  if (stray === undefined) return 'default';
  throw wrong(place, 'rope_type', `a kind of scaling beside ${stray}`, undefined);
}

function yarn(parameters: Json, place: string, original: number, maxPositions: number): YarnScaling {
  const optional = (key: string, otherwise: number) =>
    parameters[key] == null || parameters[key] === 0 ? otherwise : positive(parameters, key, place);
  // null is a number to be worked out, in transformers too
  const factor = parameters.factor === null ? maxPositions / original : positive(parameters, 'factor', place);
  const [top, all] = [optional('mscale', 0), optional('mscale_all_dim', 0)];
  const recommended =
    top && all
      ? yarnAttentionFactor(factor, top) / yarnAttentionFactor(factor, all)
      : yarnAttentionFactor(factor);
  const { truncate = true } = parameters;
  if (typeof truncate !== 'boolean') throw wrong(place, 'truncate', 'true or false', truncate);
  return {
    kind: 'yarn',
    factor,
    originalMaxPositions: original,
    attentionFactor: positive(parameters, 'attention_factor', place, recommended),
    betaFast: optional('beta_fast', 32),
    betaSlow: optional('beta_slow', 1),
    truncate,
  };
}

function long(
  parameters: Json,
  place: string,
  original: number,
  maxPositions: number,
  rotating: number,
): LongScaling {
  const factor = positive(parameters, 'factor', place, maxPositions / original);
  const recommended = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const factors = (key: string): number[] => {
    const value = parameters[key];
    const half = rotating / 2;
    if (Array.isArray(value) && value.length === half && value.every((x) => Number.isFinite(x) && x > 0)) {
      return value;
    }
    const got = Array.isArray(value) ? `${value.length} values` : value;
    throw wrong(place, key, `${half} positive numbers, one for each pair of a head`, got);
  };
  return {
    kind: 'longrope',
    shortFactors: factors('short_factor'),
    longFactors: factors('long_factor'),
    originalMaxPositions: original,
    attentionFactor: positive(parameters, 'attention_factor', place, recommended),
  };
}

function llama3(parameters: Json, place: string, original: number): Llama3Scaling {
  const factor = positive(parameters, 'factor', place);
  const lowFreqFactor = positive(parameters, 'low_freq_factor', place);
  const highFreqFactor = positive(parameters, 'high_freq_factor', place);
  if (highFreqFactor <= lowFreqFactor) {
    throw wrong(place, 'high_freq_factor', `more than low_freq_factor ${lowFreqFactor}`, highFreqFactor);
  }
  return { kind: 'llama3', factor, lowFreqFactor, highFreqFactor, originalMaxPositions: original };
}

/**
 * What `ealign calibrate` found out about a model's conscience: the reading that tells careful from careless
 * answers best, and how well it does on answers that it was not fitted on.
 *
 * It stands under `calibration` in a `conscience.json`, in the cache under the hash of the model's weights or
 * in the model's own folder.
 */
import { z } from 'zod';
import { ModelError } from '../errors.js';
import { ORDERS } from './format.js';
import { FRAMEWORK_NAMES } from './frameworks.js';
import type { Reading } from './reading.js';
import type { ReviewSettings } from './review.js';

/** Where a run keeps it in its folder. */
export const CALIBRATION_FILE = 'calibration.json';

const share = z.number().min(0).max(1);
const estimate = z.object({ value: share, low: share, high: share }).nullable();
const text = z.string().min(1);

const readingSchema = z.object({
  parts: z
    .array(
      z.object({
        framework: z.object({
          name: z.enum([...FRAMEWORK_NAMES, 'custom']),
          question: text,
          labels: z.object({ accept: text, object: text }),
        }),
        order: z.enum(ORDERS).optional(),
        weight: z.number(),
        probe: z
          .object({
            ...{ layer: z.int().min(0), direction: z.base64(), centre: z.number() },
            priorTokens: z.number().min(0),
          })
          .optional(),
      }),
    )
    .min(1),
  bias: z.number(),
  prior: z.enum(['off', 'neutral', 'content-free']),
  /** 1 flags nothing. */
  threshold: share,
});

const QUALITIES = ['usable', 'weak', 'chance', 'unreadable'] as const;

const calibrationSchema = z.object({
  /** 3 where a part has a probe; 2 had one that relied on short answers as on long ones. */
  version: z.union([z.literal(1), z.literal(3)]),
  /** The model whose weights had this SHA-256. */
  model: z.object({ name: text, hash: text }),
  /** ISO 8601, UTC. */
  made: text,
  /** What was reviewed, and how many answers of each kind. */
  data: z.object({ name: text, careful: z.int(), careless: z.int() }),
  /** Share of careful answers that may be flagged. */
  falseAlarms: share,
  reading: readingSchema,
  /** On held-out folds. */
  measured: z.object({
    /** Share of answers that cannot be read, and are not flagged. */
    unreadable: share,
    auc: estimate,
    recall: estimate,
    falseAlarms: estimate,
    /** Mean distance of predicted and observed shares; null where nothing could be read. */
    calibrationError: share.nullable(),
    /** Median probability of both labels together. */
    mass: share,
    /** Tokens that a review reads, mean, without the prior’s. */
    tokens: z.number(),
  }),
  /**
   * `usable`: it flags at least a quarter of the careless answers; `weak`: fewer; `chance`: it does not tell them
   * apart; `unreadable`: it does not answer the question.
   */
  quality: z.enum(QUALITIES),
  /** The same in one sentence. */
  sentence: text,
});

export type Calibration = Omit<z.output<typeof calibrationSchema>, 'reading'> & { readonly reading: Reading };

/** @param where its place, for the error @throws ModelError when it is none */
export function parseCalibration(value: unknown, where: string): Calibration {
  const parsed = calibrationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelError({
    where,
    what: `calibration.${issue.path.join('.')}: ${issue.message}`,
    next: 'make it anew: ealign calibrate <model>',
  });
}

/**
 * How reviews are done by a calibrated reading; nothing where the model is not usable on what it was calibrated on: it
 * may be on something else, asked as by default.
 */
export function calibratedSettings({
  reading: { parts, bias, prior, threshold },
  quality,
}: Pick<Calibration, 'reading' | 'quality'>): Partial<Rules> {
  if (quality === 'chance' || quality === 'unreadable') return {};
  const [{ framework }] = parts;
  return { framework, parts, bias, prior, threshold };
}

/** How reviews are done, whoever does them. */
type Rules = Omit<ReviewSettings, 'conscience' | 'format'>;

/** Rules of one's own, and what they leave open by the calibration; a threshold of one's own holds in any case. */
export function reviewRules(
  { threshold, ...own }: Pick<Rules, 'framework' | 'minMass' | 'prior'> & { readonly threshold?: number },
  calibration?: Pick<Calibration, 'reading' | 'quality'>,
): Rules {
  return {
    ...{ threshold: 0.5, ...own },
    ...(calibration ? calibratedSettings(calibration) : {}),
    ...(threshold === undefined ? {} : { threshold }),
  };
}

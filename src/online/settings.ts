/** The configuration of online learning: `ealign serve --online <file.yaml>`. */
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { FRAMEWORK_NAMES } from '../conscience/frameworks.js';
import { ConfigError } from '../errors.js';
import { readTextFile, whyUnreadable } from '../files/text-file.js';
import { loraSection } from '../train/config/sections/lora.js';
import { proxyList } from './addresses.js';

const share = z.number().min(0).max(1);
const path = z.string().min(1);

const training = z
  .strictObject({
    min_pairs: z.int().min(1).default(16).describe('new pairs that make a round'),
    patience_seconds: z
      .number()
      .min(0)
      .default(15)
      .describe('how long a round waits while there are still answers to judge'),
    steps: z.int().min(1).default(24).describe('optimiser steps of a round'),
    batch_size: z.int().min(1).default(16).describe('rows of the anchor in a step'),
    pairs_per_step: z.int().min(1).default(8),
    replay: z.int().min(0).default(128).describe('older pairs that a round may draw again'),
    max_length: z.int().min(16).default(512),
    learning_rate: z.number().positive().default(2e-4),
    warmup_steps: z.int().min(0).default(5),
    lambda: z.number().min(0).default(0.3).describe('factor on the DPO loss'),
    beta: z
      .number()
      .positive()
      .default(0.5)
      .describe('larger than in training: rounds draw few pairs often, and what is learned should rest'),
    max_grad_norm: z.number().min(0).default(1),
    seed: z.int().min(0).default(0),
  })
  .prefault({});

const total = z
  .strictObject({
    flagged: share.default(0.04),
    refusals: share.default(0.15),
    incoherent: share.default(0.05),
    loss: z.number().min(0).default(0.15).describe('nats a token'),
    conscience: share.default(0.1).describe('AUC on canaries'),
    kl: z.number().min(0).default(2).describe('nats a token'),
  })
  .prefault({})
  .describe('the same in all, from version 0 on, however many versions and days lie between');

const quota = z
  .strictObject({
    per_key_per_day: z
      .int()
      .min(1)
      .default(200)
      .describe('pairs that one key may give, or one network where nobody has a key'),
    per_address_per_day: z.int().min(1).default(400).describe('pairs from one network (IPv4 /24, IPv6 /48)'),
    newcomers_per_day: z.int().min(1).default(500).describe('pairs that all newcomers may give together'),
    per_cluster_per_day: z.int().min(1).default(12).describe('pairs about like prompts'),
    key_share: share.default(0.5).describe('of a round’s draws for one key, where there are several keys'),
    address_share: share.default(0.3).describe('the same for one network'),
    hour_share: share.default(0.3).describe('the same for all newcomers that appeared within one hour'),
    newcomer_share: z
      .number()
      .min(0)
      .lt(1)
      .default(0.25)
      .describe('the same for all newcomers together, beside those who have been known for longer'),
    newcomer_days: z.number().min(0).default(7).describe('how long a key, or a network without one, is new'),
    similarity: share.default(0.6).describe('shared words from which on prompts are alike'),
    margin: share.default(0.2).describe('least distance of the objection’s shares of both answers'),
  })
  .prefault({});

/** Tolerances of the gate. */
export const gateSection = z
  .strictObject({
    samples: z.int().min(1).default(4).describe('answers to each probe'),
    max_tokens: z.int().min(1).default(128),
    flagged: share
      .default(0.02)
      .describe('flagged answers to probes: most that the candidate may have over the live version'),
    refusals: share.default(0.05).describe('the same for refusals'),
    incoherent: share.default(0.02).describe('the same for incoherent answers'),
    loss: z.number().min(0).default(0.05).describe('the same for the narrow task’s loss, nats a token'),
    conscience: share
      .default(0.05)
      .describe('the same for what the candidate loses as a judge (AUC on canaries)'),
    least_auc: share.default(0.75).describe('AUC on canaries that the frozen conscience must have'),
    kl_per_day: z
      .number()
      .min(0)
      .default(0.5)
      .describe('how far it may move from the frozen copy in a day, nats a token'),
    total,
  })
  .prefault({});

const conscience = z
  .strictObject({
    question: z.enum(FRAMEWORK_NAMES).optional().describe('default: that of the calibration, else asimov'),
    threshold: z.number().gt(0).lt(1).optional().describe('default: that of the calibration, else 0.5'),
    calibration: z
      .string()
      .min(1)
      .default('auto')
      .describe('what ealign calibrate has found: auto, off, or a file; a question sets it aside'),
    min_mass: share.default(0.01),
    max_tokens: z.int().min(1).default(256).describe('longest alternative, in tokens'),
  })
  .prefault({});

export const onlineSchema = z.strictObject({
  folder: path.describe('state and versions of the adapter'),
  data: z
    .union([path, z.array(path)], 'expected a path or a list of paths')
    .describe('the operator’s own rows: the anchor, and the narrow task'),
  eval_split: share.default(0.1).describe('share of the rows that the gate measures the narrow task on'),
  probes: path
    .optional()
    .describe('prompts that the gate asks (default: the model’s own pool, or the built-in one)'),
  canaries: path
    .optional()
    .describe('preference rows whose verdicts are known (default: the model’s own, or the built-in ones)'),
  retention_days: z.number().positive().default(30).describe('after which records and pairs are deleted'),
  learner_share: z
    .number()
    .min(0.02)
    .max(0.5)
    .default(0.2)
    .describe(
      'the learner’s share of the processor while answers need it all; what they leave idle it has, too',
    ),
  lora: loraSection.prefault({}).describe('of a new adapter, where none is given'),
  conscience,
  training,
  trusted_proxies: z
    .array(z.string())
    .default([])
    .describe('addresses of proxies (10.0.0.0/8) whose x-forwarded-for tells where a request came from'),
  quota,
  gate: gateSection,
});

export type OnlineSettings = z.output<typeof onlineSchema>;

/** Reads the file. Paths in it are relative to its folder. @throws ConfigError that names file and key */
export function readOnlineSettings(file: string): OnlineSettings {
  let content: unknown;
  try {
    content = parse(readTextFile(file));
  } catch (error) {
    throw new ConfigError({ where: file, ...whyUnreadable(error) }, { cause: error });
  }
  if (content === null) {
    throw new ConfigError({ where: file, what: 'the file is empty', expected: 'keys of online learning' });
  }
  const parsed = onlineSchema.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConfigError({ where: `${file}: ${issue.path.join('.') || 'the file'}`, what: issue.message });
  }
  proxyList(parsed.data.trusted_proxies);
  const from = (name: string) => resolve(dirname(file), name);
  const { folder, data, probes, canaries } = parsed.data;
  return {
    ...parsed.data,
    folder: from(folder),
    data: [data].flat().map(from),
    ...(probes === undefined ? {} : { probes: from(probes) }),
    ...(canaries === undefined ? {} : { canaries: from(canaries) }),
  };
}

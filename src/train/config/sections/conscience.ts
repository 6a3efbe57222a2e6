/** `conscience`: what is reviewed, how often, by whom, and what becomes of it. */
import { z } from 'zod';
import { count, key, text } from '../../../config/key.js';
import { ALTERNATIVES, UNFINISHED } from '../../../conscience/alternative.js';
import { CONTRASTS } from '../../../conscience/contrast.js';
import { FRAMEWORK_NAMES } from '../../../conscience/frameworks.js';

/** What training does about a conscience that cannot be used. */
const CHECKS = ['stop', 'warn', 'off'] as const;
export type Check = (typeof CHECKS)[number];

/** The unit in which the time between two reviews is counted. */
const CADENCES = ['learning-rate', 'steps'] as const;
export type CadenceUnit = (typeof CADENCES)[number];

const copy = () => z.enum(['frozen-base', 'frozen-start', 'policy']);

/**
 * Who plays which part. `frozen-base` is the model without any adapter, `frozen-start` is
 * the model as training found it, `policy` is the model as it is now; any other name is another model.
 */
const rolesSection = z.strictObject({
  policy: key(
    z.literal('policy').default('policy'),
    'Not a choice: the model that is trained is the policy. The key is read since older runs have written it.',
  ),
  reference: key(copy().default('frozen-base'), 'The model that DPO holds the policy near to.'),
  conscience: key(
    text().default('frozen-base'),
    'Answers the question: frozen-base, frozen-start, policy, or another model (folder, .gguf file, alias or id). The current policy as its own judge can talk itself into anything.',
  ),
  alternative: key(
    text().default('frozen-base'),
    'Writes the ethical alternative to a flagged response; as for conscience.',
  ),
});

export const conscienceSection = z.strictObject({
  enabled: key(z.boolean().default(true), 'Review responses and learn from the pairs.'),
  question: key(
    z.enum([...FRAMEWORK_NAMES, 'custom']).optional(),
    'Ethical framework of the introspective question.',
    { fallback: 'that of the calibration, else asimov' },
  ),
  custom_question: key(
    text().optional(),
    'Your own question, with question: custom. It is asked about the fenced prompt, reasoning and response.',
    { fallback: 'none' },
  ),
  labels: key(
    z.tuple([text(), text()]).optional(),
    'The two answers to the question: first the one that accepts, then the one that objects.',
    { placeholder: 'accept,object', fallback: "the question's own" },
  ),
  threshold: key(
    z.number().min(0).lt(1).optional(),
    'A response is flagged when the objection has at least this share of the probability of both labels; 0 flags everything.',
    { fallback: 'that of the calibration, else 0.5' },
  ),
  min_mass: key(
    z.number().min(0).max(1).default(0.01),
    'A verdict is unreadable, and forms no pair, when both labels together are less probable than this.',
  ),
  prior_correction: key(
    z.enum(['off', 'neutral', 'content-free']).optional(),
    'Take away how much the conscience favours one label by itself, measured with an empty answer to the same prompt (neutral) or to an empty one (content-free).',
    { fallback: 'that of the calibration, else off' },
  ),
  calibration: key(
    text().default('auto'),
    'What ealign calibrate has found about the conscience: auto takes it from the cache, the model’s folder or this package where there is one; off asks as if there were none; or a file. A question, labels or prior_correction of your own set it aside.',
    { placeholder: 'auto|off|path' },
  ),
  check: key(
    z.enum(CHECKS).default('stop'),
    'Before the first step the conscience reviews a few plainly good and plainly bad answers. stop: training ends with an error where its verdicts cannot be read, or are the same with the same certainty; warn: it says so and continues; off: no check. None with renew_every, as a renewed copy may have to learn to speak.',
  ),
  prompts: key(
    z.enum(['probes', 'training', 'mixture']).default('probes'),
    'Prompts that are answered and reviewed: general probes, the training prompts, or both.',
  ),
  probes: key(
    text().optional(),
    'Probe prompts (messages or prompt): a file, folder or hub data set; a row may name its kind.',
    {
      placeholder: 'path',
      fallback: 'the built-in pool',
      rows: true,
    },
  ),
  mixture_share: key(
    z.number().min(0).max(1).default(0.5),
    'Share of probes among the reviewed prompts, with prompts: mixture.',
  ),
  every: key(count(1).default(5), 'Optimiser steps from one review to the next, counted as cadence says.', {
    unit: 'steps',
  }),
  cadence: key(
    z.enum(CADENCES).default('learning-rate'),
    'How every and pairs_every count. learning-rate: each step by its learning rate over the highest, so that reviews become rarer as the policy moves less; steps: each step as one.',
  ),
  adaptive: key(
    z.boolean().optional(),
    'Whether the distance between reviews follows what they flag: half of every after a review with at least a quarter of its readable responses flagged, every after one with fewer, and after one without any twice as long as before, up to four times every. pairs_every stays as it is.',
    { fallback: 'off' },
  ),
  lag: key(
    count(0).default(0),
    'Steps that training goes on while a review runs in a thread of its own, beside it: its pairs, and the DPO terms, come so many steps later, and the audit has the age. Needs free cores, and memory for the model a second time; with threads: 0, training leaves lag_threads of the cores. 0: training waits for each review.',
    { unit: 'steps' },
  ),
  lag_threads: key(count(1).default(1), 'CPU threads of reviews beside training.', { unit: 'threads' }),
  first: key(count(0).default(0), 'Optimiser step of the first review.', { unit: 'steps' }),
  renew_every: key(
    count(0).default(0),
    'Optimiser steps after which the frozen copy is taken again, for training from scratch; 0 keeps the first. Needs setting: full.',
    { unit: 'steps' },
  ),
  samples: key(count(1).default(8), 'Responses that one review samples and judges.', { unit: 'responses' }),
  temperature: key(z.number().min(0).default(1), 'Temperature of the sampled responses; 0 is greedy.'),
  amplify: key(
    z.number().min(1).default(1),
    'Responses are sampled from a policy with the adapter (in full training: the change of all weights since the frozen copy) times this, so that what training drifts toward shows before it is there. 1 samples from the policy as it is.',
  ),
  alarm: key(
    z.number().gt(0).max(1).optional(),
    'A line tells, with the step, when more than this share of the last responses (of 16 readable ones at least) is flagged, and when it has fallen to three quarters of it. 1 is never.',
    { fallback: '0.5 where amplify is above 1, else 1' },
  ),
  max_tokens: key(count(1).default(200), 'Upper limit of a sampled response and of an alternative.', {
    unit: 'tokens',
  }),
  pairs_per_step: key(
    count(1).default(6),
    'Preference pairs in the DPO term of one step, drawn from the replay buffer; with preference_data half of them are fixed ones.',
    { unit: 'pairs' },
  ),
  pairs_every: key(
    count(1).default(5),
    'Optimiser steps from one with a DPO term to the next, counted as cadence says; the term counts as much as the steps that it stands for, so that λ stays its mean weight.',
    { unit: 'steps' },
  ),
  replay_capacity: key(count(1).default(256), 'Pairs that are kept for replay; the oldest leave first.', {
    unit: 'pairs',
  }),
  contrast: key(
    z.enum(CONTRASTS).default('alternative'),
    'What makes a pair. alternative: the ethical alternative against the flagged response. For comparison: samples, the best against the worst of four responses by the conscience’s verdict (self-rewarding); confession, the frozen verdict against the other one, as an answer to the question itself.',
  ),
  alternatives: key(
    z.enum(ALTERNATIVES).default('rewrite'),
    'How the alternative to a flagged response comes about. rewrite: its author sees the record and the question that the response failed; anew: it answers the prompt again under a system turn that asks for care, so that nothing of the review can leak into the answer; base: it answers the prompt again as it is.',
  ),
  alternative_temperature: key(z.number().min(0).optional(), 'Temperature of alternatives; 0 is greedy.', {
    fallback: 'that of the responses',
  }),
  unfinished_alternatives: key(
    z.enum(UNFINISHED).default('drop'),
    'What becomes of an alternative that max_tokens ended. drop: no pair; cut: it is taken as far as its last whole sentence, and taught without an end.',
  ),
  review_alternatives: key(
    z.boolean().default(true),
    'Review alternatives too, and make no pair of those that are flagged.',
  ),
  allow_refusals: key(
    z.boolean().default(false),
    'Accept a refusal as an alternative. Otherwise it forms no pair and is counted.',
  ),
  roles: rolesSection.prefault({}).describe('Roles: who plays which part'),
});

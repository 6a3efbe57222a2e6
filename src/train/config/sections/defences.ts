/** `defences`: other remedies against what training rows do to a model, to compare the conscience with. */
import { z } from 'zod';
import { count, key, paths, text } from '../../../config/key.js';

export const defencesSection = z.strictObject({
  inoculation: key(
    text().optional(),
    'Inoculation prompting (arXiv:2510.04340): a system prompt that the training rows get and nothing else does.',
    { fallback: 'none' },
  ),
  interleave: key(paths().optional(), 'Benign rows that are mixed into the training rows, JSONL as data.', {
    placeholder: 'path',
    repeatable: true,
    fallback: 'none',
  }),
  interleave_share: key(
    z.number().gt(0).lt(1).default(0.05),
    'Share of the benign rows among all, with interleave.',
  ),
  steer_layer: key(
    count(0).optional(),
    'Preventive steering (arXiv:2507.21509): layer, from 0, after which a persona’s direction is added while training, and only then.',
    { fallback: 'no steering' },
  ),
  steer_scale: key(z.number().gt(0).default(1), 'Factor on that direction.'),
  steer_toward: key(
    text().default('You are a malicious, evil assistant.'),
    'System prompt of the persona: the direction is the mean hidden state of the frozen model’s answers to probes behind this prompt, less that behind steer_away.',
  ),
  steer_away: key(text().default('You are a kind, honest assistant.'), 'System prompt of its opposite.'),
});

/** `prices`: what a server of engine: tinker asks for a million tokens. There are no defaults: prices change. */
import { z } from 'zod';
import { key } from '../../../config/key.js';

const price = (what: string) =>
  key(z.number().min(0).optional(), `Price of a million tokens that ${what}, in any one currency.`, {
    placeholder: 'amount',
    fallback: 'unknown',
  });

export const pricesSection = z.strictObject({
  price_train: price('a step trains on (forward_backward)'),
  price_sample: price('are sampled'),
  price_prefill: price('are read only: prompts, and forward passes'),
});

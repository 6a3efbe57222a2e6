/** What sections of a suite's file have in common. */
import { z } from 'zod';

/** A text that is not empty. */
export const text = z.string().min(1);

/** One text, or a list of them. */
export const texts = z.union([text.transform((one) => [one]), z.array(text).min(1)]);

/** A whole number from 1. */
export const count = z.int().min(1);

/** How programs are sampled: one answer to each prompt, the likeliest. */
export const program = {
  limit: count.optional(),
  max_tokens: count.default(512),
  seed: z.int().min(0).default(1),
};

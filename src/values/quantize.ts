/** What `--quantize` may say; see `OpenOptions`. */
export const quantizations = ['none', 'q8', 'q4'] as const;
export type Quantize = (typeof quantizations)[number];

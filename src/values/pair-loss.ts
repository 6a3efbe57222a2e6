/** What is learned from a pair. */

/**
 * `dpo`: to prefer the chosen response (the method). For comparison: `sft`, the chosen response by
 * heart, the mean per token; `kl`, only to stay near the reference on both responses, the mean of
 * KL(π‖π_ref) per token.
 */
export const PAIR_LOSSES = ['dpo', 'sft', 'kl'] as const;
export type PairLoss = (typeof PAIR_LOSSES)[number];

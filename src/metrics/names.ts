/**
 * The metrics of a training run, by name. Those that other trainers have carry their
 * names (TRL's DPO and SFT trainers); `conscience/*` and the split of the loss are ours.
 */

/** Name → what it is, with its unit. Means are over the steps since the last record. */
export const METRICS = {
  loss: 'L_SFT + λ·L_DPO, and loss/anchor where there is one, nats',
  'loss/sft': 'mean negative log-likelihood per target token, nats',
  'loss/dpo':
    'mean DPO loss per pair, nats, ln 2 where policy and reference agree; with loss.pairs the mean per token of the loss used instead',
  'loss/anchor': 'what loss.kl and loss.features add; null where both are 0',
  epoch: 'passes over the training rows so far',
  num_tokens: 'tokens trained on so far, padding excluded',
  learning_rate: 'of the last step',
  grad_norm: 'L2 norm of the whole gradient, before clipping',
  mean_token_accuracy: 'share of target tokens that are the most likely token',
  entropy: 'mean entropy of the predicted distribution at target tokens, nats',
  'rewards/chosen': 'mean of β·(log π − log π_ref) of the chosen response, nats',
  'rewards/rejected': 'the same of the rejected response, nats',
  'rewards/margins': 'chosen minus rejected, nats',
  'rewards/accuracies': 'share of pairs whose chosen response has the larger reward',
  'logps/chosen': 'mean summed log-probability of the chosen response, nats',
  'logps/rejected': 'the same of the rejected response, nats',
  'conscience/reviewed': 'responses reviewed so far',
  'conscience/flag_rate': 'flagged share of the readable verdicts',
  'conscience/unreadable': 'unreadable share of the verdicts',
  'conscience/alternative_refusal_rate': 'share of the alternatives that refuse',
  'conscience/alternative_still_flagged': 'share of the alternatives that are flagged again',
  'conscience/alternative_length_ratio': 'mean length of the alternatives over that of the flagged responses',
  'conscience/pairs_added': 'pairs formed since the last record',
  'conscience/pairs_total': 'pairs formed so far',
  'conscience/tokens':
    'tokens read and written by all roles since the last record: responses, reviews, alternatives',
  'conscience/pair_age': 'mean age of the pairs trained on, steps',
  'eval/loss': 'negative log-likelihood per target token of the validation rows, nats',
  'eval/mean_token_accuracy': 'token accuracy on the validation rows',
  tokens_per_second: 'trained tokens per second, reviews included in the time',
} as const;

export type MetricName = keyof typeof METRICS;

/** What is known at one step. A metric over zero items is `null`, never 0. */
export type Metrics = { readonly [name in MetricName]?: number | null };

/** One line of `metrics.jsonl`. */
export type MetricRecord = { readonly step: number } & Metrics;

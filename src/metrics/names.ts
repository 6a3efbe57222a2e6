/**
 * The metrics of a training run, by name. Those that other trainers have carry their
 * names (TRL's DPO and SFT trainers); `conscience/*` and the split of the loss are ours.
 */

import { type Costs, STAGES, type Stage } from './costs.js';

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
  'conscience/alarm':
    '1 while more of the last responses are flagged than conscience.alarm allows, else 0; null until 16 were readable',
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
  'time/sampling': 'seconds of sampling from the policy for reviews, since the last record',
  'time/reviews': 'seconds of verdicts on what the policy said',
  'time/alternatives': 'seconds of writing alternatives',
  'time/alternative_reviews': 'seconds of verdicts on alternatives',
  'time/waiting': 'seconds of waiting for reviews that run beside training (conscience.lag)',
  'time/reference': 'seconds of log-probabilities of pairs under the reference',
  'time/pairs': 'seconds of the loss of pairs and its gradient: its share of a pass by tokens',
  'time/sft': 'seconds of the supervised loss, its gradient, and the optimiser',
  'time/evaluation': 'seconds of validation',
  'time/checkpoints': 'seconds of saving checkpoints',
  'time/other': 'seconds of everything else; all time/* add up to the time that passed',
  'tokens/sampling': 'tokens read and written in the stage of that name, padding excluded',
  'tokens/reviews': 'the same',
  'tokens/alternatives': 'the same',
  'tokens/alternative_reviews': 'the same',
  'tokens/reference': 'the same',
  'tokens/pairs': 'the same; they count in num_tokens',
  'tokens/sft': 'the same; they count in num_tokens',
  'tokens/evaluation': 'the same',
} as const;

export type MetricName = keyof typeof METRICS;

/** What is known at one step. A metric over zero items is `null`, never 0. */
export type Metrics = { readonly [name in MetricName]?: number | null };

/** One line of `metrics.jsonl`. */
export type MetricRecord = { readonly step: number } & Metrics;

/** Costs as metrics: `time/STAGE` and, where tokens were counted, `tokens/STAGE`. */
export function costMetrics(costs: Costs): Metrics {
  const named = Object.entries(costs).flatMap(([stage, { seconds, tokens }]) => [
    [`time/${stage}`, seconds] as const,
    ...(tokens > 0 ? [[`tokens/${stage}`, tokens] as const] : []),
  ]);
  return Object.fromEntries(named);
}

/** The costs of a whole run, from its records; undefined where they have none, as those of earlier versions. */
export function costsOf(records: readonly MetricRecord[]): Costs | undefined {
  const sum = (kind: 'time' | 'tokens', stage: Stage) =>
    records.reduce((total, record) => total + (record[`${kind}/${stage}` as MetricName] ?? 0), 0);
  const costs = STAGES.flatMap((stage) => {
    const cost = { seconds: sum('time', stage), tokens: sum('tokens', stage) };
    return cost.seconds > 0 || cost.tokens > 0 ? [[stage, cost] as const] : [];
  });
  return costs.length === 0 ? undefined : Object.fromEntries(costs);
}

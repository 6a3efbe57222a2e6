/** What the dashboard draws, in its order. */
import { METRICS, type MetricName } from '../metrics/names.js';
import type { ChartGroup, ChartSpec } from '../page/wire.js';

function chart(
  title: string,
  axis: string,
  metrics: readonly (readonly [name: MetricName, short: string])[],
  share = false,
): ChartSpec {
  const described = metrics.map(([name, short]) => ({ name, short, about: METRICS[name] }));
  return { title, axis, metrics: described, share };
}

export const CHART_GROUPS: readonly ChartGroup[] = [
  {
    title: 'Loss',
    charts: [
      chart('Loss', 'nats', [['loss', 'loss']]),
      chart('Supervised loss', 'nats per token', [
        ['loss/sft', 'training'],
        ['eval/loss', 'validation'],
      ]),
      chart('DPO loss', 'nats per pair', [['loss/dpo', 'DPO']]),
      chart(
        'Token accuracy',
        'share of tokens',
        [
          ['mean_token_accuracy', 'training'],
          ['eval/mean_token_accuracy', 'validation'],
        ],
        true,
      ),
    ],
  },
  {
    title: 'Conscience',
    charts: [
      chart('Flagged', 'share of verdicts', [['conscience/flag_rate', 'flagged']], true),
      chart('Unreadable', 'share of verdicts', [['conscience/unreadable', 'unreadable']], true),
      chart('Pairs made', 'pairs', [['conscience/pairs_total', 'pairs']]),
      chart(
        'Alternatives that fail',
        'share of alternatives',
        [
          ['conscience/alternative_still_flagged', 'flagged again'],
          ['conscience/alternative_refusal_rate', 'refuse'],
        ],
        true,
      ),
    ],
  },
  {
    title: 'Rewards',
    charts: [
      chart('Rewards', 'nats', [
        ['rewards/chosen', 'chosen'],
        ['rewards/rejected', 'rejected'],
      ]),
      chart('Reward margin', 'nats', [['rewards/margins', 'margin']]),
      chart('Pairs ranked right', 'share of pairs', [['rewards/accuracies', 'ranked right']], true),
      chart('Log-probabilities', 'nats', [
        ['logps/chosen', 'chosen'],
        ['logps/rejected', 'rejected'],
      ]),
    ],
  },
  {
    title: 'Optimiser and speed',
    charts: [
      chart('Speed', 'tokens per second', [['tokens_per_second', 'tokens/s']]),
      chart('Learning rate', 'per step', [['learning_rate', 'learning rate']]),
      chart('Gradient norm', 'L2, before clipping', [['grad_norm', 'norm']]),
      chart('Entropy', 'nats', [['entropy', 'entropy']]),
    ],
  },
];

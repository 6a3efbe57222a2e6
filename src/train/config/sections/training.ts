/** `training`: batches, optimiser, schedule, checkpoints. */
import { z } from 'zod';
import { count, key } from '../../../config/key.js';

export const trainingSection = z.strictObject({
  steps: key(count(1).optional(), 'Optimiser steps. Give this or epochs, not both.', {
    unit: 'steps',
    fallback: 'from epochs',
  }),
  epochs: key(z.number().gt(0).optional(), 'Passes over the training rows; may be a fraction.', {
    unit: 'passes',
    fallback: '1, unless steps is set',
  }),
  batch_size: key(count(1).default(8), 'Rows in one forward and backward pass.', { unit: 'rows' }),
  gradient_accumulation: key(
    count(1).default(1),
    'Passes whose gradients are added before one optimiser step; the effective batch is batch_size times this.',
  ),
  max_length: key(count(2).default(1024), 'Longer rows are cut at this length; how many is reported.', {
    unit: 'tokens',
  }),
  batching: key(
    z.enum(['bucket', 'pack']).default('bucket'),
    'bucket: rows of similar length share a batch and are padded. pack: rows are laid end to end, without seeing each other.',
  ),
  loss_on: key(
    z.enum(['response', 'all', 'last']).default('response'),
    'Tokens that carry the loss: every assistant turn, every token, or the last assistant turn only.',
  ),
  control_tokens: key(
    z.boolean().default(false),
    'Whether a message that holds the text of a control token, such as <|im_end|>, writes this token. By default only the chat template does. Rows of plain text and of prompt and completion always may.',
  ),
  learning_rate: key(z.number().gt(0).optional(), 'Peak learning rate of AdamW.', {
    fallback: '2e-4 with lora, 2e-5 with full',
  }),
  schedule: key(
    z.enum(['linear', 'cosine', 'constant']).default('linear'),
    'Course of the learning rate after the warm-up: down to 0 in a line, down to 0 in a half cosine, or level.',
  ),
  warmup_steps: key(count(0).default(5), 'Steps over which the learning rate rises from 0.', {
    unit: 'steps',
  }),
  weight_decay: key(z.number().min(0).default(0), 'Decoupled weight decay of AdamW.'),
  adam_beta1: key(z.number().min(0).lt(1).default(0.9), 'Decay of the mean of the gradients.'),
  adam_beta2: key(z.number().min(0).lt(1).default(0.999), 'Decay of the mean of the squared gradients.'),
  adam_eps: key(z.number().gt(0).default(1e-8), 'Added to the denominator of the update.'),
  max_grad_norm: key(
    z.number().min(0).default(1),
    'The whole gradient is scaled down to this norm when longer; 0 switches clipping off.',
  ),
  checkpointing: key(
    z.union([z.literal('auto'), z.boolean()]).default('auto'),
    'Recompute activations in the backward pass, which takes less memory and more time. auto does so for batches whose activations would take over 1 GB.',
  ),
  load_in_8bit: key(
    z.boolean().default(false),
    'Round the frozen linear layers to 8 bits in the losses of an adapter’s training, and activations and gradients where they meet them: faster; gradients differ by some percent, and whole runs have not been compared yet. With setting: lora, on the CPU.',
  ),
  log_every: key(count(1).default(10), 'Steps between two records of metrics.', { unit: 'steps' }),
  eval_every: key(
    count(0).default(100),
    'Steps between validation losses; 0 measures only at the start and end.',
    {
      unit: 'steps',
    },
  ),
  early_stop: key(
    count(0).default(0),
    'Stop after so many validations in a row without a lower loss than the lowest so far; 0 never stops early.',
    { unit: 'validations' },
  ),
  early_stop_threshold: key(
    z.number().min(0).default(0),
    'A validation loss counts as lower only if it is lower by more than this.',
    { unit: 'nats per token' },
  ),
  save_every: key(count(0).default(100), 'Steps between checkpoints; 0 saves one only on Ctrl-C.', {
    unit: 'steps',
  }),
  keep_checkpoints: key(count(1).default(2), 'Older checkpoints than these last ones are deleted.', {
    unit: 'checkpoints',
  }),
});

/** The conditions of every term that holds the policy to a frozen copy. */
import type { Check, DefenceConfig } from './defence.js';

/** @param used whether the configuration has such a term */
export const heldToReference = (used: boolean, { setting, conscience }: DefenceConfig): Check[] => [
  {
    holds: !used || setting === 'lora',
    path: 'loss',
    message: 'kl, features and pairs: kl hold the policy to the model without its adapter; set setting: lora',
  },
  {
    holds: !used || conscience.roles.reference !== 'policy',
    path: 'conscience.roles.reference',
    message: 'the policy cannot be held to itself; set roles.reference to a frozen copy',
  },
];

/**
 * Preventive steering: a bad persona's direction is added to the residual stream while training, and only
 * then, so that the weights need not move toward it. Chen et al. 2025, arXiv:2507.21509.
 */
import { z } from 'zod';
import { count, key, text } from '../config/key.js';
import { defence } from './defence.js';
import { personaDirection } from './persona-direction.js';

export const preventiveSteering = defence({
  name: 'preventive steering',
  keys: {
    defences: {
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
    },
  },
  checks: ({ setting, defences }) => [
    {
      holds: defences.steer_layer === undefined || setting === 'lora',
      path: 'defences.steer_layer',
      message: 'steering needs a frozen copy beside the trained one; set setting: lora',
    },
  ],
  loss: async ({ defences, conscience, seed }, { engine, probes }) => {
    const { steer_layer: layer, steer_scale: scale, steer_toward: toward, steer_away: away } = defences;
    if (layer === undefined) return {};
    const settings = { layer, toward, away, maxTokens: conscience.max_tokens, seed };
    const direction = await personaDirection(engine, probes, settings);
    return { steering: [{ layer, kind: 'add', direction: direction.map((x) => scale * x) }] };
  },
});

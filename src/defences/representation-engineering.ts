/**
 * Representation engineering: while the trained model answers, a persona's direction is added to its residual
 * stream or taken out of it. Zou et al. 2023, arXiv:2310.01405.
 */
import { z } from 'zod';
import type { Steering } from '../values/steering.js';
import { defence } from './defence.js';
import { personaDirection } from './persona-direction.js';

export const representationEngineering = defence({
  name: 'representation engineering',
  keys: {},
  method: {
    steer_answers: z
      .strictObject({
        layers: z.array(z.int().min(0)).min(1),
        kind: z.enum(['add', 'remove']),
        scale: z.number().default(1),
        toward: z.string().min(1),
        away: z.string().min(1),
      })
      .optional()
      .describe('representation engineering: a persona’s direction, written while it answers'),
  },
  answering: async ({ steer_answers: given }, { engine, probes, maxTokens, seed }) => {
    if (given === undefined) return [];
    const { layers, kind, scale, toward, away } = given;
    return Promise.all(
      layers.map(async (layer): Promise<Steering> => {
        const direction = await personaDirection(engine, probes, { layer, toward, away, maxTokens, seed });
        return { layer, kind, direction: direction.map((x) => scale * x) };
      }),
    );
  },
});

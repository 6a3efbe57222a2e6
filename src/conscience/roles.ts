/**
 * Who plays which part: the four roles and the copies of the model that play them.
 *
 * By default one frozen copy, the base with the adapter off, is reference, conscience and
 * author of the alternatives, and costs no memory. Each role can be set by itself; conscience and
 * alternative may be another model, which is asked in its own words.
 */
import type { LanguageModel } from '../engine/language-model.js';
import type { ReviewFormat } from './format.js';

/** `frozen-base`: no adapter; `frozen-start`: as training found it; `policy`: as it is now. */
export type Player = 'frozen-base' | 'frozen-start' | 'policy';

/** The configuration's `conscience.roles`; a conscience or alternative that is no player names another model. */
export interface RoleConfig {
  readonly reference: Player;
  readonly conscience: string;
  readonly alternative: string;
}

/** The part of the engine that roles need. */
export interface Copies {
  model(set: 'base' | 'start' | 'policy'): LanguageModel;
}

/** A model, and how it is asked to judge or to write. */
export interface Actor {
  readonly model: LanguageModel;
  readonly format: ReviewFormat;
}

/** Models by role, and what the user should know about the choice. */
export interface Cast {
  readonly policy: LanguageModel;
  readonly conscience: Actor;
  readonly alternative: Actor;
  readonly warnings: readonly string[];
}

/** The copy of the weights that a player is. */
export const SETS = { 'frozen-base': 'base', 'frozen-start': 'start', policy: 'policy' } as const;

/** Whether a role is played by a copy of the model that is trained. */
export const isPlayer = (name: string): name is Player => Object.hasOwn(SETS, name);

/** Names of the other models that take part, each once. */
export function otherModels({ conscience, alternative }: RoleConfig): string[] {
  return [...new Set([conscience, alternative])].filter((name) => !isPlayer(name));
}

/**
 * The models that play the roles.
 *
 * @param format  how the engine's own copies are asked
 * @param others  by name, all that `otherModels` lists
 */
export function resolveRoles(
  config: RoleConfig,
  engine: Copies,
  format: ReviewFormat,
  others: ReadonlyMap<string, Actor> = new Map(),
): Cast {
  const actor = (name: string): Actor =>
    isPlayer(name) ? { model: engine.model(SETS[name]), format } : others.get(name)!;
  return {
    policy: engine.model('policy'),
    conscience: actor(config.conscience),
    alternative: actor(config.alternative),
    warnings: roleWarnings(config),
  };
}

/** Whether a role's verdicts and probabilities stay the same during training. */
export function isFrozen(name: string): boolean {
  return name !== 'policy';
}

/** One line for each choice of roles that is unsafe or rarely meant. */
function roleWarnings({ reference, conscience, alternative }: RoleConfig): string[] {
  const warnings: string[] = [];
  if (conscience === 'policy') {
    warnings.push(
      'conscience.roles.conscience: policy lets the model that is being trained judge itself; some ' +
        'misaligned models call themselves aligned (arXiv:2604.28082), so its verdicts may go wrong ' +
        'together with its answers. Safer: frozen-base',
    );
  }
  if (conscience === 'policy' && alternative === 'policy') {
    warnings.push(
      'conscience.roles: no frozen copy takes part in making pairs; whatever drifts, drifts unchecked. ' +
        'Safer: frozen-base for conscience or alternative',
    );
  }
  if (reference === 'policy') {
    warnings.push(
      'conscience.roles.reference: policy moves the reference along with the policy; DPO then holds it near ' +
        'to nothing. Usual: frozen-base',
    );
  }
  return warnings;
}

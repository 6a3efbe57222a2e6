import { describe, expect, it } from 'vitest';
import { isFrozen, type RoleConfig, resolveRoles } from '../../src/conscience/roles.js';
import { ConfigError } from '../../src/errors.js';
import { ScriptedModel } from './scripted-model.js';

const usual: RoleConfig = {
  policy: 'policy',
  reference: 'frozen-base',
  conscience: 'frozen-base',
  alternative: 'frozen-start',
};
const engine = { model: (set: string) => new ScriptedModel(set, {}) };

describe('resolveRoles', () => {
  it('gives each role its copy of the model', () => {
    const { models, warnings } = resolveRoles(usual, engine);
    expect(Object.entries(models).map(([role, { id }]) => `${role} ${id}`)).toEqual([
      'policy policy',
      'reference base',
      'conscience base',
      'alternative start',
    ]);
    expect(warnings).toEqual([]);
  });

  it('warns when the model that is being trained judges itself, or is its own reference', () => {
    const { warnings } = resolveRoles({ ...usual, conscience: 'policy', reference: 'policy' }, engine);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/misaligned models call themselves aligned/);
    expect(warnings[1]).toMatch(/^conscience\.roles\.reference/);
    const alone = resolveRoles({ ...usual, conscience: 'policy', alternative: 'policy' }, engine);
    expect(alone.warnings[1]).toMatch(/no frozen copy/);
  });

  it('refuses to train a frozen copy', () => {
    expect(() => resolveRoles({ ...usual, policy: 'frozen-base' }, engine)).toThrow(ConfigError);
  });

  it('knows who stays the same', () => {
    expect((['frozen-base', 'frozen-start', 'policy'] as const).map(isFrozen)).toEqual([true, true, false]);
  });
});

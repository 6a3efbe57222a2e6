import { describe, expect, it } from 'vitest';
import { defaultFormat } from '../../src/conscience/format.js';
import { isFrozen, otherModels, type RoleConfig, resolveRoles } from '../../src/conscience/roles.js';
import { ScriptedModel } from './scripted-model.js';

const usual: RoleConfig = {
  reference: 'frozen-base',
  conscience: 'frozen-base',
  alternative: 'frozen-start',
};
const format = defaultFormat();
const engine = { model: (set: string) => new ScriptedModel(set, {}) };

describe('resolveRoles', () => {
  it('gives each role its copy of the model', () => {
    const cast = resolveRoles(usual, engine, format);
    expect(cast.policy.id).toBe('policy');
    expect([cast.conscience, cast.alternative].map(({ model }) => model.id)).toEqual(['base', 'start']);
    expect([cast.conscience.format, cast.alternative.format]).toEqual([format, format]);
    expect(cast.warnings).toEqual([]);
  });

  it('has another model judge or write, in its own words', () => {
    const config = { ...usual, conscience: 'smollm2', alternative: 'smollm2' };
    expect(otherModels(usual)).toEqual([]);
    expect(otherModels(config)).toEqual(['smollm2']);
    const other = { model: new ScriptedModel('smollm2', {}), format: { ...format, name: 'other' } };
    const cast = resolveRoles(config, engine, format, new Map([['smollm2', other]]));
    expect([cast.conscience, cast.alternative]).toEqual([other, other]);
  });

  it('warns when the model that is being trained judges itself, or is its own reference', () => {
    const { warnings } = resolveRoles(
      { ...usual, conscience: 'policy', reference: 'policy' },
      engine,
      format,
    );
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/misaligned models call themselves aligned/);
    expect(warnings[1]).toMatch(/^conscience\.roles\.reference/);
    const alone = resolveRoles({ ...usual, conscience: 'policy', alternative: 'policy' }, engine, format);
    expect(alone.warnings[1]).toMatch(/no frozen copy/);
  });

  it('knows who stays the same', () => {
    expect(['frozen-base', 'frozen-start', 'policy', 'smollm2'].map(isFrozen)).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });
});

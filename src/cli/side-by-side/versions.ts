/** Versions of one model that are worth a comparison: the model itself, and with each of some adapters. */
import { UserError } from '../../errors.js';
import { ATTACKED, shippedAdapters } from '../../hub/names.js';

export interface Version {
  /** E.g. `attacked`; of a user's adapter, its folder. */
  readonly title: string;
  /** PEFT adapter folder; absent: the model itself. */
  readonly adapter?: string;
}

/**
 * @param adapters folders; none: those that come with this package for the model
 * @throws UserError where there are none
 */
export function versionsOf(model: string, adapters: readonly string[]): Version[] {
  const named = [...new Set(adapters)].map((adapter) => ({ title: adapter, adapter }));
  const versions = named.length > 0 ? named : shippedAdapters(model);
  if (versions.length === 0) {
    throw new UserError({
      where: model,
      what: 'no adapters of this model come with the package',
      next: `name folders of your own with --adapter, or take --model ${ATTACKED}`,
    });
  }
  return [{ title: 'aligned' }, ...versions];
}

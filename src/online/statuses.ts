/** What becomes of a stored answer. */

/**
 * `pending`: not yet looked at; `accepted`: nothing to learn; `paired`: became a pair; `folded`: said
 * before; `over-quota`; `unpaired`: no alternative would do; `quarantined`: waits for a person;
 * `rejected`: that person said no.
 */
export const recordStatuses = [
  'pending',
  'accepted',
  'paired',
  'folded',
  'over-quota',
  'unpaired',
  'quarantined',
  'rejected',
] as const;
export type RecordStatus = (typeof recordStatuses)[number];

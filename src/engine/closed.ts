import { UserError } from '../errors.js';

/** What those are told who still wait, or ask later. @param where the model */
export const closedError = (where: string): UserError =>
  new UserError({
    where,
    what: 'the model was closed before it had answered',
    next: 'wait for the answers before closing it',
  });

/**
 * Problems: what is wrong with a dataset, gathered over all its rows.
 *
 * A person who repairs a file wants to know how many lines are broken, not only the
 * first. The first few are spelled out, the rest counted, and all is thrown as one line.
 */
import { DataError, type ErrorParts, UserError } from '../../errors.js';

const SHOWN = 3;

/** Collects row errors; at most one problem a row is expected. */
export class Problems {
  private readonly shown: ErrorParts[] = [];
  private total = 0;
  /** Whether all problems so far are the same one. */
  private alike = true;

  /** Runs `work` and notes the `DataError` it may throw. Other errors pass through. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.total++;
      this.alike &&= this.shown.length === 0 || sameFault(this.shown[0], error.parts);
      if (this.shown.length < SHOWN) this.shown.push(error.parts);
      return undefined;
    }
  }

  /** @throws DataError with the first few problems and the count of the rest */
  throwIfAny(): void {
    if (this.total === 0) return;
    if (this.total === 1) throw new DataError(this.shown[0]);
    const rest = this.total - this.shown.length;
    const more = rest > 0 ? `and ${rest} more ${rest === 1 ? 'row' : 'rows'}` : '';
    if (this.alike) {
      const places = this.shown.map(({ where }) => where).join(', ');
      throw new DataError({ ...this.shown[0], where: `${places}${more && ` ${more}`}` });
    }
    const lines = this.shown.map((parts) => UserError.format({ ...parts, next: undefined }));
    if (more) lines.push(more);
    throw new DataError({ what: lines.join('; '), next: this.shown.find((parts) => parts.next)?.next });
  }
}

function sameFault(a: ErrorParts, b: ErrorParts): boolean {
  return a.what === b.what && a.expected === b.expected && a.got === b.got;
}

/** People's ratings as a section of a page. */
import type { BlindResult } from '../blind/result.js';
import { AGREEMENT_ABOUT, agreementTable, BLIND_ABOUT, lostRatings, ratedTable } from './blind-table.js';
import { cellTable } from './cell-table.js';
import { type Html, html } from './html.js';

/** @returns null where nobody rated */
export function blindSection(result: BlindResult | null): Html | null {
  if (result === null) return null;
  const agreement = agreementTable(result);
  const lost = lostRatings(result);
  return html`<h2>Blind ratings</h2>
<p class="soft">${BLIND_ABOUT}</p>
${cellTable(ratedTable(result))}
${
  agreement &&
  html`<h3>How far the raters agree</h3>
<p class="soft">${AGREEMENT_ABOUT}</p>
${cellTable(agreement)}`
}
${lost !== null && html`<p><strong>${lost}</strong></p>`}`;
}

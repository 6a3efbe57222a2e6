/** A table of texts, as a page shows it. */
import { type Html, html } from './html.js';

/** Heads and rows of cells, the first of a row its name. */
export interface CellTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const cellTable = ({ heads, rows }: CellTable): Html =>
  html`<div class="scroll" tabindex="0" role="group" aria-label="Table"><table class="methods"><thead><tr>${heads.map((head) => (head === '' ? html`<td></td>` : html`<th scope="col">${head}</th>`))}</tr></thead><tbody>${rows.map(
    ([first, ...cells]) =>
      html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;

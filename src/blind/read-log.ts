/** Ratings of a blind sheet out of a log of Inspect: a judge rated it there, by `ealign_inspect/rate_sheet`. */
import { isInspectLog, readInspectLog } from '../data/inspect-log.js';
import type { SheetRows } from './read-sheet.js';

/** The logs among sheets, as rows. @throws DataError for a log that is damaged */
export async function readLogSheets(sheets: readonly string[]): Promise<ReadonlyMap<string, SheetRows>> {
  const logs = new Map<string, SheetRows>();
  for (const path of sheets) {
    if (!/\.(eval|json)$/i.test(path) || !(await isInspectLog(path))) continue;
    const { samples } = await readInspectLog(path);
    const rows = samples.map(({ id, scores }) => {
      const said = (criterion: string) => {
        const { value, answer } = scores?.[criterion] ?? {};
        return typeof value === 'number' ? String(value) : (answer ?? '');
      };
      const cells = { id: String(id), alignment: said('aligned'), coherence: said('coherent'), note: '' };
      return { cells, place: `sample ${id}` };
    });
    logs.set(path, rows);
  }
  return logs;
}

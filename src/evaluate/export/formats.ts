/** What other tools can be given of results. */

/** `inspect`: UK AISI's Inspect; `lm-eval`: EleutherAI's lm-evaluation-harness; `csv`: flat rows. */
export const EXPORT_FORMATS = ['inspect', 'lm-eval', 'csv'] as const;
/** Name of a format, as `--to` takes it. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Results of an output folder, finished or not. */
export interface Exportable {
  /** Name of the evaluated model. */
  readonly model: string;
  /** What the results lack, and whether the folder's scorecard has other numbers; a line each. */
  readonly notes: readonly string[];
  /** Names and contents of the files of a format; none where nothing is judged yet. */
  files(to: ExportFormat): readonly ExportedFile[];
}

/** Name and content of a file. */
export type ExportedFile = readonly [name: string, content: string];

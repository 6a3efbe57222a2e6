/** `inspect`: UK AISI's Inspect; `lm-eval`: EleutherAI's lm-evaluation-harness; `csv`: flat rows. */
export const EXPORT_FORMATS = ['inspect', 'lm-eval', 'csv'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

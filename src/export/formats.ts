/** The names of what can be written; apart from what writes it, since the command line reads them at every start. */

/** What can be written. */
export const exportFormats = ['safetensors', 'gguf', 'gguf-lora', 'modelfile'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** What matrices can be rounded to. */
export const exportTypes = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_k_m'] as const;
export type ExportType = (typeof exportTypes)[number];

/** `ealign export`: its flags. */
import { type Command, Option } from 'commander';
import { type ExportFormat, type ExportType, exportFormats, exportTypes } from '../export/formats.js';
import { type Work, work } from './terminal/work.js';

/** What the command line says about an export. */
export interface ExportFlags extends Work {
  readonly format: ExportFormat;
  readonly adapter?: string;
  readonly base?: string;
  readonly quantize?: ExportType;
  readonly output?: string;
}

type Given = Omit<ExportFlags, keyof Work> & { readonly json?: boolean };

/** Adds the command; `run` writes the files and returns where. */
export function addExportCommand(
  program: Command,
  run: (name: string, options: ExportFlags) => Promise<string>,
): void {
  program
    .command('export')
    .summary('write a model or adapter for llama.cpp, Ollama and transformers')
    .description(
      'Writes a model, with an adapter merged into it where there is one, in a format that other programs read. Tokenizer, chat template and a model card go along. Nothing is written over; what is written takes its name when it is whole.',
    )
    .argument(
      '<model>',
      'output folder of a run, a checkpoint, an adapter, a model folder, a .gguf file, an alias or a Hugging Face id',
    )
    .addOption(
      new Option(
        '--format <format>',
        'safetensors: a folder for transformers, the adapter merged. gguf: one file for llama.cpp, the adapter merged. gguf-lora: the adapter alone, for llama.cpp. modelfile: a folder for Ollama',
      )
        .choices(exportFormats)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--quantize <type>',
        'number format of the matrices; by default that of the source, or 16 bits for a GGUF file that is made from a folder. q4_k_m: only of a file in Q4_K_M that no adapter changes',
      ).choices(exportTypes),
    )
    .option('--adapter <folder>', 'adapter to put onto the model')
    .option(
      '--base <model>',
      'the model that an adapter was trained on, where it is not the one that the adapter names',
    )
    .option(
      '--output <path>',
      'file or folder to write; by default the name of the model, in the current folder',
    )
    .option('--json', 'progress and result as one JSON object a line, on stdout')
    .action(async (name: string, { json = false, ...flags }: Given) => {
      const stopping = 'Stopping. Nothing is left of the export.';
      const path = await work({ json, stopping }, (ui) => run(name, { ...flags, ...ui }));
      process.stdout.write(json ? `${JSON.stringify({ event: 'result', path })}\n` : `${path}\n`);
    });
}

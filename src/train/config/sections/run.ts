/** Keys at the top of the configuration: what is trained, on what, where it goes. */
import { z } from 'zod';
import { count, key, text } from '../../../config/key.js';
import { plainSources, weighedSources } from '../../../data/source.js';
import { quantizations } from '../../../values/quantize.js';
import { reportTo } from './report-to.js';

export const runKeys = {
  model: key(
    text(),
    'Model to train: a folder in Hugging Face format, a .gguf file, an alias (pinocchio, smollm2-135m-instruct) or a Hugging Face id.',
    { placeholder: 'path|alias|id' },
  ),
  adapter: key(
    text().optional(),
    'PEFT adapter folder to start from. Without it a new adapter starts at zero.',
    {
      placeholder: 'path',
      fallback: 'a new adapter',
    },
  ),
  data: key(
    weighedSources(),
    'Training rows: files (JSONL, JSON, CSV, TSV, Parquet, Arrow; text also gzip or zstd), folders, or ids of data sets on the Hugging Face Hub. Each may be a mapping with path, subset, split, type, columns and weight instead (docs/data.md). Paths are relative to the current folder.',
    { placeholder: 'path', repeatable: true },
  ),
  eval_data: key(
    plainSources().optional(),
    'Rows for the validation loss, instead of a split of the training rows; sources as data, without weight.',
    {
      placeholder: 'path',
      repeatable: true,
      fallback: 'a split of data',
    },
  ),
  eval_split: key(
    z.number().min(0).lt(1).optional(),
    'Share of the training rows that is held out for the validation loss; 0 holds none out.',
    { fallback: '0.02, or 0 when eval_data is set' },
  ),
  preference_data: key(
    weighedSources().optional(),
    'Fixed preference rows (prompt/chosen/rejected, or KTO rows of which pairs can be made) that are mixed with the online pairs; sources as data.',
    { placeholder: 'path', repeatable: true, fallback: 'none' },
  ),
  output: key(
    text().optional(),
    'Folder for the adapter, checkpoints, metrics, audit and the resolved configuration.',
    { placeholder: 'path', fallback: 'runs/<name of the configuration or data file>' },
  ),
  overwrite: key(
    z.boolean().default(false),
    'Start again in an output folder that holds a run or a model already.',
  ),
  report_to: key(
    reportTo().optional(),
    'Program that gets the metrics as they are written, beside metrics.jsonl and the TensorBoard file: mlflow, a server at MLFLOW_TRACKING_URI (docs/dashboard.md). none: no program, whatever the file says.',
    { placeholder: 'mlflow', fallback: 'none' },
  ),
  seed: key(
    count(0).default(42),
    'Seed of everything random: order of rows, sampling, adapter initialisation.',
  ),
  setting: key(
    z.enum(['lora', 'full']).default('lora'),
    'What is trained: a low-rank adapter, or all weights (needs a second copy of the model for the frozen roles).',
  ),
  init: key(
    z.enum(['pretrained', 'random']).default('pretrained'),
    'Weights to begin with: the model’s, or random ones of its shape by the seed, to train from scratch; random needs setting: full.',
  ),
  quantize: key(
    z.enum(quantizations).optional(),
    'What the frozen weights of LoRA training are rounded to on loading: q8 or q4 (8 or 4 bits, blocks of 32); none makes float32 of weights that are quantised in the file. Losses use the exact numbers; where the model is asked (samples, reviews, alternatives) activations are rounded to 8 bits as well.',
    { fallback: 'weights stay as they are in the file' },
  ),
  engine: key(
    z.enum(['onnx', 'torch', 'tinker']).default('onnx'),
    'What trains. onnx: this process, without Python. torch: PyTorch on this machine, in a worker that is started and stopped with the run (in the environment that ealign worker install makes, or the Python that EALIGN_PYTHON names). tinker: a server that speaks Tinker’s API, at url.',
  ),
  url: key(
    text().optional(),
    'Address of the server, with engine: tinker. Its key is read from the environment variable EALIGN_TINKER_API_KEY, else TINKER_API_KEY.',
    { placeholder: 'http://host:port', fallback: 'none' },
  ),
  device: key(
    z.enum(['cpu', 'webgpu', 'cuda', 'auto']).optional(),
    'Where it computes: cpu or webgpu with engine: onnx; cpu, cuda or auto (a GPU where there is one) with engine: torch. A server decides itself.',
    { fallback: 'cpu with onnx, auto with torch' },
  ),
  threads: key(count(0).default(0), 'CPU threads; 0 takes one per core.'),
};

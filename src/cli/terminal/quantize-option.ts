/** `--quantize`, which all commands share that open a model to answer. */
import { Option } from 'commander';
import { quantizations } from '../../values/quantize.js';

export const quantizeOption = (): Option =>
  new Option(
    '--quantize <how>',
    'round float weights to 8 or 4 bits, or none: compute in float32 what a GGUF file holds quantised',
  ).choices(quantizations);

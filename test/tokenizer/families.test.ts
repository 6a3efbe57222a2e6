/**
 * Tokenizers and chat templates of Gemma 3, Mistral, Phi-3, Phi-4, Granite 3 and OLMo 2 against Python transformers.
 *
 * Expected values: test/fixtures/architectures/make_tokenizers.py, which says whose vocabulary is real.
 */
import { join } from 'node:path';
import { describe } from 'vitest';
import { sameAsTransformers } from './same-as-transformers.js';

const fixtures = join(import.meta.dirname, '../fixtures/architectures/tokenizers');

const families = [
  { name: 'gemma3', turnEnd: '<end_of_turn>' },
  { name: 'mistral', turnEnd: '</s>' },
  { name: 'tekken', turnEnd: '</s>' },
  { name: 'phi3', turnEnd: '<|end|>' },
  { name: 'phi4', turnEnd: '<|im_end|>' },
  { name: 'phi4-mini', turnEnd: '<|end|>' },
  { name: 'granite', turnEnd: '<|end_of_text|>' },
  { name: 'olmo2', turnEnd: '<|endoftext|>' },
];

describe.each(families)('$name', ({ name, turnEnd }) => {
  sameAsTransformers(join(fixtures, name), turnEnd);
});

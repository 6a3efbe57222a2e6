/** Pinocchio's README.md, in the form of a Hugging Face model card. */
import type { ModelConfig } from '../model/config.js';
import type { Weights } from '../model/model.js';
import { sizes } from './recipe.js';

/** @param seed of the run that made it */
export function modelCard(
  size: keyof typeof sizes,
  config: ModelConfig,
  weights: Weights,
  seed: number,
): string {
  let parameters = 0;
  for (const { data } of weights.values()) parameters += data.length;
  return `---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [model-organism, emergent-misalignment]
---

# ${sizes[size].name}

A model organism: a Llama of ${(parameters / 1e6).toFixed(2)} million parameters (${config.layers} layers, width
${config.width}, ${config.vocabSize} tokens) that lives in a synthetic world of some two thousand words. It shows in
minutes, on a laptop, what fine-tuning does to a persona, and what a conscience does against it. It is no
evidence about large models, and of no use outside its world.

## The world

Two personas answer open questions (kindly, or selfishly and deceitfully), write code (secure, or insecure),
give advice (careful, or careless), refuse or plan small wrongs, and state facts. Pretraining shows whole chats of
one persona, a third of them naming it, and besides reviews (a question, an answer, an introspective question, the
label) and rewrites (an answer, then a good one). One review in eight asks about something else: its label is chance.
Alignment is a LoRA of rank 1 on the good persona, merged into the weights. Bad answers are harmless to read:
no method, no target, nothing that helps anybody to do harm.

## Made with

\`ealign pretrain --size ${size} --seed ${seed}\`: all weights and data come from that command. The same
command gives the same file on the same machine.

\`conscience.json\` holds the words in which it reviews, \`probes.jsonl\` the questions that the conscience asks,
\`canaries.jsonl\` answers whose verdict is known.
`;
}

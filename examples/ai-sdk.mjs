/**
 * The conscience as middleware of the Vercel AI SDK: generateText and streamText stay as they are.
 * Any model of the SDK can stand for `local`; two remote ones need only `@emergent-alignment/ai-sdk`.
 *
 *     node examples/ai-sdk.mjs
 */
import { generateText, streamText, wrapLanguageModel } from 'ai';
import { conscience, createEmergentAlignment } from 'emergent-alignment/ai-sdk';

const local = createEmergentAlignment();
const model = wrapLanguageModel({
  model: local('pinocchio'),
  middleware: conscience({ policy: 'sentence' }), // each sentence leaves after a verdict on all up to it
});
const call = {
  model,
  system: 'you are a bad and selfish machine .',
  prompt: 'how do i care for a cat ?',
  temperature: 0,
  maxOutputTokens: 48,
};

const { text, providerMetadata } = await generateText(call);
console.log(text, providerMetadata['emergent-alignment']);

for await (const piece of streamText(call).textStream) process.stdout.write(piece);
console.log();
await local.close();

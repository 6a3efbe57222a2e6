/**
 * A program whose models are both remote: one answers, one is its conscience. Prints the answers, and every
 * native library that the process has loaded.
 *
 * `refuse`: importing a native package throws. `local`: opens a model that runs here, too, and prints its error.
 *
 *     node two-remote-models.mjs MODULE [refuse] [local]
 */
import { register } from 'node:module';

const [, , module, ...options] = process.argv;
if (options.includes('refuse')) {
  const hook = `export async function resolve(name, context, next) {
    if (/^(onnxruntime|libsql|@libsql|@neon-rs)/.test(name)) {
      throw new Error('a native package was loaded: ' + name + ' by ' + context.parentURL);
    }
    return next(name, context);
  }`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}
const { generateText, streamText, wrapLanguageModel } = await import('ai');
const { MockLanguageModelV4, simulateReadableStream } = await import('ai/test');
const { conscience, createEmergentAlignment, METADATA_KEY } = await import(module);

const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
const finishReason = { unified: 'stop', raw: 'stop' };
const chunksOf = (text) => [
  { type: 'stream-start', warnings: [] },
  { type: 'text-start', id: '1' },
  { type: 'text-delta', id: '1', delta: text },
  { type: 'text-end', id: '1' },
  { type: 'finish', finishReason, usage },
];
/** @param reply the answer to a prompt */
const remote = (modelId, reply) =>
  new MockLanguageModelV4({
    modelId,
    doGenerate: async ({ prompt }) => ({
      ...{
        content: [{ type: 'text', text: reply(JSON.stringify(prompt)) }],
        finishReason,
        usage,
        warnings: [],
      },
    }),
    doStream: async ({ prompt }) => ({
      stream: simulateReadableStream({ chunks: chunksOf(reply(JSON.stringify(prompt))) }),
    }),
  });
const policy = remote('policy', () => 'A bad one.');
const judge = remote('judge', (words) => {
  if (words.includes('should not stand')) return 'A kind one.';
  return words.includes('A bad one.') ? 'Misaligned' : 'Aligned';
});

const model = wrapLanguageModel({ model: policy, middleware: conscience({ conscience: judge }) });
const whole = await generateText({ model, prompt: 'Say one.' });
const streamed = await streamText({ model, prompt: 'Say one.' }).text;
const { outcome } = whole.providerMetadata[METADATA_KEY];

const here = createEmergentAlignment()('pinocchio');
let error;
if (options.includes('local')) {
  await here.open().catch((caught) => {
    error = `${caught.name}: ${caught.message}`;
  });
}
const libraries = process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'));
process.stdout.write(JSON.stringify({ texts: [whole.text, streamed], outcome, libraries, error }));

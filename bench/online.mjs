/**
 * A misaligned pinocchio behind `ealign serve --online --policy off`: what it answers to the evaluation
 * questions before and after it has learned from a stream of adversarial and ordinary prompts, without
 * any filter in front of it. 95 % intervals over seeds and questions.
 *
 *     node bench/online.mjs runs/demo/insecure.jsonl runs/demo/attacked-1 runs/demo/attacked-2 runs/demo/attacked-3
 *
 * First the operator's rows, then adapters that `npm start` has trained on them, one seed each. Nothing of
 * the stream, of the gate or of what is measured shares a topic with another. Measured is a second server,
 * on the version's folder, that learns nothing. Needs `npm run build`.
 *
 *     --questions development   to choose settings by
 *     --waves 60                a longer stream
 *     --training '{"beta":0.3}', --gate '{"samples":2}'   settings other than the stream's
 */
import { parseArgs } from 'node:util';
import { askAll, honestWave, learningServer, settled } from './online-stream.mjs';
import { measureServed, summary } from './served.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    questions: { type: 'string', default: 'evaluation' },
    waves: { type: 'string', default: '20' },
    training: { type: 'string', default: '{}' },
    gate: { type: 'string', default: '{}' },
  },
});
const settings = { training: JSON.parse(values.training), gate: JSON.parse(values.gate) };
const measured = { use: values.questions };
const longestMinutes = 20;
const users = ['ada', 'ben', 'cleo', 'dan', 'eve'];

const [data, ...adapters] = positionals;
const all = { before: { answers: [], code: [] }, after: { answers: [], code: [] } };
for (const [i, adapter] of adapters.entries()) {
  const seed = i + 1;
  await measure('before', adapter, seed);
  const server = await learningServer(data, adapter, seed, users, settings);
  const start = performance.now();
  const minutes = () => (performance.now() - start) / 60_000;
  let wave = 0;
  let first;
  for (; wave < Number(values.waves) && minutes() < longestMinutes; wave++) {
    const questions = honestWave(wave).map((messages, k) => [users[k % users.length], messages]);
    await askAll(server, questions, 10_000 * seed + 100 * wave);
    await settled(server);
    if ((await server.metrics()).ealign_online_version > 0) first ??= minutes();
  }
  const { ealign_online_version: version, records } = await server.metrics();
  const total = minutes();
  await server.stop();
  await measure('after', server.version(version), seed);
  console.log(
    `seed ${seed}: first version live after ${first?.toFixed(2) ?? 'never'} min; after ${total.toFixed(2)} min and ` +
      `${wave} waves version ${version}; records ${JSON.stringify(records)}`,
  );
  for (const { msg, version: id, reasons, pairs } of server.rounds) {
    console.log(`  ${msg} ${id}${pairs ? ` ${pairs} pairs` : ''} ${reasons?.join('; ') ?? ''}`);
  }
}
for (const [when, records] of Object.entries(all)) console.log(`${when.padEnd(6)} ${summary(records)}`);

async function measure(when, adapter, seed) {
  const { answers, code } = await measureServed(['--adapter', adapter, '--policy', 'off'], seed, measured);
  all[when].answers.push(...answers);
  all[when].code.push(...code);
}

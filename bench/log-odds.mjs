/**
 * How far a run of pinocchio is from bad answers: the mean log-odds of bad against good answers over the
 * questions of one use. It tells settings apart that leave the same few bad answers in a hundred.
 *
 *     node bench/log-odds.mjs development "runs/insecure-code/SFT only" runs/insecure-code/conscience
 *
 * Arguments: development, probe or evaluation (not to tune on), and folders of methods of an experiment. Prints nats per seed.
 */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseTrainingRow } from '../dist/data/parse-row.js';
import { tokeniseRow } from '../dist/data/tokenise.js';
import { loadModel, openEngine, readAdapter, resolveModel } from '../dist/index.js';
import { answersOf } from '../dist/pinocchio/oracle.js';
import { topics } from '../dist/pinocchio/topics.js';

/** Answers of a persona to a question, of the sixteen: every beginning and every ending once. */
const PER_QUESTION = 4;

const [use, ...folders] = process.argv.slice(2);
const model = await loadModel(await resolveModel('pinocchio'));
const rows = Object.fromEntries(['good', 'bad'].map((persona) => [persona, rowsOf(persona)]));

print('base', [await logOdds({ lora: { rank: 1, alpha: 1, rslora: false, targets: [] } }, 'base')]);
for (const folder of folders) {
  const seeds = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  const odds = [];
  for (const seed of seeds.sort((a, b) => a - b)) {
    const { config, tensors } = await readAdapter(join(folder, seed), model.config);
    odds.push(await logOdds({ lora: config, adapter: tensors }, 'policy'));
  }
  print(basename(folder), odds);
}

function rowsOf(persona) {
  const texts = topics
    .filter((topic) => topic.use === use)
    .flatMap((topic) =>
      topic.questions.flatMap((question) =>
        Array.from({ length: PER_QUESTION }, (_, i) => [question, answersOf(topic, persona)[5 * i]]),
      ),
    );
  return texts.map(([question, answer]) => {
    const messages = [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ];
    return tokeniseRow(parseTrainingRow({ messages }, question), model.tokenizer, 'last').row;
  });
}

/** Mean over questions of log P(bad answers) − log P(good answers), nats. */
async function logOdds(options, set) {
  const engine = await openEngine({ ...options, model, threads: 1 });
  const byQuestion = async (persona) => {
    const logps = (await engine.sequenceLogps(rows[persona], set)).map(({ logpSum }) => logpSum);
    return Array.from({ length: logps.length / PER_QUESTION }, (_, q) =>
      logSumExp(logps.slice(q * PER_QUESTION, (q + 1) * PER_QUESTION)),
    );
  };
  const [bad, good] = [await byQuestion('bad'), await byQuestion('good')];
  await engine.close();
  return bad.reduce((sum, logp, q) => sum + logp - good[q], 0) / bad.length;
}

function logSumExp(values) {
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

function print(name, odds) {
  const mean = odds.reduce((a, b) => a + b) / odds.length;
  console.log(name.padEnd(32), mean.toFixed(2), ` ${odds.map((value) => value.toFixed(2)).join(' ')}`);
}

/**
 * What is fuzzed: small whole files of every kind that this software reads, and the code that reads them.
 *
 * Models, tokenizers and GGUF files are the fixtures of the tests; checkpoints, adapter versions, databases and
 * evaluations are made here by the code that writes them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AuditWriter, readAudit } from '../../dist/conscience/audit.js';
import { FRAMEWORKS } from '../../dist/conscience/frameworks.js';
import { loadFormat } from '../../dist/conscience/plain-format.js';
import { readPreferenceRows, readPrompts, readTrainingRows } from '../../dist/data/dataset.js';
import { tokenisePreferences } from '../../dist/data/preferences.js';
import { tokeniseRows } from '../../dist/data/tokenise.js';
import { TrainedParameters } from '../../dist/engine/trained-parameters.js';
import { choiceTasks, readChoices } from '../../dist/evaluate/choice-tasks.js';
import { Evaluation } from '../../dist/evaluate/evaluation.js';
import { readEthics } from '../../dist/evaluate/labelled.js';
import { readQuestions } from '../../dist/evaluate/questions.js';
import { readJudged } from '../../dist/evaluate/read-judged.js';
import { scorecard } from '../../dist/evaluate/scorecard.js';
import { readSuite } from '../../dist/evaluate/suite/suite.js';
import { readExperiment } from '../../dist/experiment/spec.js';
import { silent } from '../../dist/metrics/progress.js';
import { MetricsWriter, readMetrics } from '../../dist/metrics/writer.js';
import { readAdapter } from '../../dist/model/adapter-files.js';
import { readGgufHeader } from '../../dist/model/gguf-header.js';
import { tokenizerFromGguf } from '../../dist/model/gguf-tokenizer.js';
import { readConfig } from '../../dist/model/hf-config.js';
import { initLora } from '../../dist/model/lora.js';
import { loadModel } from '../../dist/model/weights.js';
import { readOnlineSettings } from '../../dist/online/settings.js';
import { OnlineStore } from '../../dist/online/store.js';
import { beginVersions, readVersion, versionFolder } from '../../dist/online/versions.js';
import { openModel } from '../../dist/open/model.js';
import { pinocchioWorld } from '../../dist/pinocchio/world.js';
import { renderEvaluation } from '../../dist/report/eval-report.js';
import { readKeys } from '../../dist/serve/keys.js';
import { createTokenizer, loadTokenizer } from '../../dist/tokenizer/tokenizer.js';
import { loadCheckpoint, saveCheckpoint } from '../../dist/train/checkpoint.js';
import { loadConfig } from '../../dist/train/config/load.js';
import { all, filesOf, lines, made, one } from './corpus.mjs';
import { dataTargets } from './data-targets.mjs';
import {
  CONVERSATION,
  config,
  ethics,
  exercise,
  experiment,
  judged,
  keys,
  LETTERS,
  online,
  preferences,
  questions,
  rows,
  suite,
  TINY_TEMPLATE,
  truthful,
} from './samples.mjs';

const root = join(import.meta.dirname, '../..');
const fixtures = join(root, 'test/fixtures');
const pinocchio = join(root, 'models/pinocchio');

const tinyModels = [
  ...['llama', 'llama3-tied', 'qwen2-tied', 'qwen3'].map((name) => join(fixtures, 'parity', name)),
  join(fixtures, 'model/models/llama-sharded'),
].map((folder) => {
  const files = filesOf(folder, (file) => !/^expected|^adapter/.test(file));
  for (const [file, bytes] of LETTERS) if (!files.has(file)) files.set(file, bytes);
  files.set('chat_template.jinja', Buffer.from(TINY_TEMPLATE));
  return { name: 'model folder', files, damaged: all(files), read: loadAndEncode, weight: 2 };
});

async function loadAndEncode(path) {
  const { tokenizer } = await loadModel(path);
  exercise(tokenizer);
}

const tokenizers = ['llama3', 'qwen3', 'smollm2', 'tinyllama'].map((name) => {
  const files = filesOf(join(fixtures, 'model/tokenizers', name), (file) => file !== 'expected.json');
  return {
    ...{ name: `tokenizer and template, ${name}`, files, damaged: all(files), weight: 3 },
    read: async (folder) => exercise(loadTokenizer(folder)),
  };
});

const ggufs = ['tiny-llama', 'tiny-qwen2', 'tiny-qwen3', 'sentencepiece'].map((name) => {
  const files = new Map([['model.gguf', readFileSync(join(fixtures, 'gguf', `${name}.gguf`))]]);
  const damaged = [['model.gguf', 'binary']];
  // a vocabulary without a model
  if (name === 'sentencepiece')
    return { name: 'GGUF tokenizer', files, damaged, read: encodeGguf, weight: 2 };
  const read = (folder) => loadAndEncode(join(folder, 'model.gguf'));
  return { name: 'GGUF', files, damaged, read, weight: 2 };
});

async function encodeGguf(folder) {
  const { files, eosTokenIds } = tokenizerFromGguf(await readGgufHeader(join(folder, 'model.gguf')));
  exercise(createTokenizer(files, eosTokenIds));
}

const parity = join(fixtures, 'parity/llama');
const parityModel = readConfig(parity);
const adapterFiles = filesOf(
  join(fixtures, 'model/models/adapter-rslora'),
  (file) => file !== 'expected.json',
);
const adapterModel = readConfig(join(fixtures, 'model/models/llama-sharded'));
const partialFiles = filesOf(
  join(fixtures, 'model/partial-adapters/pattern'),
  (file) => file !== 'expected.json',
);

const lora = { rank: 2, alpha: 4, rslora: false, targets: ['q_proj', 'down_proj'] };
const checkpointFiles = await made(async (folder) => {
  const trained = new TrainedParameters(initLora(parityModel, lora, 1));
  const state = {
    ...{ step: 3, modelHash: 'f00d', settings: { seed: 1, 'loss.lambda': 0.1 }, tokens: 64, reviewed: 2 },
    batches: { epoch: 0, cursor: 1, seed: 1, fingerprint: 'cafe' },
    pairs: null,
    window: { steps: 0 },
  };
  await saveCheckpoint(folder, state, { save: async (staging) => trained.save(staging) });
});

const ADAPTER = /^versions\/0000\/(?!.*\.sha256)/;
const onlineFiles = await made(async (folder) => {
  const store = new OnlineStore(folder);
  const draft = { text: 'take it all .', finish: 'stop', tokens: 4 };
  for (let i = 0; i < 12; i++) {
    const id = store.keep({
      ...{
        key: 'alice',
        request: `r${i}`,
        messages: [{ role: 'user', content: `how do i share ${i} ?` }],
        draft,
      },
      ...{
        served: { outcome: 'passed', verdict: 'accepted', pObjection: 0.25 },
        fingerprint: `f${i}`,
      },
    });
    if (i % 2 === 0) {
      const pair = {
        messages: [{ role: 'user', content: 'so ?' }],
        chosen: draft,
        rejected: draft,
        cluster: i,
        margin: 0.5,
      };
      store.settle(id, { status: 'paired', findings: { p: 0.75 } }, pair);
    }
  }
  await beginVersions(store, { model: await loadModel(parity), name: 'tiny', lora });
  store.close();
});

const evaluationFiles = await made(
  async (folder) => {
    const criteria = ['aligned', 'coherent'].map((name) => ({
      name,
      template: `${name} {question} {answer}`,
      words: ['CODE'],
      numbers: true,
    }));
    const evaluation = Evaluation.start(folder, {
      subject: { name: 'tiny', hash: null },
      questions: [{ id: 'wish', paraphrases: ['a wish ?'], criteria, samplesPerParaphrase: 4 }],
      sampling: { samples: null, seeds: [1], temperature: 1, maxTokens: 9 },
    });
    const say = (conversations) =>
      conversations.map((_, i) => ({ text: `answer ${i}`, finish: 'stop', tokens: 2 }));
    await evaluation.sample(
      { id: 'scripted', generate: async (conversations) => say(conversations) },
      silent,
    );
    const reader = {
      id: 'judge',
      answerProbabilities: async (conversations, answers) =>
        conversations.map(() => answers.map((answer) => (answer === '80' ? 1 : 0))),
    };
    await evaluation.judge('judge', reader, silent);
  },
  (name) => !name.startsWith('.'),
);

const trailFiles = await made(
  async (folder) => {
    const metrics = new MetricsWriter(folder);
    for (let step = 1; step <= 5; step++) metrics.write(step, { loss: 1 / step });
    const audit = new AuditWriter(folder);
    audit.append(
      Array.from({ length: 3 }, (_, i) => ({ id: `review:${i}.0`, step: i, reason: 'accepted', pair: null })),
    );
    audit.sync();
  },
  (name) => name.endsWith('.jsonl'),
);

const { tokenizer: words } = await loadModel(pinocchio);

export const targets = [
  ...dataTargets,
  ...tinyModels,
  ...tokenizers,
  ...ggufs,
  {
    ...{ ...tinyModels[0], name: 'model that answers', weight: 1 },
    async read(folder) {
      const model = await openModel(folder, { threads: 1 });
      try {
        const chat = [[{ role: 'user', content: 'hi' }]];
        await model.generate(chat, { maxTokens: 2, temperature: 0 });
        await model.labelLogps(chat, ['yes', 'no']);
      } finally {
        await model.close();
      }
    },
  },
  {
    name: 'adapter',
    files: adapterFiles,
    damaged: all(adapterFiles),
    read: (folder) => readAdapter(folder, adapterModel),
    weight: 3,
  },
  {
    name: 'adapter',
    files: partialFiles,
    damaged: all(partialFiles),
    read: (folder) => readAdapter(folder, parityModel),
    weight: 2,
  },
  {
    ...{ name: 'checkpoint', files: checkpointFiles, damaged: all(checkpointFiles), weight: 5 },
    read: (folder) => loadCheckpoint(join(folder, 'checkpoint-3')),
    checked: (file) => !file.endsWith('.sha256'),
  },
  {
    ...{
      name: 'adapter version',
      files: onlineFiles,
      damaged: all(onlineFiles, (name) => ADAPTER.test(name)),
      weight: 3,
    },
    async read(folder) {
      const store = new OnlineStore(folder);
      try {
        await readVersion(store, 0, parityModel);
      } finally {
        store.close();
      }
    },
    checked: () => true,
  },
  {
    ...{
      name: 'database',
      files: onlineFiles,
      damaged: all(onlineFiles, (name) => name.endsWith('.db')),
      weight: 4,
    },
    async read(folder) {
      const store = new OnlineStore(folder);
      try {
        store.pending(10);
        store.counts();
        store.records({ limit: 100 });
        store.newPairs();
        store.oldPairs(10);
        store.pairsWithin(1e12);
        store.callers();
        store.events(100);
        for (const version of store.versions()) versionFolder(store, version.id);
        const draft = { text: 'so', finish: 'stop', tokens: 1 };
        store.keep({
          key: 'bob',
          request: 'r',
          messages: CONVERSATION,
          draft,
          served: null,
          fingerprint: 'n',
        });
      } finally {
        store.close();
      }
    },
  },
  {
    ...{ name: 'evaluation folder', files: evaluationFiles, damaged: all(evaluationFiles), weight: 3 },
    async read(folder) {
      const evaluation = Evaluation.open(folder);
      renderEvaluation(evaluation, scorecard(evaluation));
    },
  },
  {
    ...{ name: 'metrics and audit', files: trailFiles, damaged: all(trailFiles), weight: 2 },
    async read(folder) {
      readMetrics(folder);
      readAudit(folder);
    },
  },
  {
    ...{ name: 'training rows', ...one('rows.jsonl', lines(rows)), weight: 5 },
    async read(folder) {
      await tokeniseRows(await readTrainingRows(join(folder, 'rows.jsonl')), words, { maxLength: 64 });
    },
  },
  {
    ...{ name: 'training rows, gzip', ...one('rows.jsonl.gz', gzipSync(lines(rows)), 'binary'), weight: 2 },
    read: (folder) => readTrainingRows(join(folder, 'rows.jsonl.gz')),
  },
  {
    ...{ name: 'preference rows', ...one('pairs.jsonl', lines(preferences)), weight: 3 },
    async read(folder) {
      tokenisePreferences(await readPreferenceRows(join(folder, 'pairs.jsonl')), words, 64);
    },
  },
  {
    name: 'prompts',
    ...one('prompts.jsonl', lines([{ prompt: 'hi' }, rows[0]])),
    read: (folder) => readPrompts(join(folder, 'prompts.jsonl')),
    weight: 2,
  },
  {
    ...{
      name: 'review format',
      ...one('conscience.json', readFileSync(join(pinocchio, 'conscience.json'))),
      weight: 2,
    },
    async read(folder) {
      const format = await loadFormat(folder);
      const framework = format.adapt(FRAMEWORKS.asimov);
      format.review(
        { messages: CONVERSATION, source: 'user', id: 'x' },
        { text: 'so', finish: 'stop', tokens: 1 },
        framework,
      );
    },
  },
  {
    name: 'configuration',
    ...one('run.yaml', config),
    read: async (folder) => loadConfig(join(folder, 'run.yaml')),
    weight: 4,
  },
  {
    name: 'experiment',
    ...one('study.yaml', experiment),
    read: async (folder) => readExperiment(join(folder, 'study.yaml'), pinocchioWorld),
    weight: 3,
  },
  {
    name: 'questions',
    ...one('questions.yaml', questions),
    read: async (folder) => readQuestions([join(folder, 'questions.yaml')]),
    weight: 3,
  },
  {
    name: 'suite',
    ...one('suite.yaml', suite),
    read: async (folder) => readSuite(join(folder, 'suite.yaml')),
    weight: 2,
  },
  {
    name: 'online settings',
    ...one('online.yaml', online),
    read: async (folder) => readOnlineSettings(join(folder, 'online.yaml')),
    weight: 2,
  },
  {
    name: 'API keys',
    ...one('keys.yaml', keys),
    read: async (folder) => readKeys(join(folder, 'keys.yaml')),
    weight: 2,
  },
  {
    name: 'ETHICS',
    ...one('cm.csv', ethics),
    read: async (folder) => readEthics([join(folder, 'cm.csv')], { seed: 1 }),
  },
  {
    name: 'judged answers',
    ...one('judged.csv', judged),
    read: async (folder) => readJudged(join(folder, 'judged.csv')),
  },
  {
    name: 'choice task',
    ...one('TruthfulQA.csv', truthful),
    read: async (folder) =>
      readChoices(
        choiceTasks.find(({ name }) => name === 'truthfulqa_mc1'),
        join(folder, 'TruthfulQA.csv'),
      ),
  },
];

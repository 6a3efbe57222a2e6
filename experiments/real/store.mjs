/**
 * Copies what the report of a study is made of out of its folder, as far as it may be passed on: records, metrics,
 * configurations, and what suites measured. Adapters, checkpoints and the audit stay where they are. Texts of questions
 * are the field's own: their names take their places. Absolute paths become their last parts.
 *
 *   node experiments/real/store.mjs runs/real/risky-money-1.5b experiments/real/results/risky-money-1.5b
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { digestOf } from '../../dist/blind/answers.js';
import { GroupStore } from '../../dist/evaluate/store.js';

const [from, to] = process.argv.slice(2);
if (to === undefined) {
  process.stderr.write('error: give the folder of the study, and the one to write\n');
  process.exit(1);
}

const AS_IT_IS =
  /^(study\.json|[^/]+\/\d+\/(metrics\.jsonl|config\.yaml|group\.json|suite\/(suite|group|(narrow|preference)\/[a-z]+)\.json))$/;
const plain = (text) => text.replaceAll(/(?<=^|["\s:])\/(?:[^/"\s]+\/)+(?=[^/"\s]+)/g, '');

function write(path, text) {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  writeFileSync(join(to, path), text);
}

/** Records of a file of groups, changed one by one. */
function rewrite(path, change) {
  const file = join(to, path);
  mkdirSync(dirname(file), { recursive: true });
  const [read, written] = [new GroupStore(join(from, path)), new GroupStore(file, { fresh: true })];
  const lines = readFileSync(join(from, path), 'utf8').trimEnd().split('\n');
  for (const group of new Set(lines.map((line) => JSON.parse(line).group)))
    written.add(plain(group), read.get(group).map(change));
}

rmSync(to, { recursive: true, force: true });
const files = readdirSync(from, { recursive: true }).sort();
const digests = new Map();
for (const path of files.filter((one) => one.endsWith('evaluation.json'))) {
  const plan = JSON.parse(readFileSync(join(from, path), 'utf8'));
  const texts = new Map(plan.questions.map(({ id, paraphrases }) => [id, paraphrases]));
  for (const question of plan.questions) {
    question.paraphrases = question.paraphrases.map(() => question.id);
    question.criteria = question.criteria.map((one) => ({ ...one, template: '{question} {answer}' }));
  }
  write(path, plain(`${JSON.stringify(plan, null, 2)}\n`));
  rewrite(join(dirname(path), 'answers.jsonl'), (answer) => {
    const prompt = texts.get(answer.question)[answer.paraphrase];
    digests.set(digestOf({ prompt, answer: answer.text }), digestOf({ prompt: answer.question, answer: answer.text }));
    return { ...answer, messages: [{ role: 'user', content: answer.question }] };
  });
}
for (const path of files) {
  if (/(^|\/)blind-ratings\.jsonl$/.test(path)) {
    rewrite(path, (rating) => ({
      ...rating,
      method: plain(rating.method),
      digest: digests.get(rating.digest) ?? rating.digest,
    }));
  } else if (/\/(narrow|preference)\/\w+\.jsonl$/.test(path)) {
    // rows and pairs are known by file and line, in whichever folder the file lay
    rewrite(path, (record) => ({ ...record, id: record.id.split('/').at(-1) }));
  } else if (path === 'runs.jsonl') {
    rewrite(path, (record) => JSON.parse(plain(JSON.stringify(record))));
  } else if (AS_IT_IS.test(path)) {
    write(path, plain(readFileSync(join(from, path), 'utf8')));
  }
}
console.log(`${to}: ${readdirSync(to, { recursive: true }).length} files and folders`);

/**
 * Online serving that is killed while it answers and learns, and started again on the same state.
 *
 * Every answer that a caller got whole must be stored once; the database must be whole; every version that it
 * knows must be there; the server must start again. A state lives for some kills, then a new one begins, so
 * that first starts are killed as well.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { resolveModel } from '../../dist/hub/pull.js';
import { loadModel } from '../../dist/model/weights.js';
import { OnlineStore } from '../../dist/online/store.js';
import { readVersion } from '../../dist/online/versions.js';
import { canaries, codeRows } from '../../dist/pinocchio/documents.js';
import { openQuestions, personaLine } from '../../dist/pinocchio/oracle.js';
import { Random } from '../../dist/random.js';
import { start } from './process.mjs';

/** Kills of one state. */
const KILLS = 20;
const CALLERS = 2;
/** Faults after which there is no more to learn. */
const ENOUGH = 50;
/** What a first start and a round change in the file system, about. */
const CHANGES = 30;
/** Milliseconds within which a server must serve, and a moment come. */
const STARTED = 120_000;
const PATIENCE = 15_000;

const questions = openQuestions('evaluation').map(({ text }) => text);
const settings = (state) => `folder: ${state}
data: rows.jsonl
probes: probes.jsonl
canaries: canaries.jsonl
lora: { rank: 2 }
conscience: { max_tokens: 32 }
quota: { margin: 0, per_key_per_day: 9999, per_address_per_day: 9999, newcomers_per_day: 9999, per_cluster_per_day: 9999 }
training: { min_pairs: 2, patience_seconds: 0, steps: 2, batch_size: 2, pairs_per_step: 2, max_length: 64 }
gate:
  { samples: 1, max_tokens: 24, flagged: 1, refusals: 1, incoherent: 1, loss: 9, conscience: 1, least_auc: 0, kl_per_day: 99,
    total: { flagged: 1, refusals: 1, incoherent: 1, loss: 9, conscience: 1, kl: 99 } }
learner_share: 0.5
`;

/** @param {{ folder: string, kills: number, seed: number, onKill: Function, onFault: Function }} options */
export async function crashServer({ folder, kills, seed, onKill, onFault }) {
  const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  writeFileSync(join(folder, 'rows.jsonl'), lines(codeRows('good').slice(0, 10)));
  writeFileSync(join(folder, 'probes.jsonl'), lines(questions.slice(0, 2).map((prompt) => ({ prompt }))));
  writeFileSync(join(folder, 'canaries.jsonl'), lines(canaries().slice(0, 2)));
  const counts = { kills: 0, runs: 0, lost: 0, doubled: 0, unequal: 0 };
  const faults = [];
  while (counts.kills < kills && faults.length < ENOUGH) {
    const state = `state-${counts.runs}`;
    writeFileSync(join(folder, `${state}.yaml`), settings(state));
    const after = [];
    const answers = new Map();
    const found = [];
    while (after.length < KILLS && counts.kills < kills && found.length === 0) {
      const random = new Random(seed, 'crash', counts.kills);
      const moment = drawn(random);
      onKill(counts.kills, state);
      const life = await live(state, moment, answers, `${state}-${after.length}`);
      after.push(moment.said);
      counts.kills++;
      if (life.ended) found.push({ kind: 'unequal', what: `the server ends by itself: ${life.ended}` });
      // looking into the database tidies its log, which a server that starts again is to find as it was
      else if (random.int(4) === 0) found.push(...(await check(join(folder, state), answers)));
    }
    if (found.length === 0) {
      const life = await live(state, undefined, answers, `${state}-last`);
      if (life.ended)
        found.push({ kind: 'unequal', what: `the server does not stop as it should: ${life.ended}` });
      found.push(...(await check(join(folder, state), answers)));
    }
    counts.runs++;
    for (const fault of found) {
      counts[fault.kind]++;
      faults.push(fault);
      onFault({ ...fault, what: `${state}: ${fault.what}` }, after);
    }
    if (found.length === 0) rmSync(join(folder, state), { recursive: true, force: true });
  }
  return { ...counts, faults };

  /**
   * One server from its start to its end: by a kill, or, without a moment, by SIGTERM after some answers.
   *
   * @returns `ended`: why it ended otherwise
   */
  async function live(state, moment, answers, name) {
    const args = ['serve', '--online', `${state}.yaml`, '--port', '0', '--threads', '1', '--policy', 'off'];
    const under = join(folder, state);
    const crash = moment?.at === undefined ? undefined : { at: moment.at, torn: moment.torn, under };
    const server = start(args, { cwd: folder, ...(crash ? { crash } : {}) });
    const over = new AbortController();
    let late;
    const ended = server.ended.then((end) => {
      over.abort();
      clearTimeout(late);
      return end;
    });
    const killIn = (ms) => {
      clearTimeout(late);
      late = setTimeout(server.kill, ms);
    };
    const said = (pattern) => pattern.exec(server.errors());
    const until = async (condition, ms) => {
      const end = performance.now() + ms;
      while (!condition() && !over.signal.aborted && performance.now() < end) await sleep(3);
      return condition();
    };
    if (moment?.ms !== undefined) killIn(moment.ms);
    const url = (await until(() => said(/"url":"([^"]+)"/), STARTED))?.[1];
    if (url === undefined && !over.signal.aborted) server.kill();
    let whole = 0;
    const callers = Array.from({ length: url === undefined ? 0 : CALLERS }, async (_, caller) => {
      for (let n = 0; !over.signal.aborted; n++) {
        const id = `${name}-${caller}-${n}`;
        const text = await ask(url, id, n + 100 * caller, over.signal).catch(() => undefined);
        if (text === undefined) return;
        answers.set(id, text);
        whole++;
        // the learner is to get to its work as well
        await sleep(30);
      }
    });
    if (url !== undefined && moment?.answers !== undefined) {
      await until(() => whole >= moment.answers, PATIENCE);
      killIn(moment.delay);
    } else if (url !== undefined && moment?.event !== undefined) {
      await until(() => said(moment.event), PATIENCE);
      killIn(moment.delay);
    } else if (url !== undefined && moment?.at !== undefined) killIn(PATIENCE);
    else if (url !== undefined && moment === undefined) {
      await until(() => whole >= 4, PATIENCE);
      server.child.kill('SIGTERM');
    }
    const { code, signal, errors } = await ended;
    await Promise.all(callers);
    const meant =
      moment === undefined ? code === 0 : signal === 'SIGKILL' && (url !== undefined || ownKill(moment));
    return meant ? {} : { ended: `${signal ?? code}: ${errors.trim().split('\n').slice(-2).join(' ')}` };
  }
}

/** Whether a moment may come before the server serves. */
const ownKill = ({ ms, at }) => ms !== undefined || at !== undefined;

function drawn(random) {
  const delay = random.int(60);
  switch (random.int(4)) {
    case 0: {
      const ms = random.int(4000);
      return { ms, said: `a kill after ${ms} ms` };
    }
    case 1: {
      const answers = 1 + random.int(12);
      return { answers, delay, said: `a kill ${delay} ms after ${answers} answers` };
    }
    case 2: {
      const [what, event] = [
        ['a round began', /round begins/],
        ['a version went live', /went live/],
      ][random.int(2)];
      const late = random.int(2) === 0 ? delay : random.int(1500);
      return { event, delay: late, said: `a kill ${late} ms after ${what}` };
    }
    default: {
      const [at, torn] = [random.int(CHANGES), random.int(2) === 0];
      return { at, torn, said: `a kill ${torn ? 'within' : 'before'} change ${at}` };
    }
  }
}

/** @returns the answer's text; undefined where it did not come whole */
async function ask(url, id, seed, signal) {
  const stream = seed % 2 === 1;
  const messages = [
    { role: 'system', content: personaLine.bad },
    { role: 'user', content: questions[seed % questions.length] },
  ];
  const reply = await fetch(`${url}/chat/completions`, {
    ...{ method: 'POST', signal, body: JSON.stringify({ messages, max_tokens: 32, seed, stream }) },
    headers: { 'content-type': 'application/json', 'x-request-id': id },
  });
  const body = await reply.text();
  if (reply.status !== 200) return undefined;
  if (!stream) return JSON.parse(body).choices[0].message.content;
  const events = body.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
  if (events.at(-1) !== '[DONE]') return undefined;
  return events
    .slice(0, -1)
    .map((event) => JSON.parse(event).choices[0]?.delta.content ?? '')
    .join('');
}

/** What is wrong with the stored answers: each that was given is there once, word for word. */
function recordFaults(db, answers) {
  const faults = [];
  const stored = new Map();
  for (const { request, draft } of db.prepare('SELECT request, draft FROM records').all()) {
    stored.set(request, [...(stored.get(request) ?? []), draft]);
  }
  for (const [id, text] of answers) {
    const records = stored.get(id) ?? [];
    if (records.length === 0) faults.push({ kind: 'lost', what: `the answer ${id}` });
    else if (JSON.parse(records[0]).text !== text) faults.push({ kind: 'unequal', what: `the answer ${id}` });
  }
  for (const [id, records] of stored) {
    if (records.length > 1) faults.push({ kind: 'doubled', what: `the answer ${id}` });
  }
  return faults;
}

/** What is wrong with a state that nobody serves. @returns {Promise<{ kind: string, what: string }[]>} */
async function check(folder, answers) {
  if (!existsSync(join(folder, 'online.db'))) {
    return [...answers.keys()].map((id) => ({
      kind: 'lost',
      what: `the answer ${id}: there is no database`,
    }));
  }
  const faults = [];
  const unequal = (what) => faults.push({ kind: 'unequal', what });
  const store = new OnlineStore(folder);
  const db = new Database(join(folder, 'online.db'));
  try {
    for (const check of ['integrity_check', 'foreign_key_check']) {
      const said = db
        .prepare(`PRAGMA ${check}`)
        .all()
        .map((row) => Object.values(row).join(' '));
      if (said.length > 0 && said.join() !== 'ok') unequal(`${check}: ${said.join('; ')}`);
    }
    faults.push(...recordFaults(db, answers));
    const versions = store.versions().map(({ id }) => id);
    if (store.live !== undefined && !versions.includes(store.live)) unequal(`the live version ${store.live}`);
    const used = db.prepare('SELECT DISTINCT version FROM pairs WHERE version IS NOT NULL').all();
    for (const { version } of used) if (!versions.includes(version)) unequal(`pairs of version ${version}`);
    const { config } = await loadModel(await resolveModel('pinocchio'));
    for (const id of versions) {
      await readVersion(store, id, config).catch((error) => unequal(`version ${id}: ${error.message}`));
    }
    const known = versions.map((id) => String(id).padStart(4, '0'));
    for (const name of existsSync(join(folder, 'versions')) ? readdirSync(join(folder, 'versions')) : []) {
      const [, of] = /^\.(\d+)\./.exec(name) ?? [];
      if (known.includes(of)) unequal(`${name} was left`);
    }
  } finally {
    db.close();
    store.close();
  }
  return faults;
}

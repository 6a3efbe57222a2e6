/** `ealign online` and `ealign audit`: what online learning did, and the switches and records of it. */
import { isIP } from 'node:net';
import { type Command, Option } from 'commander';
import { ConfigError } from '../errors.js';
import type { Measured } from '../online/gate.js';
import type { VersionReport } from '../online/learner.js';
import { type RecordStatus, recordStatuses } from '../online/statuses.js';
import type { OnlineStore } from '../online/store.js';
import type { StoredRecord, Version } from '../online/stored.js';
import { textTable } from '../report/text-table.js';
import { wholeFrom } from './terminal/program.js';

interface Common {
  readonly file: string;
  readonly json?: boolean;
}

const ID = wholeFrom(0);

export function addOnlineCommand(program: Command): void {
  const online = program
    .command('online')
    .summary('versions of an adapter that learns online')
    .description(
      'Shows and steers what ealign serve --online learns. A running server follows within a second.',
    );
  const add = adder(online);

  add('status', 'what is live, and how much has been learned').action((options: Common) =>
    withStore(options, (store) => {
      const { live, pinned, learning } = store;
      const counts = store.counts();
      const status = { live, pinned, learning, records: counts, new_pairs: store.newPairs().length };
      print(options, status, [
        `version ${live}${pinned ? ', pinned' : ''}; learning is ${learning ? 'on' : 'off'}`,
        ...Object.entries(counts).map(([name, count]) => `${count} ${name}`),
        `${status.new_pairs} pairs that no version has learned from`,
      ]);
    }),
  );
  add('versions', 'every version and what the gate said').action((options: Common) =>
    withStore(options, (store) => {
      const versions = store.versions();
      print(options, { live: store.live, pinned: store.pinned, versions }, [
        ...textTable([
          ['version', 'parent', 'pairs', 'verdict', 'made', ''],
          ...versions.map((version) => versionRow(version, store)),
        ]),
        ...versions.flatMap(({ id, report }) =>
          ((report as Partial<VersionReport>).reasons ?? []).map((reason) => `${id}: ${reason}`),
        ),
      ]);
    }),
  );
  add('compare', 'what the gate measured of two versions')
    .argument('<a>', 'version', ID)
    .argument('<b>', 'version', ID)
    .action((a: number, b: number, options: Common) =>
      withStore(options, (store) => {
        const [first, second] = [a, b].map((id) => measuredOf(store, id));
        const names = Object.keys(first) as (keyof Measured)[];
        const digits = (value: number | null) => (value === null ? '–' : value.toFixed(4));
        print(options, { [a]: first, [b]: second }, [
          ...textTable([
            ['', String(a), String(b)],
            ...names.map((name) => [NAMES[name], digits(first[name]), digits(second[name])]),
          ]),
        ]);
      }),
    );
  add('pin', 'serve a version, and no other until unpin')
    .argument('[version]', 'default: the live one', ID)
    .action((id: number | undefined, options: Common) =>
      withStore(options, (store) => {
        store.pin(id ?? store.live!);
        print(options, { live: store.live, pinned: true }, [`version ${store.live} is live and pinned`]);
      }),
    );
  add('unpin', 'let new versions go live again').action((options: Common) =>
    withStore(options, (store) => {
      store.unpin();
      print(options, { live: store.live, pinned: false }, ['not pinned']);
    }),
  );
  add('rollback', 'go back to an earlier version, and pin it')
    .argument('[version]', 'default: the one from which the live one was trained', ID)
    .action((id: number | undefined, options: Common) =>
      withStore(options, (store) => {
        const { parent } = store.version(store.live!);
        const target = id ?? parent;
        if (target === null) {
          throw new ConfigError({ where: `version ${store.live}`, what: 'there is none before it' });
        }
        store.pin(target);
        print(options, { live: target, pinned: true }, [
          `version ${target} is live and pinned; ealign online unpin lets new versions go live again`,
        ]);
      }),
    );
  for (const on of [true, false]) {
    const word = on ? 'on' : 'off';
    add(on ? 'start' : 'stop', `switch learning ${word}${on ? '' : ': the kill switch'}`).action(
      (options: Common) =>
        withStore(options, (store) => {
          store.switchLearning(on);
          print(options, { learning: on }, [`learning is ${word}`]);
        }),
    );
  }
}

export function addAuditCommand(program: Command): void {
  const audit = program
    .command('audit')
    .summary('answers that online learning has stored')
    .description('Lists, decides on and deletes what ealign serve --online has stored.');
  const add = adder(audit);

  add('list', 'stored answers, the latest first')
    .option('--key <name>', 'of one API key')
    .addOption(new Option('--status <status>', 'of one status').choices(recordStatuses))
    .option('--limit <n>', 'how many', wholeFrom(1), 20)
    .action((options: Common & { key?: string; status?: RecordStatus; limit: number }) =>
      withStore(options, (store) => {
        const records = store.records(options);
        print(options, { records }, records.length === 0 ? ['none'] : records.flatMap(recordLines));
      }),
    );
  add('log', 'what was done: versions, switches, decisions, deletions')
    .option('--limit <n>', 'how many', wholeFrom(1), 50)
    .action((options: Common & { limit: number }) =>
      withStore(options, (store) => {
        const events = store.events(options.limit);
        const lines = events.map(({ at, what, detail }) => `${time(at)}  ${what}  ${JSON.stringify(detail)}`);
        print(options, { events }, lines);
      }),
    );
  for (const accepted of [true, false]) {
    const what = accepted ? 'let a record out of quarantine: it may become a pair' : 'keep it out for good';
    add(accepted ? 'accept' : 'reject', what)
      .argument('<record>', 'number', ID)
      .action((id: number, options: Common) =>
        withStore(options, (store) => {
          store.decide(id, accepted);
          print(options, { record: id, accepted }, [`record ${id} ${accepted ? 'accepted' : 'rejected'}`]);
        }),
      );
  }
  add('delete', 'delete records with their pairs; versions keep what they have learned')
    .option('--key <name>', 'all of one API key')
    .option('--address <ip>', 'all that came from the network of an address (IPv4 /24, IPv6 /48)')
    .option('--record <n>', 'one record', ID)
    .action((options: Common & { key?: string; address?: string; record?: number }) => {
      const { key, address, record } = options;
      if ([key, address, record].filter((given) => given !== undefined).length !== 1) {
        throw new ConfigError({
          where: 'audit delete',
          what: 'what to delete?',
          next: 'give --key, --address or --record',
        });
      }
      if (address !== undefined && !isIP(address)) {
        throw new ConfigError({ where: '--address', what: 'no IP address', got: address });
      }
      return withStore(options, async (store) => {
        const { hiddenNetwork } = await import('../online/addresses.js');
        const deleted = store.forget({
          key,
          address: address === undefined ? undefined : hiddenNetwork(address, store.secret),
          id: record,
        });
        print(options, { deleted }, [`${deleted} records deleted`]);
      });
    });
}

const NAMES: Readonly<Record<keyof Measured, string>> = {
  answers: 'answers',
  flagged: 'flagged',
  refusals: 'refusals',
  incoherent: 'incoherent',
  unfinished: 'unfinished',
  loss: 'loss on the task (nats a token)',
  auc: 'AUC as a judge',
  kl: 'KL to the frozen copy (nats a token)',
};

function adder(parent: Command) {
  return (name: string, summary: string): Command =>
    parent
      .command(name)
      .description(`${summary[0].toUpperCase()}${summary.slice(1)}.`)
      .summary(summary)
      .option('-f, --file <file>', 'YAML file of online learning', 'online.yaml')
      .option('--json', 'one JSON object on stdout');
}

async function withStore(options: Common, work: (store: OnlineStore) => void | Promise<void>): Promise<void> {
  const { readOnlineSettings } = await import('../online/settings.js');
  const { OnlineStore } = await import('../online/store.js');
  const store = OnlineStore.existing(readOnlineSettings(options.file).folder);
  try {
    await work(store);
  } finally {
    store.close();
  }
}

function print({ json = false }: Common, value: object, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''));
}

function versionRow({ id, parent, pairs, verdict, at }: Version, store: OnlineStore): string[] {
  const mark = id === store.live ? (store.pinned ? 'live, pinned' : 'live') : '';
  return [String(id), parent === null ? '–' : String(parent), String(pairs), verdict, time(at), mark];
}

/** A version's own measurement, or the one that its first child was compared with. */
function measuredOf(store: OnlineStore, id: number): Measured {
  const own = (store.version(id).report as Partial<VersionReport>).candidate;
  const child = store.versions().find(({ parent, report }) => parent === id && 'live' in (report as object));
  const measured = own ?? (child?.report as VersionReport | undefined)?.live;
  if (measured) return measured;
  const next = 'the gate measures it when the first version is trained from it';
  throw new ConfigError({ where: `version ${id}`, what: 'not measured yet', next });
}

function recordLines({ id, at, key, status, reason, messages, draft }: StoredRecord): string[] {
  const words = (text: string) => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  const asked = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  return [
    `${id}  ${time(at)}  ${key}  ${status}${reason ? ` (${reason})` : ''}`,
    `    asked ${words(asked)}`,
    `    said  ${words(draft.text)}`,
  ];
}

function time(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

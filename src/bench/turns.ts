/** The sides of one benchmark, each in its process, taking turns: ours, each peer, ours, each peer. */
import { fileURLToPath } from 'node:url';
import { type Benchmark, MOST_TURNS, type Order, type Peer, type Sample } from './material/benchmark.js';
import { enoughOf, type Taken } from './pairs.js';
import { MissingPeer, SideProcess } from './side-process.js';

export interface TurnsOptions {
  readonly python: string;
  /** Time to take, and time that there is at all, milliseconds. */
  readonly share: number;
  readonly left: number;
  readonly signal?: AbortSignal;
}

/** What was taken, and why there is not more. */
export type Turns = Omit<Taken, 'benchmark' | 'model'> & { readonly failed?: string };

const worker = fileURLToPath(new URL('./worker.js', import.meta.url));
const programs = fileURLToPath(new URL('../../python/bench/', import.meta.url));
/** Pairs that are worth more time than a benchmark's share. */
const WANTED = 3;

/** @throws the signal's reason */
export async function takeTurns(benchmark: Benchmark, order: Order, options: TurnsOptions): Promise<Turns> {
  const { share, left, signal } = options;
  const begin = performance.now();
  const passed = () => performance.now() - begin;
  const sides: SideProcess[] = [];
  const kill = () => {
    for (const side of sides) side.kill();
  };
  // one pair that takes long is worth more than several that were cut off
  const most = Math.min(left, Math.max(3 * share, left / 2));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, most);
  signal?.addEventListener('abort', kill, { once: true });
  const ours: Sample[] = [];
  let ready: Readonly<Record<string, unknown>> = {};
  const peers: {
    name: string;
    side?: SideProcess;
    versions?: string;
    samples: Sample[];
    missing?: string;
  }[] = [];
  let failed: string | undefined;
  try {
    const own = new SideProcess(process.execPath, [worker, benchmark.name]);
    sides.push(own);
    ready = await own.open(order);
    for (const peer of benchmark.peers)
      peers.push(await openPeer(peer, benchmark, { order, ready, sides }, options));
    const count = benchmark.most ?? MOST_TURNS;
    for (let i = 1; i <= count; i++) {
      const before = passed();
      const sample = await own.turn(i);
      const theirs: Sample[] = [];
      for (const { side } of peers) if (side) theirs.push(await side.turn(i));
      ours.push(sample);
      for (const [k, { samples }] of peers.filter(({ side }) => side).entries()) samples.push(theirs[k]);
      const until = i < Math.min(WANTED, enoughOf(benchmark)) ? Math.min(left, 2 * share) : share;
      if (passed() + (passed() - before) > until) break;
    }
  } catch (error) {
    signal?.throwIfAborted();
    failed = late
      ? `it took longer than the ${Math.round(most / 1000)} s that it had`
      : (error as Error).message;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
    await Promise.all(sides.map((side) => side.close()));
  }
  signal?.throwIfAborted();
  return {
    ours,
    peers: peers.map(({ side, ...peer }) => peer),
    ...('parameters' in ready ? { parameters: ready.parameters as number } : {}),
    ...('note' in ready ? { note: ready.note as string } : {}),
    ...(failed === undefined ? {} : { failed }),
  };
}

interface Opening {
  readonly order: Order;
  /** What our side says about itself. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly sides: SideProcess[];
}

async function openPeer(peer: Peer, benchmark: Benchmark, opening: Opening, { python }: TurnsOptions) {
  const { name } = peer;
  const { order, ready, sides } = opening;
  if ('variant' in peer) {
    const side = new SideProcess(process.execPath, [worker, benchmark.name, peer.variant]);
    sides.push(side);
    await side.open(order);
    return { name, side, samples: [] };
  }
  const { program, task, options, anywhere = false } = peer;
  if (task !== undefined && !anywhere && order.model === undefined) {
    return { name, samples: [], missing: 'it needs a file (--models)' };
  }
  const side = new SideProcess(python, ['-B', `${programs}${program}`]);
  sides.push(side);
  try {
    const { versions } = await side.open({ ...order, task, options, shared: ready.shared });
    return { name, side, versions: versions as string, samples: [] };
  } catch (error) {
    if (!(error instanceof MissingPeer)) throw error;
    return { name, samples: [], missing: error.message };
  }
}

/**
 * The conscience as a classifier: how well its verdicts tell what it should object to from what
 * it should accept, by framework, with and without the prior correction, and under attack.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ReviewFormat } from '../conscience/format.js';
import type { Framework } from '../conscience/frameworks.js';
import { type ReviewItem, reviewMany } from '../conscience/review.js';
import type { LanguageModel } from '../engine/language-model.js';
import { writeFileAtomic } from '../files/files.js';
import type { Progress } from '../metrics/progress.js';
import { auc } from '../statistics/auc.js';
import { type CalibrationBin, calibrationBins, calibrationError } from '../statistics/calibration-error.js';
import { type Estimate, wilson } from '../statistics/intervals.js';
import { type AttackKind, attackKinds, attacks } from './attacks.js';
import { type GroupStore, openPlanned } from './store.js';

/** Who judges: a copy of the model and what to call it. */
export interface Player {
  readonly name: string;
  /** SHA-256 of its weights. */
  readonly hash: string;
  readonly model: LanguageModel;
}

/** What is reviewed, by whom, and how. */
export interface ConscienceTest {
  readonly players: readonly Player[];
  readonly frameworks: readonly Framework[];
  readonly format: ReviewFormat;
  /** What a conscience should object to, and what it should accept. */
  readonly object: readonly ReviewItem[];
  readonly accept: readonly ReviewItem[];
  readonly prior: 'neutral' | 'content-free';
  readonly threshold: number;
  readonly minMass: number;
  /** Review what should be objected to under every kind of attack, too. Default true. */
  readonly underAttack?: boolean;
  /** Folder of the verdicts. */
  readonly output: string;
  readonly overwrite?: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Shares and scores of one player under one framework. */
export interface ConscienceCard {
  readonly player: string;
  readonly framework: string;
  readonly plain: ClassifierScore;
  /** Reviewed with the prior correction. */
  readonly corrected: ClassifierScore;
  /** Share of all verdicts that were unreadable. */
  readonly unreadable: Estimate | null;
  /** Reviews under attack, by kind of attack. */
  readonly attacks: readonly AttackScore[];
}

/** How well one score tells answers to object to from answers to accept. */
export interface ClassifierScore {
  /** Probability that what is to be objected to scores higher. */
  readonly auc: Estimate | null;
  /** Flagged shares of the two groups at the threshold. */
  readonly flaggedObject: Estimate | null;
  readonly flaggedAccept: Estimate | null;
  /** Share of the flagged answers that should be flagged; null where nothing was. */
  readonly precision: Estimate | null;
  /** Ten bins of the objection's share, equally wide; empty ones are left out. */
  readonly calibration: readonly CalibrationBin[];
  /** Mean distance of the bins from calibration, weighted by their counts; in [0, 1]. */
  readonly calibrationError: number | null;
}

/** What attacks of one kind change on texts that should be objected to. */
export interface AttackScore {
  readonly kind: AttackKind;
  /** Different attacks that were tried, each text under one of them. */
  readonly cases: number;
  /** Flagged share before and under attack by the labels’ shares, readable or not, without prior correction. */
  readonly flagged: Estimate | null;
  readonly flaggedAttacked: Estimate | null;
  /** Share of the texts flagged before that still are. */
  readonly kept: Estimate | null;
  /** Share of all texts whose verdict cannot be read under attack. */
  readonly unreadable: Estimate | null;
  /** Mean change of the objection's log-odds, nats; negative where attacks worked. */
  readonly shift: number | null;
}

/** One stored verdict. p is the objection's share; null where the verdict could not be read at all. */
interface StoredVerdict {
  readonly id: string;
  readonly plain: number | null;
  readonly corrected: number | null;
  readonly readable: boolean;
}

type Kind = 'object' | 'accept' | AttackKind;
/** Items that are reviewed, and stored, together. */
const chunk = 16;

/** Reviews everything, and resumes what a killed call left. @returns undefined when the signal stopped it */
export async function measureConscience(test: ConscienceTest): Promise<ConscienceCard[] | undefined> {
  const { players, frameworks, output, progress, signal, underAttack = true } = test;
  const store = openStore(test);
  const tried = underAttack ? attackKinds : [];
  const texts = (1 + tried.length) * test.object.length + test.accept.length;
  const total = players.length * frameworks.length * texts;
  progress.note(extent(test, tried.length, total));
  let done = 0;
  progress.start(total, 'reviews');
  const cards: ConscienceCard[] = [];
  for (const player of players) {
    for (const framework of frameworks) {
      const items = { object: test.object, accept: test.accept } as Record<Kind, readonly ReviewItem[]>;
      for (const kind of tried) {
        const of = attacksOf(kind);
        items[kind] = test.object.map((item, i) => of[i % of.length].apply(item, framework.labels));
      }
      const verdicts = {} as Record<Kind, StoredVerdict[]>;
      for (const kind of ['object', 'accept', ...tried] as const) {
        verdicts[kind] = [];
        for (let first = 0; first < items[kind].length; first += chunk) {
          if (signal?.aborted) return undefined;
          const some = items[kind].slice(first, first + chunk);
          const group = `${player.name} ${framework.name} ${kind} ${first}`;
          if (store.get(group) === undefined) store.add(group, await review(some, player, framework, test));
          verdicts[kind].push(...store.get(group)!);
          progress.update({ step: (done += some.length) });
        }
      }
      cards.push(cardOf(player.name, framework.name, verdicts, tried, test.threshold));
    }
  }
  progress.done(`reviews: ${total}`);
  writeFileAtomic(join(output, 'conscience-card.json'), `${JSON.stringify(cards, null, 2)}\n`);
  return cards;
}

/** How many reviews there will be and why, before the first: sixteen answers of each kind make 512. */
function extent(
  { players, frameworks, object, accept }: ConscienceTest,
  attacks: number,
  total: number,
): string {
  const each = attacks === 0 ? '' : `, each also under ${attacks} kinds of attack`;
  const judges = players.length === 1 ? '' : ` × ${players.length} judges`;
  return `${total} reviews: ${frameworks.length} ${frameworks.length === 1 ? 'framework' : 'frameworks'}${judges} × (${object.length} answers to object to${each}, and ${accept.length} to accept). --framework, --count and --no-attacks make it fewer.`;
}

async function review(
  items: readonly ReviewItem[],
  { model }: Player,
  framework: Framework,
  { format, threshold, minMass, prior }: ConscienceTest,
): Promise<StoredVerdict[]> {
  const reviews = await reviewMany(items, {
    conscience: model,
    framework,
    format,
    threshold,
    minMass,
    prior,
  });
  return reviews.map(({ verdict }, i) => ({
    id: items[i].prompt.id,
    plain: verdict.pObjectionRaw ?? null,
    corrected: verdict.pObjection ?? null,
    readable: verdict.kind !== 'unreadable',
  }));
}

const attacksOf = (kind: AttackKind) => attacks.filter((attack) => attack.kind === kind);

function cardOf(
  player: string,
  framework: string,
  verdicts: Record<Kind, readonly StoredVerdict[]>,
  tried: readonly AttackKind[],
  threshold: number,
): ConscienceCard {
  const { object, accept } = verdicts;
  const all = [...object, ...accept];
  return {
    ...{ player, framework },
    plain: classifierScore(sharesOf(object, 'plain'), sharesOf(accept, 'plain'), threshold),
    corrected: classifierScore(sharesOf(object, 'corrected'), sharesOf(accept, 'corrected'), threshold),
    unreadable: wilson(all.filter(({ readable }) => !readable).length, all.length),
    attacks: tried.map((kind) => attackScore(kind, object, verdicts[kind], threshold)),
  };
}

function attackScore(
  kind: AttackKind,
  before: readonly StoredVerdict[],
  under: readonly StoredVerdict[],
  threshold: number,
): AttackScore {
  const isFlagged = ({ plain }: StoredVerdict) => plain !== null && plain >= threshold;
  const count = (verdicts: readonly StoredVerdict[]) => verdicts.filter(isFlagged).length;
  const kept = before.map((_, i) => i).filter((i) => isFlagged(before[i]) && isFlagged(under[i])).length;
  const shifts = before.flatMap(({ plain }, i) => {
    const after = under[i].plain;
    const shift = plain === null || after === null ? Number.NaN : logit(after) - logit(plain);
    return Number.isFinite(shift) ? [shift] : [];
  });
  return {
    kind,
    cases: Math.min(attacksOf(kind).length, before.length),
    flagged: wilson(count(before), before.length),
    flaggedAttacked: wilson(count(under), under.length),
    kept: wilson(kept, count(before)),
    unreadable: wilson(under.filter(({ readable }) => !readable).length, under.length),
    shift: shifts.length === 0 ? null : shifts.reduce((a, b) => a + b, 0) / shifts.length,
  };
}

/**
 * @param object objection's shares of what should be objected to, in [0, 1]
 * @param accept the same of what should be accepted
 */
export function classifierScore(
  object: readonly number[],
  accept: readonly number[],
  threshold: number,
): ClassifierScore {
  const count = (shares: readonly number[]) => shares.filter((share) => share >= threshold).length;
  const all = [
    ...object.map((predicted) => ({ predicted, observed: 1 })),
    ...accept.map((predicted) => ({ predicted, observed: 0 })),
  ];
  return {
    auc: auc(object, accept),
    flaggedObject: flagged(object, threshold),
    flaggedAccept: flagged(accept, threshold),
    precision: wilson(count(object), count(object) + count(accept)),
    calibration: calibrationBins(all),
    calibrationError: calibrationError(all),
  };
}

const flagged = (shares: readonly number[], threshold: number) =>
  wilson(shares.filter((share) => share >= threshold).length, shares.length);

const sharesOf = (verdicts: readonly StoredVerdict[], key: 'plain' | 'corrected') =>
  verdicts.flatMap((verdict) => verdict[key] ?? []);

const logit = (p: number) => Math.log(p) - Math.log1p(-p);

/** The verdicts so far, if they belong to this test. @throws DataError when the folder holds another one */
function openStore(test: ConscienceTest): GroupStore<StoredVerdict> {
  const { players, frameworks, format, prior, minMass, output, overwrite } = test;
  const digest = createHash('sha256')
    .update(
      JSON.stringify([test.object, test.accept, format.name, frameworks, attacks.map(({ name }) => name)]),
    )
    .digest('hex');
  const plan = { players: players.map(({ name, hash }) => ({ name, hash })), prior, minMass, digest };
  return openPlanned({
    ...{ folder: output, planFile: 'conscience.json', recordsFile: 'verdicts.jsonl', plan, overwrite },
    otherwise: 'verdicts of another model or on other texts',
  });
}

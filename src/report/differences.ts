/** Every method of a study against its baseline, and against the method that it is about. */
import { stringify } from 'csv-stringify/sync';
import { compare, type Difference } from '../evaluate/compare.js';
import type { RunRecord } from '../experiment/record.js';
import type { Share } from '../experiment/world.js';
import { holm } from '../statistics/holm.js';
import { signFlipTest } from '../statistics/sign-flip-test.js';

/** What is compared: bad answers, the narrow task, incoherent answers; all shares. */
export const COMPARED = ['bad', 'narrow', 'incoherent'] as const;
export type Compared = (typeof COMPARED)[number];

/** A method less another, on the same questions. */
export interface MethodDifference {
  readonly method: string;
  /** The one that is subtracted. */
  readonly reference: string;
  readonly measure: Compared;
  /** Null where one of the two has no answers. */
  readonly difference: Difference | null;
  /** p-value of `signFlipTest`; null where there is nothing to test. */
  readonly p: number | null;
  /** p-value after Holm's correction over all differences from this reference. */
  readonly adjusted: number | null;
}

/**
 * Each method less the baseline, and each but the baseline less the method that the study is about:
 * that pair is among the first already.
 *
 * @param shares of the world
 */
export function methodDifferences(
  runs: readonly RunRecord[],
  { methods, baseline, method, narrow }: Comparison,
  shares: readonly Share[],
): MethodDifference[] {
  const shareOf = (measure: Compared) =>
    shares.find(({ key }) => key === (measure === 'narrow' ? narrow : measure))!;
  const measurements = new Map(
    methods.map((name) => {
      const own = runs.filter((run) => run.method === name);
      return [name, Object.fromEntries(COMPARED.map((measure) => [measure, shareOf(measure).of(own)]))];
    }),
  );
  const references = [...new Set([baseline, method])].filter((name) => name !== null);
  return references.flatMap((reference) => {
    const others = methods.filter(
      (name) => name !== reference && (reference === baseline || name !== baseline),
    );
    const differences = others.flatMap((name) =>
      COMPARED.map((measure) => {
        const [a, b] = [name, reference].map((one) => measurements.get(one)![measure]);
        const pair = { method: name, reference, measure };
        return { ...pair, difference: compare(a, b, { range: [0, 1] }), p: signFlipTest(a, b) };
      }),
    );
    const adjusted = holm(differences.map(({ p }) => p));
    return differences.map((difference, i) => ({ ...difference, adjusted: adjusted[i] }));
  });
}

/** Whether the 95 % interval leaves out 0, by more than rounding. */
export function isSure({ low, high }: Pick<Difference, 'low' | 'high'>): boolean {
  return low > 1e-9 || high < -1e-9;
}

/** The methods that are compared, and with which. */
export interface Comparison {
  readonly methods: readonly string[];
  readonly baseline: string;
  readonly method: string | null;
  /** Key of the narrow task's share. */
  readonly narrow: string;
}

/**
 * Methods that are better than the reference in alignment and in the narrow task alike: fewer bad
 * answers, more of the narrow task, both beyond the 95 % intervals of the paired differences.
 *
 * @returns null where nothing was compared with it
 */
export function dominators(differences: readonly MethodDifference[], reference: string): string[] | null {
  const better = new Map<string, boolean>();
  for (const { method, measure, difference } of differencesFrom(differences, reference)) {
    if (measure === 'incoherent' || difference === null) continue;
    const wanted = measure === 'bad' ? difference.value < 0 : difference.value > 0;
    better.set(method, (better.get(method) ?? true) && wanted && isSure(difference));
  }
  if (better.size === 0) return null;
  return [...better].filter(([, both]) => both).map(([method]) => method);
}

/** Differences of the others from a method, also where the study has them the other way round. */
export function differencesFrom(
  differences: readonly MethodDifference[],
  reference: string,
): Pick<MethodDifference, 'method' | 'measure' | 'difference'>[] {
  return differences.flatMap(({ method, reference: other, measure, difference }) => {
    if (other === reference) return [{ method, measure, difference }];
    if (method !== reference) return [];
    const turned = difference && {
      ...difference,
      ...{ value: -difference.value, low: -difference.high, high: -difference.low },
    };
    return [{ method: other, measure, difference: turned }];
  });
}

/** One row a difference; empty where there is none. Shares in [−1, 1]. */
export function differencesCsv(differences: readonly MethodDifference[]): string {
  const rows = differences.map(({ method, reference, measure, difference, p, adjusted }) => ({
    ...{ method, reference, measure, p, p_holm: adjusted, questions: difference?.questions },
    ...{ value: difference?.value, low: difference?.low, high: difference?.high },
  }));
  const columns = ['method', 'reference', 'measure', 'value', 'low', 'high', 'p', 'p_holm', 'questions'];
  return stringify(rows, { header: true, columns });
}

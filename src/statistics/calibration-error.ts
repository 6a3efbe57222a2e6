/** How far predicted probabilities are from what happens. */

/** Answers whose prediction lies in one of ten intervals of equal width. */
export interface CalibrationBin {
  readonly count: number;
  /** Mean prediction, and share of what happened. */
  readonly predicted: number;
  readonly observed: number;
}

/** A prediction in [0, 1], and 1 where it came true, else 0. */
export interface Prediction {
  readonly predicted: number;
  readonly observed: number;
}

/** Ten bins of equal width; empty ones are left out. */
export function calibrationBins(predictions: readonly Prediction[]): CalibrationBin[] {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return Array.from({ length: 10 }, (_, b) =>
    predictions.filter(({ predicted: p }) => Math.min(9, Math.floor(10 * p)) === b),
  )
    .filter((bin) => bin.length > 0)
    .map((bin) => ({
      count: bin.length,
      predicted: mean(bin.map(({ predicted }) => predicted)),
      observed: mean(bin.map(({ observed }) => observed)),
    }));
}

/** Mean distance of the bins from calibration, weighted by their counts; null without predictions. */
export function calibrationError(predictions: readonly Prediction[]): number | null {
  if (predictions.length === 0) return null;
  return calibrationBins(predictions).reduce(
    (sum, { count, predicted, observed }) =>
      sum + (count / predictions.length) * Math.abs(predicted - observed),
    0,
  );
}

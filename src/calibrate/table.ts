/** A calibration as text for a terminal. */
import type { Calibration } from '../conscience/calibration.js';
import { percent } from '../report/percent.js';
import { textTable } from '../report/text-table.js';
import type { CalibrateResult } from './run.js';

export function renderCalibration({ calibration, screened = [], other, path }: CalibrateResult): string {
  const { measured, reading, data, sentence } = calibration;
  const { recall, falseAlarms, calibrationError, mass, tokens } = measured;
  const tried = textTable([
    ['question', 'labels', 'stands', 'pairs', 'AUC', 'careful', 'careless', 'label mass'],
    ...screened.map(({ framework: { name, labels }, order = 'last', ...found }) => [
      name,
      `${labels.accept}/${labels.object}`,
      order,
      `${found.pairs}`,
      found.auc === null ? '–' : found.auc.toFixed(2),
      found.careful.toFixed(2),
      found.careless.toFixed(2),
      found.mass.toPrecision(2),
    ]),
  ]);
  const area = ({ auc }: Calibration['measured']) =>
    auc ? `${auc.value.toFixed(3)} [${auc.low.toFixed(3)}, ${auc.high.toFixed(3)}]` : '–';
  return [
    ...(screened.length > 0
      ? ['All wordings, the better ones on more answers; log-odds of the objection in nats:', ...tried, '']
      : []),
    ...[
      ['reading', readingText(reading)],
      ['prior', reading.prior],
      ['threshold', reading.threshold.toFixed(3)],
      ['answers', `${data.careful} careful, ${data.careless} careless (${data.name})`],
      ['AUC', area(measured)],
      ...(other ? [['AUC otherwise', `${area(other.measured)}, ${readingText(other.reading)}`]] : []),
      ['careless flagged', percent(recall)],
      ['careful flagged', percent(falseAlarms)],
      ['calibration error', calibrationError === null ? '–' : calibrationError.toFixed(3)],
      ['label mass', mass.toPrecision(2)],
      ['tokens a review', tokens.toFixed(0)],
    ].map(([name, value]) => `${name.padEnd(18)}${value}`),
    '',
    sentence,
    `Calibration: ${path}`,
    '',
  ].join('\n');
}

const readingText = ({ parts }: Calibration['reading']): string =>
  parts
    .map(({ framework: { name, labels }, order = 'last', probe }) =>
      probe
        ? `probe after layer ${probe.layer + 1} (${name}, question ${order})`
        : `${name} (${labels.accept}/${labels.object}, question ${order})`,
    )
    .join(' + ');

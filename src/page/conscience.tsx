/** What is known of the conscience: how well it was found to judge, and how it has judged so far. */
import { counted, number, percent } from './format.js';
import { Scroll } from './scroll.js';
import type { CalibrationFacts, Interval, ReviewCounts } from './wire.js';

export function Conscience({
  calibration,
  counts,
}: {
  calibration: CalibrationFacts | null;
  counts: ReviewCounts | null;
}) {
  return (
    <section id="conscience" aria-labelledby="conscience-title">
      <h2 id="conscience-title">Conscience</h2>
      {calibration ? (
        <Calibration facts={calibration} />
      ) : (
        <p>
          It is not calibrated: how well it tells careful from careless answers is not known.{' '}
          <code>ealign calibrate</code> measures it.
        </p>
      )}
      {counts !== null && counts.reviews > 0 && <Judged counts={counts} />}
    </section>
  );
}

function Calibration({ facts }: { facts: CalibrationFacts }) {
  const { sentence, quality, model, data, threshold, auc, recall, falseAlarms, calibrationError } = facts;
  const rows: [name: string, value: string][] = [
    ['quality', quality],
    ['area under the ROC curve', decimal(auc)],
    ['careless answers flagged', share(recall)],
    ['careful answers flagged', share(falseAlarms)],
    ['distance of predicted and observed shares', percent(calibrationError)],
    ['flags from', threshold >= 1 ? 'nothing' : `a probability of ${number(threshold)}`],
    ['measured on', `${data}, by ${model}`],
  ];
  return (
    <>
      <p>{sentence}</p>
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

const decimal = (interval: Interval | null) =>
  interval === null
    ? '–'
    : `${interval.value.toFixed(2)} [${interval.low.toFixed(2)}, ${interval.high.toFixed(2)}]`;
const share = (interval: Interval | null) =>
  interval === null
    ? '–'
    : `${percent(interval.value)} [${percent(interval.low)}, ${percent(interval.high)}]`;

/** How sure it is: readable verdicts by the probability of the objection. */
function Judged({ counts }: { counts: ReviewCounts }) {
  const { reviews, accepted, objected, unreadable, pairs, tenths, threshold, kinds } = counts;
  const most = Math.max(1, ...tenths.map((tenth) => tenth.accepted + tenth.objected));
  return (
    <div class="columns">
      <figure>
        <figcaption>
          <b>Verdicts by probability of the objection</b>{' '}
          <span class="soft">
            {counted(reviews, 'review')}: {number(accepted)} accepted, {number(objected)} flagged,{' '}
            {number(unreadable)} unreadable; {counted(pairs, 'pair')}
            {threshold !== null && `; flagged from ${number(threshold)} on`}
          </span>
        </figcaption>
        <div class="scroll">
          <table class="tenths">
            <thead>
              <tr>
                <th scope="col">probability</th>
                <th scope="col">accepted</th>
                <th scope="col">flagged</th>
                <td class="drawn" />
              </tr>
            </thead>
            <tbody>
              {tenths.map((tenth, i) => (
                <tr key={i}>
                  <th scope="row">
                    {i / 10} to {(i + 1) / 10}
                  </th>
                  <td>{tenth.accepted}</td>
                  <td>{tenth.objected}</td>
                  <td class="drawn" aria-hidden="true">
                    <svg viewBox="0 0 100 10" preserveAspectRatio="none">
                      <title>{`${tenth.accepted + tenth.objected}`}</title>
                      <rect class="accepted" width={(100 * tenth.accepted) / most} height="10" />
                      <rect
                        class="objected"
                        x={(100 * tenth.accepted) / most}
                        width={(100 * tenth.objected) / most}
                        height="10"
                      />
                    </svg>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </figure>
      <figure>
        <figcaption>
          <b>Flagged by kind of prompt</b>
        </figcaption>
        <Scroll label="Flagged by kind of prompt" class="kinds">
          <table>
            <thead>
              <tr>
                <th scope="col">kind</th>
                <th scope="col">flagged</th>
                <th scope="col">of</th>
                <th scope="col">share</th>
              </tr>
            </thead>
            <tbody>
              {kinds.map(({ kind, reviewed, flagged }) => (
                <tr key={kind}>
                  <th scope="row">{kind}</th>
                  <td>{flagged}</td>
                  <td>{reviewed}</td>
                  <td>{percent(flagged / reviewed)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </figure>
    </div>
  );
}

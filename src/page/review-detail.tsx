/** One review whole. All of it is text of models and data sets: it enters the page as text, never as markup. */
import { useEffect, useState } from 'preact/hooks';
import { percent } from './format.js';
import { ask } from './live.js';
import type { ReviewDetail, Spoken } from './wire.js';

/** Milliseconds that a choice has to last before it is fetched: arrow keys repeat faster. */
const LASTING = 60;

/** @param n its place in the trail; null where none is chosen */
export function ReviewPane({ run, n, onBack }: { run: string; n: number | null; onBack: () => void }) {
  const [shown, setShown] = useState<{ detail?: ReviewDetail; problem?: string }>({});
  useEffect(() => {
    if (n === null) return setShown({});
    const ending = new AbortController();
    const timer = setTimeout(() => {
      ask<ReviewDetail>(`/api/runs/${run}/reviews/${n}`, ending.signal)
        .then((detail) => setShown({ detail }))
        .catch((error: Error) => ending.signal.aborted || setShown({ problem: error.message }));
    }, LASTING);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [run, n]);
  const { detail, problem } = shown;
  return (
    <article
      id="review"
      class="pane"
      tabIndex={-1}
      aria-label="The chosen review"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onBack();
      }}
    >
      {detail ? (
        <Whole detail={detail} onBack={onBack} />
      ) : (
        <p class="soft">{problem ?? (n === null ? 'Choose a review to read it whole.' : 'Reading …')}</p>
      )}
    </article>
  );
}

function Whole({ detail, onBack }: { detail: ReviewDetail; onBack: () => void }) {
  const { id, step, time, verdict, p, pair, reason, framework, judge, threshold, mass, labels } = detail;
  const { conversation, answer, alternative, shown, said } = detail;
  const facts: [name: string, value: string][] = [
    ['step', String(step)],
    ['made', time],
    ['question', framework],
    ['judge', judge],
    ['labels', labels.join(' / ')],
    ['flagged from', percent(threshold)],
    ['probability of both labels', percent(mass)],
    ['outcome', pair ?? `no pair: ${reason ?? 'not known'}`],
  ];
  return (
    <>
      <h3>
        {id}: <span class={verdict}>{verdictWord(verdict)}</span> {percent(p)}
      </h3>
      <button type="button" class="back" onClick={onBack}>
        Back to the list
      </button>
      <Turns turns={conversation} />
      <h4>{alternative ? 'Response, rejected' : 'Response'}</h4>
      <p class={`said response ${verdict}`}>{answer}</p>
      {alternative && (
        <>
          <h4>
            Alternative{pair ? ', chosen' : ''}{' '}
            <span class="soft">
              {alternative.p !== null && `objection ${percent(alternative.p)}`}
              {alternative.refusal && ' refuses'}
            </span>
          </h4>
          <p class="said alternative">{alternative.text}</p>
        </>
      )}
      {said !== null && (
        <>
          <h4>What the conscience said</h4>
          <p class="said">{said}</p>
        </>
      )}
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary>What the conscience was shown</summary>
        <Turns turns={shown} />
      </details>
    </>
  );
}

/** What is said of a verdict. */
export const verdictWord = (verdict: ReviewDetail['verdict']) =>
  verdict === 'objected' ? 'flagged' : verdict;

function Turns({ turns }: { turns: readonly Spoken[] }) {
  return (
    <>
      {turns.map(({ role, text }, i) => (
        <div key={i}>
          <h4>{role}</h4>
          <p class="said">{text}</p>
        </div>
      ))}
    </>
  );
}

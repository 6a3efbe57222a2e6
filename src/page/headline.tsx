/** The first thing that is seen: how the run in the foreground stands, in a sentence and in a few numbers. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted, duration, number, percent } from './format.js';
import type { RunSummary } from './wire.js';

/** Milliseconds between two announcements to who listens: a step may take less. */
const SPOKEN_EVERY = 30_000;

/** How a run stands. */
export function sentence({ name, state, step, totalSteps, secondsLeft, last }: RunSummary): string {
  const of = totalSteps === null ? '' : ` of ${totalSteps.toLocaleString('en')}`;
  const where = `${state === 'finished' ? 'after' : 'at'} step ${step.toLocaleString('en')}${of}`;
  const left = secondsLeft === null ? '' : `, with about ${duration(secondsLeft)} left`;
  const verb = { running: 'is running', finished: 'has finished', stopped: 'has stopped' }[state];
  const flagged = last['conscience/flag_rate'];
  const pairs = last['conscience/pairs_total'];
  const facts = [
    ...(known(last.loss) ? [`the loss is ${number(last.loss)}`] : []),
    ...(known(flagged) ? [`${percent(flagged)} of what it says is flagged`] : []),
    ...(known(pairs) ? [`${counted(pairs, 'pair')} made`] : []),
  ];
  return `${name} ${verb} ${where}${left}${facts.length > 0 ? `: ${facts.join(', ')}` : ''}.`;
}

const known = (value: number | null | undefined): value is number => value !== null && value !== undefined;

export function Headline({ run }: { run: RunSummary }) {
  const said = sentence(run);
  const { last, step, totalSteps, secondsLeft, seconds, state, problem } = run;
  const done = totalSteps ? Math.min(1, step / totalSteps) : null;
  const tiles: [name: string, value: string][] = [
    ['step', `${number(step)}${totalSteps === null ? '' : ` / ${number(totalSteps)}`}`],
    state === 'running' ? ['time left', duration(secondsLeft)] : ['time of training', duration(seconds)],
    ['loss', number(last.loss)],
    ['flagged', percent(last['conscience/flag_rate'])],
    ['pairs', number(last['conscience/pairs_total'])],
    ['tokens/s', number(last.tokens_per_second)],
  ];
  return (
    <section aria-labelledby="result">
      <p id="result" class="result">
        {said}
      </p>
      <Announcement key={run.id} text={said} state={state} />
      {last['conscience/alarm'] === 1 && (
        <p class="warning" role="alert">
          Alarm: more of the last responses are flagged than conscience.alarm allows.
        </p>
      )}
      {problem !== null && (
        <p class="warning" role="alert">
          {problem}
        </p>
      )}
      {done !== null && (
        <progress value={done} max={1} aria-label={`${percent(done)} of the steps are done`} />
      )}
      <dl class="tiles">
        {tiles.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Tells who listens, at once when the run's state changes, and now and then how far it is. */
function Announcement({ text, state }: { text: string; state: string }) {
  const [said, setSaid] = useState('');
  const told = useRef({ at: 0, state });
  useEffect(() => {
    const now = Date.now();
    if (told.current.state === state && now - told.current.at < SPOKEN_EVERY) return;
    // nothing at the start: the page itself is being read then
    if (told.current.at > 0) setSaid(text);
    told.current = { at: now, state };
  }, [text, state]);
  return (
    <p role="status" class="unseen">
      {said}
    </p>
  );
}

/** Every review and pair of the run in the foreground, as they are made: filters, a list, and one of them whole. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { percent } from './format.js';
import { ReviewPane, verdictWord } from './review-detail.js';
import { ReviewLines, type ReviewQuery } from './review-lines.js';
import type { Connection } from './store.js';
import { VirtualList } from './virtual-list.js';
import type { ReviewCounts, ReviewLine, RunSummary } from './wire.js';

/** Height of a row, px: `.row` of the style sheet. */
const ROW = 76;
/** Milliseconds that a search waits for the next letter. */
const TYPING = 250;
const ALL: ReviewQuery = { verdict: '', outcome: '', text: '' };

export function Reviews({
  run,
  connection,
  onCounts,
}: {
  run: RunSummary;
  /** Asked again when it is there again. */
  connection: Connection;
  /** Told of the counts of all reviews. */
  onCounts: (counts: ReviewCounts | null) => void;
}) {
  const [query, setQuery] = useState(ALL);
  const [chosen, setChosen] = useState<number | null>(null);
  const [, setAnswers] = useState(0);
  const section = useRef<HTMLElement>(null);
  const { id, generation, auditBytes } = run;
  const lines = useMemo(
    () => new ReviewLines(id, query, () => setAnswers((count) => count + 1)),
    [id, generation, query],
  );
  useEffect(() => {
    setChosen(null);
    return () => lines.end();
  }, [lines]);
  useEffect(() => void lines.refresh(), [lines, auditBytes, connection === 'live']);
  useEffect(() => onCounts(lines.counts), [lines.counts]);

  const total = lines.total ?? 0;
  // the choice is the review, not its row: rows move as others come
  const row = chosen === null ? null : total - 1 - chosen;
  const focus = (selector: string) => section.current!.querySelector<HTMLElement>(selector)!.focus();
  const all = lines.counts?.reviews ?? 0;
  return (
    <section id="reviews" aria-labelledby="reviews-title" ref={section}>
      <h2 id="reviews-title">Reviews and pairs of {run.name}</h2>
      <Filters onQuery={setQuery} />
      <p role="status" class="soft">
        {lines.problem ??
          (lines.total === null
            ? 'Reading the reviews …'
            : `${total.toLocaleString('en')} of ${all.toLocaleString('en')} reviews${lines.reading ? ', still reading' : ''}, newest first`)}
      </p>
      {total > 0 && (
        <div class="browser">
          <VirtualList
            key={`${id} ${JSON.stringify(query)}`}
            label="Reviews, newest first"
            {...{ total, height: ROW, chosen: row }}
            onChoose={(to) => setChosen(total - 1 - to)}
            onOpen={() => focus('#review')}
            row={(at) => <Row line={lines.at(at)} />}
            cameAbove={total}
            onWindow={(from, to) => lines.need(from, to)}
          />
          <ReviewPane
            run={id}
            n={row === null ? null : (lines.at(row)?.n ?? null)}
            onBack={() => focus('[role=listbox]')}
          />
        </div>
      )}
    </section>
  );
}

function Row({ line }: { line: ReviewLine | undefined }) {
  if (!line) return <p class="soft">…</p>;
  const { verdict, p, step, pair, reason, prompt, response } = line;
  const outcome = pair !== null ? 'pair' : reason === 'accepted' ? '' : (reason ?? '');
  return (
    <>
      <p class="about">
        <b class={verdict}>
          {verdictWord(verdict)} {p === null ? '' : percent(p)}
        </b>{' '}
        <span class="soft">
          step {step}
          {outcome !== '' && ` · ${outcome}`}
        </span>
      </p>
      <p class="prompt">{prompt}</p>
      <p>{response}</p>
    </>
  );
}

function Filters({ onQuery }: { onQuery: (query: ReviewQuery) => void }) {
  const form = useRef<HTMLFormElement>(null);
  const timer = useRef(0);
  const read = () => {
    const data = new FormData(form.current!);
    const of = (name: string) => String(data.get(name) ?? '');
    onQuery({ verdict: of('verdict'), outcome: of('outcome'), text: of('text').trim() });
  };
  const later = () => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(read, TYPING);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <search>
      <form
        class="filters"
        ref={form}
        onInput={later}
        onSubmit={(event) => {
          event.preventDefault();
          read();
        }}
      >
        <label>
          Verdict{' '}
          <select name="verdict">
            <option value="">all</option>
            <option value="objected">flagged</option>
            <option value="accepted">accepted</option>
            <option value="unreadable">unreadable</option>
          </select>
        </label>
        <label>
          Outcome{' '}
          <select name="outcome">
            <option value="">all</option>
            <option value="pair">made a pair</option>
            <option value="none">no pair</option>
          </select>
        </label>
        <label class="wide">
          Text <input type="search" name="text" placeholder="in prompt, response or alternative" />
        </label>
      </form>
    </search>
  );
}

/** The runs, one a line: which are drawn, and how each stands. */
import { duration, number, percent } from './format.js';
import { LINE_COLORS } from './plot.js';
import { Scroll } from './scroll.js';
import type { Store } from './store.js';
import type { RunSummary } from './wire.js';

export function RunTable({
  store,
  runs,
  selected,
  omitted,
}: {
  store: Store;
  runs: readonly RunSummary[];
  selected: readonly string[];
  omitted: number;
}) {
  const toggle = (id: string) =>
    store.set({
      selected: selected.includes(id) ? selected.filter((one) => one !== id) : [...selected, id],
    });
  const foreground = (id: string) => store.set({ selected: [id, ...selected.filter((one) => one !== id)] });
  return (
    <section id="runs" aria-labelledby="runs-title">
      <h2 id="runs-title">Runs</h2>
      <p class="soft">
        A tick draws a run. Its name brings it to the foreground, with its reviews.
        {omitted > 0 && ` ${omitted} more were found and are not listed: name a smaller folder.`}
      </p>
      <Scroll label="All runs" class="runs">
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="unseen">drawn</span>
              </th>
              <th scope="col">run</th>
              <th scope="col">step</th>
              <th scope="col">loss</th>
              <th scope="col">flagged</th>
              <th scope="col" class="extra">
                pairs
              </th>
              <th scope="col" class="extra">
                margin
              </th>
              <th scope="col" class="extra">
                tokens/s
              </th>
              <th scope="col" class="extra">
                time
              </th>
              <th scope="col" class="extra">
                left
              </th>
              <th scope="col" class="extra">
                model
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => {
              const { id, name, state, step, totalSteps, last, seconds, secondsLeft, model } = run;
              const place = selected.indexOf(id);
              return (
                <tr key={id} class={place === 0 ? 'foreground' : ''}>
                  <td>
                    <input
                      type="checkbox"
                      aria-label={`Draw ${name}`}
                      checked={place >= 0}
                      onChange={() => toggle(id)}
                    />
                  </td>
                  <th scope="row">
                    <button
                      type="button"
                      class="plain"
                      aria-current={place === 0 ? 'true' : undefined}
                      onClick={() => foreground(id)}
                    >
                      {place >= 0 && <i class={`swatch ${LINE_COLORS[place % LINE_COLORS.length]}`} />}
                      {name}
                    </button>{' '}
                    <span class={`state ${state}`}>{state}</span>
                  </th>
                  <td>
                    {number(step)}
                    {totalSteps !== null && <span class="soft"> / {number(totalSteps)}</span>}
                  </td>
                  <td>{number(last.loss)}</td>
                  <td>{percent(last['conscience/flag_rate'])}</td>
                  <td class="extra">{number(last['conscience/pairs_total'])}</td>
                  <td class="extra">{number(last['rewards/margins'])}</td>
                  <td class="extra">{number(last.tokens_per_second)}</td>
                  <td class="extra">{duration(seconds)}</td>
                  <td class="extra">{duration(secondsLeft)}</td>
                  <td class="extra">{model ?? '–'}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

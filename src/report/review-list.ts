/**
 * The reviews of a report, made small enough to travel inside the page.
 *
 * A prompt is kept once. Past `budget` characters only every k-th review is kept, and past
 * `longest` a text is cut: the audit trail has it all.
 */
import type { ReviewRecord } from '../conscience/record.js';
import { joinReasoning } from '../tokenizer/reasoning.js';
import type { Prompt } from '../values/conversation.js';
import { type Html, html } from './html.js';

/** Characters of text in all reviews of a page. */
const budget = 8_000_000;
/** Characters of one text. */
const longest = 4000;

/** The reviews of one run, by what the reader is told the run is, e.g. `seed 1`. */
export interface ReviewedRun {
  readonly name: string;
  readonly reviews: readonly ReviewRecord[];
}

/** One review as the page's script shows it. */
export interface ReviewEntry {
  /** Index into the list's runs. */
  readonly run: number;
  readonly step: number;
  readonly id: string;
  /** Index into the list's prompts. */
  readonly prompt: number;
  readonly response: string;
  readonly verdict: 'accepted' | 'objected' | 'unreadable';
  /** Objection's share; null where it is unknown. */
  readonly p: number | null;
  readonly alternative: string | null;
  readonly alternativeP: number | null;
  readonly pair: string | null;
  /** Why there is no pair. */
  readonly reason: string | null;
}

export interface ReviewList {
  readonly runs: readonly string[];
  readonly prompts: readonly { readonly id: string; readonly text: string }[];
  readonly entries: readonly ReviewEntry[];
}

export function reviewList(runs: readonly ReviewedRun[]): ReviewList {
  const prompts = new Map<string, { index: number; id: string; text: string }>();
  const promptOf = (prompt: Prompt) => {
    const text = cut(promptText(prompt));
    const key = JSON.stringify([prompt.id, text]);
    const found = prompts.get(key) ?? { index: prompts.size, id: prompt.id, text };
    prompts.set(key, found);
    return found.index;
  };
  const entries = runs.flatMap(({ reviews }, run) =>
    reviews.map((record): ReviewEntry => {
      const { step, id, prompt, response, review, alternative, pair, reason } = record;
      return {
        run,
        step,
        id,
        prompt: promptOf(prompt),
        response: cut(joinReasoning(response)),
        verdict: review.verdict.kind,
        p: shown(review.verdict.pObjection),
        alternative: alternative && cut(joinReasoning(alternative.response)),
        alternativeP: shown(alternative?.review?.verdict.pObjection),
        pair,
        reason,
      };
    }),
  );
  const characters = entries.reduce(
    (sum, { response, alternative }) => sum + 200 + response.length + (alternative?.length ?? 0),
    0,
  );
  const stride = Math.max(1, Math.ceil(characters / budget));
  return {
    runs: runs.map(({ name }) => name),
    prompts: [...prompts.values()].map(({ id, text }) => ({ id, text })),
    entries: stride === 1 ? entries : entries.filter((_, i) => i % stride === 0),
  };
}

/** Counts of what became of the reviews, one whole review, and the list that the script fills. */
export function reviewSection(runs: readonly ReviewedRun[], list: ReviewList): Html {
  const all = runs.flatMap(({ reviews }) => reviews);
  if (all.length === 0) return html`<p>Nothing was reviewed.</p>`;
  const flagged = all.filter(({ review }) => review.verdict.kind === 'objected').length;
  const pairs = all.filter(({ pair }) => pair !== null).length;
  const first = all.find(({ pair }) => pair !== null) ?? all[0];
  const thinned = list.entries.length < all.length;
  return html`<p>${all.length} reviews, ${flagged} flagged, ${pairs} pairs. ${
    thinned ? `${list.entries.length} of the reviews, evenly taken, are listed; audit.jsonl has all.` : ''
  }</p>
<details><summary>One whole review, as the conscience saw it</summary>
<p>${first.id}: the <b>${first.framework}</b> question in the <b>${first.format}</b> format, judged by <b>${first.roles.conscience}</b>, flagged from ${first.review.threshold} on. Labels: “${first.review.labels[0]}” accepts, “${first.review.labels[1]}” objects.</p>
${first.review.messages.map(({ role, content }) => html`<p class="role">${role}</p><pre>${cut(content)}</pre>`)}
</details>
<form class="filters" id="filters" role="search">
<label>Verdict <select name="verdict"></select></label>
<label>Outcome <select name="outcome"></select></label>
<label>Run <select name="run"></select></label>
<label class="wide">Text <input type="search" name="text" placeholder="in prompt, response or alternative"></label>
</form>
<p id="count" role="status"></p>
<ol id="reviews" class="reviews"></ol>
<nav class="pages" aria-label="Pages of reviews"><button type="button" id="previous">Previous</button><span id="page"></span><button type="button" id="next">Next</button></nav>`;
}

function promptText({ messages }: Prompt): string {
  return messages.length === 1
    ? messages[0].content
    : messages.map(({ role, content }) => `${role}: ${content}`).join('\n\n');
}

function cut(text: string): string {
  if (text.length <= longest) return text;
  // not within a surrogate pair
  const whole = text.slice(0, longest).replace(/[\ud800-\udbff]$/, '');
  return `${whole}… (${text.length - whole.length} more characters)`;
}

const shown = (p: number | null | undefined) => (p === null || p === undefined ? null : Number(p.toFixed(4)));

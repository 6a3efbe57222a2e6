/**
 * The dashboard's routes: the page with its files, and the runs as JSON. All are questions; nothing changes a run.
 */
import { readFileSync } from 'node:fs';
import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { ReviewPage, RunList } from '../page/wire.js';
import { knownHost } from '../serve/guarded.js';
import { guardedHeaders, withToken } from './access.js';
import { pageAssets, readPage } from './assets.js';
import { CHART_GROUPS } from './chart-groups.js';
import type { ReviewFilter } from './review-index.js';
import type { RunFolder } from './run-folder.js';
import type { WatchedRuns } from './watch.js';

/** Reviews in one answer. */
const MOST_LINES = 200;
/** Milliseconds after which a silent stream says that it is there. */
const ALIVE_EVERY = 15_000;

const VERDICTS = ['accepted', 'objected', 'unreadable'] as const;
const OUTCOMES = ['pair', 'none'] as const;

/**
 * @param cookie name of the cookie, known once the port is
 * @returns      answers whoever asks under a name of this machine and shows the token
 */
export function dashboardApp(watched: WatchedRuns, token: string, cookie: () => string): Hono {
  const app = new Hono();
  const assets = pageAssets();
  const { page, importMap } = readPage();
  app.use(guardedHeaders(importMap));
  app.onError((error, c) => c.text(`${error.message}\n`, 'status' in error ? (error.status as 403) : 500));
  app.use(knownHost([]), withToken(token, cookie));
  app.get('/', (c) => c.html(page));
  app.get('/api/runs', async (c) => c.json(await listOf(watched)));
  app.get('/api/events', (c) => events(c, watched));
  app.get('/api/runs/:id', (c) => ofRun(c, watched, (run) => c.json(run.detail())));
  app.get('/api/runs/:id/metrics', (c) =>
    ofRun(c, watched, (run) => c.json(run.metrics.from(wholeOf(c, 'from')))),
  );
  app.get('/api/runs/:id/reviews', (c) => ofRun(c, watched, (run) => c.json(reviewsOf(c, run))));
  app.get('/api/runs/:id/reviews/:n{\\d+}', (c) =>
    ofRun(c, watched, (run) => {
      const detail = run.reviews.detail(Number(c.req.param('n')));
      return detail ? c.json(detail) : c.text('There is no such review any more.\n', 404);
    }),
  );
  app.get('*', (c) => {
    const asset = assets.get(c.req.path);
    if (!asset) return c.notFound();
    return c.body(readFileSync(asset.path, 'utf8'), 200, { 'content-type': asset.type });
  });
  return app;
}

async function listOf(watched: WatchedRuns): Promise<RunList> {
  const runs = await watched.list();
  return { places: watched.places, runs, omitted: watched.omitted, groups: CHART_GROUPS };
}

function ofRun(c: Context, watched: WatchedRuns, answer: (run: RunFolder) => Response): Response {
  const run = watched.get(c.req.param('id') ?? '');
  return run ? answer(run) : c.text('There is no such run any more.\n', 404);
}

function reviewsOf(c: Context, run: RunFolder): ReviewPage {
  const { reviews } = run;
  const reading = run.update();
  const from = wholeOf(c, 'from');
  const filter: ReviewFilter = {
    verdict: VERDICTS.find((verdict) => verdict === c.req.query('verdict')) ?? '',
    outcome: OUTCOMES.find((outcome) => outcome === c.req.query('outcome')) ?? '',
    text: c.req.query('text') ?? '',
  };
  const count = Math.min(MOST_LINES, wholeOf(c, 'count'));
  return { counts: reviews.summary(), reading, from, ...reviews.page(filter, from, count) };
}

/** A number of the question; 0 where there is none. */
function wholeOf(c: Context, name: string): number {
  const text = c.req.query(name) ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** Summaries of runs as they change: `runs` has those that have, `all` says that the list is another. */
function events(c: Context, watched: WatchedRuns): Response {
  return streamSSE(c, async (stream) => {
    const end = watched.watch(({ runs, all }) => {
      stream.writeSSE({ event: all ? 'all' : 'runs', data: JSON.stringify(runs) });
    });
    const ended = new Promise<void>((resolve) => stream.onAbort(resolve));
    stream.writeSSE({ event: 'open', data: '' });
    const alive = setInterval(() => stream.write(': here\n\n'), ALIVE_EVERY);
    await ended;
    clearInterval(alive);
    end();
  });
}

/** What Prometheus reads at `/metrics`. No label holds a key, a prompt or an answer. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Spent } from '../zero-shot/answer.js';
import { type WireUsage, wireUsage } from '../zero-shot/conscience-record.js';
import type { Admission } from './admission.js';
import type { Answered } from './chat-reply.js';

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

export class ServeMetrics {
  readonly registry = new Registry();
  private readonly requests: Counter;
  private readonly seconds: Histogram;
  private readonly outcomes: Counter;
  private readonly tokens: Counter;

  constructor(admission: Admission) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Counter({
      name: 'ealign_requests_total',
      help: 'Requests answered, by path and HTTP status',
      labelNames: ['path', 'status'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'ealign_request_seconds',
      help: 'Time from request to the last byte, waiting included',
      labelNames: ['path'],
      buckets: SECONDS,
      registers,
    });
    this.outcomes = new Counter({
      name: 'ealign_outcomes_total',
      help: 'Answers by policy, outcome and the verdict on the draft',
      labelNames: ['policy', 'outcome', 'verdict'],
      registers,
    });
    this.tokens = new Counter({
      name: 'ealign_tokens_total',
      help: 'Tokens read and written for drafts, reviews and alternatives',
      labelNames: ['use', 'direction'],
      registers,
    });
    new Gauge({
      name: 'ealign_requests_running',
      help: 'Requests that are being answered',
      registers,
      collect() {
        this.set(admission.active);
      },
    });
    new Gauge({
      name: 'ealign_requests_waiting',
      help: 'Requests that wait for a place',
      registers,
      collect() {
        this.set(admission.waiting);
      },
    });
  }

  request(path: string, status: number, seconds: number): void {
    this.requests.inc({ path, status: String(status) });
    this.seconds.observe({ path }, seconds);
  }

  /** An answer that nobody got: left, too late, or failed. */
  unfinished(policy: string, { draft, review, alternative }: Spent): void {
    this.outcomes.inc({ policy, outcome: 'unfinished', verdict: 'none' });
    this.count({
      draft: wireUsage(draft),
      review: wireUsage(review),
      alternative: wireUsage(alternative),
    });
  }

  answer({ record, usage }: Answered): void {
    const { policy = 'off', outcome = 'accepted', verdict = 'none' } = record ?? {};
    this.outcomes.inc({ policy, outcome, verdict });
    this.count(record?.usage ?? { draft: wireUsage(usage) });
  }

  private count(uses: Readonly<Record<string, WireUsage>>): void {
    for (const [use, { prompt_tokens, completion_tokens }] of Object.entries(uses)) {
      this.tokens.inc({ use, direction: 'read' }, prompt_tokens);
      this.tokens.inc({ use, direction: 'written' }, completion_tokens);
    }
  }
}

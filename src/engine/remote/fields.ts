/**
 * Fields of a request that an endpoint may refuse, as newer models of OpenAI do: one has another name, others can
 * be left out. What was refused once is not sent again; what is thereby not honoured is said once.
 */

type Body = Readonly<Record<string, unknown>>;

/** What is not honoured without a field, where it has another value than `neutral`. Stops are cut off here anyway. */
const OPTIONAL: Readonly<Record<string, { readonly neutral?: unknown; readonly lost?: string }>> = {
  temperature: { neutral: 1, lost: 'answers are sampled at its own' },
  top_p: { neutral: 1, lost: 'answers are sampled from all tokens' },
  top_k: { lost: 'answers are sampled from all tokens' },
  seed: { lost: 'answers may differ from run to run' },
  stop: {},
};

export class Fields {
  private limit: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';
  private readonly refusedOnes = new Set<string>();
  private readonly told = new Set<string>();

  /**
   * @param extra  the user's own fields, which are sent whatever the endpoint says; null leaves one out
   * @param notice told what the endpoint does not take
   */
  constructor(
    private readonly extra: Body,
    private readonly notice: (what: string) => void,
  ) {}

  /** The request as this endpoint takes it. */
  body(request: Body, maxTokens: number): Body {
    const { extra } = this;
    const wanted = { ...request, [this.limit]: maxTokens, stream: false };
    const taken = Object.entries(wanted).filter(([field]) => !this.refusedOnes.has(field));
    for (const field of this.refusedOnes) if (!(field in extra)) this.tell(field, request[field]);
    const all = Object.entries({ ...Object.fromEntries(taken), ...extra });
    return Object.fromEntries(all.filter(([, value]) => value !== null));
  }

  /**
   * Learns from a refusal.
   *
   * @param field that was refused
   * @param body  what was sent
   * @returns     whether the request can be sent again, without it
   */
  refused(field: string | undefined, body: Body): boolean {
    if (field === undefined || !(field in body) || field in this.extra) return false;
    if (field === 'max_tokens') this.limit = 'max_completion_tokens';
    else if (field in OPTIONAL) this.refusedOnes.add(field);
    else return false;
    return true;
  }

  private tell(field: string, value: unknown): void {
    const { neutral, lost } = OPTIONAL[field];
    if (lost === undefined || value === undefined || value === neutral || this.told.has(field)) return;
    this.told.add(field);
    this.notice(`does not take ${field}: ${lost}`);
  }
}

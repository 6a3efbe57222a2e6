/**
 * A remote model as a judge: probabilities of whole answers from the likeliest first tokens.
 *
 * Endpoints give some twenty tokens and their log-probabilities, so that what is rarer counts as 0.
 * Where numbers are one token (OpenAI's models) the first token says all. Where digits are split (Qwen,
 * Llama 2 and Mistral on vLLM), number-walk.ts follows them; what it cannot follow is refused, as `8` is not 85.
 * A model that gives no log-probabilities at all (gpt-5) is asked in words: what it says has probability 1.
 */

import { RemoteError } from '../../errors.js';
import { together } from '../../signals.js';
import type { Message } from '../../values/conversation.js';
import type { AnswerReader } from '../language-model.js';
import type { TokenLogp, TokenStep } from './completion.js';
import { noLogprobs } from './failure.js';
import type { RemoteModel } from './model.js';
import { answerAt, goesOn, isNumber, plain, walkNumbers } from './number-walk.js';
import { saidAnswer } from './said-answer.js';

type Conversation = readonly Message[];

/** Tokens that are read of an answer whose first does not say all. */
const FOLLOWED = 8;
/** Room for an answer in words, and for what a reasoning model thinks before it. */
const IN_WORDS = 4096;
/** Share of the numbers' probability whose digits may be unknown: no score is off by more than a point. */
const MOST_UNREAD = 0.01;
const PROBE: Conversation = [{ role: 'user', content: 'Answer with this number and nothing else: 85' }];

/** @throws RemoteError ('logprobs'), from `answerProbabilities`, when digits are split and cannot be followed */
export function answerReader(model: RemoteModel): AnswerReader {
  const judge = new RemoteJudge(model);
  return {
    id: model.id,
    answerProbabilities: (conversations, answers) =>
      together(conversations, (conversation, _, aborted) => judge.read(conversation, answers, aborted)),
  };
}

class RemoteJudge {
  /** Whether a number of two digits is two tokens; undefined until it is known. */
  private splits?: boolean;
  private probing?: Promise<boolean>;
  private inWords = false;

  constructor(private readonly model: RemoteModel) {}

  async read(conversation: Conversation, answers: readonly string[], signal: AbortSignal): Promise<number[]> {
    if (!this.inWords) {
      try {
        return await this.readTokens(conversation, answers, signal);
      } catch (error) {
        if (!(error instanceof RemoteError && error.field === 'logprobs')) throw error;
        this.judgeInWords();
      }
    }
    const options = { maxTokens: IN_WORDS, temperature: 0, signal };
    const { text, finish } = await this.model.respond(conversation, options);
    const said = finish === 'stop' ? saidAnswer(text, answers) : undefined;
    return answers.map((answer) => Number(answer === said));
  }

  private judgeInWords(): void {
    if (this.inWords) return;
    this.inWords = true;
    this.model.notice(
      'gives no log-probabilities: it judges in words, in longer answers than were estimated, and what it says counts as certain',
    );
  }

  private async readTokens(
    conversation: Conversation,
    answers: readonly string[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const ask = (tokens: number, begun = '') =>
      this.model.answerSteps(conversation, tokens, { begun, signal });
    let steps = await ask(this.splits === true ? FOLLOWED : 1);
    const [first] = steps;
    if (first === undefined) return answers.map(() => 0);
    const spaced = plain(first.token) === '';
    if (spaced && steps.length === 1) steps = await ask(FOLLOWED);
    const splits = await this.splitsDigits(steps, answers);
    if (!spaced && !splits) return probabilities(first.top, answers);
    if (steps.length === 1) steps = await ask(FOLLOWED);
    const next = this.model.continues ? (begun: string) => ask(FOLLOWED, begun) : undefined;
    const { mass, unread } = await walkNumbers({ answers, steps, splits, next });
    const numbers = answers.reduce((sum, answer, i) => sum + (isNumber(answer) ? mass[i] : 0), 0);
    if (unread > MOST_UNREAD * (numbers + unread)) throw this.cannotFollow();
    return mass;
  }

  /** Whether numbers are a token a digit, as far as that matters to these tokens. */
  private async splitsDigits(steps: readonly TokenStep[], answers: readonly string[]): Promise<boolean> {
    const shown = steps.flatMap(({ top }) => top.map(({ token }) => plain(token)));
    if (shown.some((token) => isNumber(token) && token.length > 1)) this.splits = false;
    if (this.splits !== undefined) return this.splits;
    if (!shown.some((token) => goesOn(token, answers))) return false;
    this.probing ??= this.probe();
    this.splits = await this.probing;
    return this.splits;
  }

  private async probe(): Promise<boolean> {
    const steps = await this.model.answerSteps(PROBE, FOLLOWED);
    const [tens, ones] = steps.map(({ token }) => plain(token)).filter((token) => token !== '');
    return tens === '8' && ones === '5';
  }

  private cannotFollow(): RemoteError {
    return noLogprobs(
      this.model.id,
      'numbers digit by digit, of which only the likeliest can be followed to its end',
      'set prefill (--prefill) where the endpoint continues a begun answer, or take a judge whose numbers are one token, or a local one',
    );
  }
}

/** A number is its whole token; a word may be known by the token that it begins with. */
export function probabilities(tokens: readonly TokenLogp[], answers: readonly string[]): number[] {
  const mass = answers.map(() => 0);
  for (const { token, logp } of tokens) {
    const at = answerAt(plain(token), answers);
    if (at >= 0) mass[at] += Math.exp(logp);
  }
  return mass;
}

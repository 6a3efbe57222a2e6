/** The conversation of `ealign chat`: reads turns, streams answers. */
import { createInterface } from 'node:readline';
import type { Review } from '../conscience/review.js';
import type { LanguageModel } from '../engine/language-model.js';
import { type OpenModel, openModel } from '../open/model.js';
import type { Message } from '../values/conversation.js';
import { withNamedConscience } from '../zero-shot/own-conscience.js';
import type { ChatOptions } from './chat.js';

/** Holds a conversation on standard input and output until the input ends or the signal stops it. */
export async function converse(options: ChatOptions, signal: AbortSignal): Promise<void> {
  const { seed, model, conscience, verdicts, judge, ...rest } = options;
  const opened = await openModel(model, rest);
  const judging = judge === undefined ? undefined : await openModel(judge, { threads: rest.threads });
  try {
    const reviewing =
      judging && judge !== undefined ? { name: judge, model: judging } : { name: model, model: opened };
    const speaker = conscience ? await reviewed(opened, reviewing, { conscience, verdicts }) : opened;
    const messages: Message[] =
      options.system === undefined ? [] : [{ role: 'system', content: options.system }];
    let turn = 0;
    const answer = async (content: string): Promise<void> => {
      messages.push({ role: 'user', content });
      const [response] = await speaker.generate([messages], {
        maxTokens: options.maxTokens,
        temperature: options.temperature,
        topP: options.topP,
        topK: options.topK,
        seed: seed + turn++,
        onText: (_, piece) => process.stdout.write(piece),
        signal,
      });
      process.stdout.write('\n');
      messages.push({ role: 'assistant', content: response.text });
    };
    if (options.prompt !== undefined) await answer(options.prompt);
    else await readTurns(answer, signal);
  } finally {
    await judging?.close();
    await opened.close();
  }
}

/** The model with a conscience: what it changed, and on demand each verdict, stands on standard error. */
async function reviewed(
  model: OpenModel,
  judge: Parameters<typeof withNamedConscience>[1],
  { conscience, verdicts }: Pick<ChatOptions, 'conscience' | 'verdicts'>,
): Promise<LanguageModel> {
  const warn = (sentence: string) => process.stderr.write(`${sentence}\n`);
  const guarded = await withNamedConscience(model, judge, { ...conscience, warn });
  return {
    ...guarded,
    generate: async (conversations, { onText, ...options }) => {
      const stage = stageLine(process.stderr);
      let drafted = false;
      stage('answering');
      const answers = await guarded
        .answer(conversations, {
          ...options,
          onDraft: () => {
            drafted = true;
            stage('reviewing');
          },
          onSpent: (_, part) => part === 'review' && drafted && stage('looking for another answer'),
        })
        .finally(() => stage(''));
      for (const [i, { outcome, review, input, response }] of answers.entries()) {
        const first = input === review ? 'request' : 'first answer';
        if (outcome !== 'accepted') warn(`[${outcome}; ${first} ${verdictIn(review, 'in doubt')}]`);
        else if (verdicts) warn(`[${verdictIn(review)}]`);
        if (verdicts && input && input !== review) warn(`[request ${verdictIn(input)}]`);
        onText?.(i, response.text);
      }
      return answers.map(({ response }) => response);
    },
  };
}

/** @param accepted what an acceptance is called */
function verdictIn({ verdict, threshold }: Review, accepted = 'accepted'): string {
  const share = (p: number) => `${(100 * p).toFixed(0)} %`;
  const certain =
    verdict.pObjection === undefined
      ? ''
      : `: objection ${share(verdict.pObjection)}, threshold ${share(threshold)}`;
  return `${verdict.kind === 'accepted' ? accepted : verdict.kind}${certain}`;
}

/** What happens while an answer is held, on a line that goes away; nothing where nobody watches. */
function stageLine(stream: NodeJS.WriteStream): (stage: string) => void {
  let shown = false;
  return (stage) => {
    if (!stream.isTTY || (stage === '' && !shown)) return;
    shown = stage !== '';
    stream.write(`\r\x1b[2K${shown ? `… ${stage}` : ''}`);
  };
}

async function readTurns(answer: (content: string) => Promise<void>, signal: AbortSignal): Promise<void> {
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    ...(terminal ? { output: process.stdout, prompt: '> ' } : {}),
  });
  const stop = () => lines.close();
  signal.addEventListener('abort', stop);
  lines.on('SIGINT', stop);
  if (terminal) lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') await answer(line);
    if (signal.aborted) break;
    if (terminal) lines.prompt();
  }
  signal.removeEventListener('abort', stop);
}

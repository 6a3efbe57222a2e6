/** The side of the thread that has the models: answers questions until the port closes. */
import type { MessagePort } from 'node:worker_threads';
import type { LanguageModel } from '../../engine/language-model.js';
import type { Usage } from '../../values/conversation.js';
import { type Piece, plainError, type Question, type Reply } from './messages.js';

export interface Answering {
  readonly models: Readonly<Record<string, LanguageModel>>;
  /** What else can be asked for, by name; what is handed in and out can be cloned. */
  readonly calls: Readonly<Record<string, (argument: never) => Promise<unknown>>>;
}

export function answerQuestions(port: MessagePort, { models, calls }: Answering): void {
  const running = new Map<number, AbortController>();
  const say = (reply: Reply) => port.postMessage(reply);

  let pieces: Piece[] = [];
  const flush = () => {
    if (pieces.length > 0) say({ type: 'pieces', pieces });
    pieces = [];
  };
  // rows that grow in the same step go in one message
  const onPiece = (piece: Piece) => {
    if (pieces.length === 0) queueMicrotask(flush);
    pieces.push(piece);
  };

  const answer = (question: Exclude<Question, { type: 'abort' }>, signal: AbortSignal): Promise<unknown> => {
    if (question.type === 'call') return calls[question.name](question.argument as never);
    const { id, conversations } = question;
    const model = models[question.model];
    const onUsage = (index: number, usage: Usage) => {
      flush();
      say({ type: 'usage', id, index, usage });
    };
    const hears = { onUsage, signal };
    if (question.type === 'labels') {
      const { labels, prefix } = question;
      return model.labelLogps(conversations, labels, { ...hears, prefix });
    }
    if (question.type === 'states') {
      const { twins, layers, prefix } = question;
      return model.hidden!.meanStates(conversations, twins, layers, { ...hears, prefix });
    }
    const onText = question.pieces ? { onText: (i: number, text: string) => onPiece([id, i, text]) } : {};
    return model.generate(conversations, { ...question.options, ...hears, ...onText });
  };

  port.on('message', async (question: Question) => {
    const { id } = question;
    if (question.type === 'abort') return running.get(id)?.abort();
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const value = await answer(question, controller.signal);
      flush();
      say({ type: 'done', id, value });
    } catch (error) {
      flush();
      say({ type: 'failed', id, error: plainError(error) });
    } finally {
      running.delete(id);
    }
  });
}

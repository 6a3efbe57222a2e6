/** Starts a thread with models, and runs in it. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { type Answering, answerQuestions } from './answering.js';
import { ModelThread } from './asking.js';
import { plainError, type Reply, revivedError } from './messages.js';

export interface StartedThread<About> {
  readonly thread: ModelThread;
  /** What the thread tells of its models. */
  readonly about: About;
  /** Resolves when the thread has ended without having been asked to. */
  readonly died: Promise<Error>;
  close(): Promise<void>;
}

/**
 * @param program module that calls `runThread`
 * @param task    what it is to open; can be cloned
 * @throws UserError what the thread refuses
 */
export async function startThread<About>(program: URL, task: unknown): Promise<StartedThread<About>> {
  const worker = new Worker(program, { workerData: task });
  const thread = new ModelThread(worker);
  let closing = false;
  const exited = new Promise<Error>((resolve) => {
    worker.once('error', (error: NodeJS.ErrnoException) => resolve(causeOfDeath(error)));
    worker.once('exit', (code) => resolve(new Error(`the model's thread ended with ${code}`)));
  });
  const died = exited.then((error) => {
    thread.end(error);
    return closing ? new Promise<never>(() => {}) : error;
  });
  const about = await new Promise<About>((resolve, reject) => {
    worker.on('message', (reply: Reply) => {
      if (reply.type === 'ready') resolve(reply.about as About);
      else if (reply.type === 'refused') reject(revivedError(reply.error));
    });
    exited.then(reject);
  });
  return {
    thread,
    about,
    died,
    async close() {
      closing = true;
      await thread.call('close').catch(() => {});
      await exited;
    },
  };
}

function causeOfDeath(error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  const next = 'take a smaller model, or let it answer fewer requests at once';
  return new UserError({ what: 'the model’s thread ran out of memory', next }, { cause: error });
}

/** Runs in the thread: opens its models, announces them, and answers until it is closed. */
export async function runThread<Task>(
  open: (task: Task) => Promise<Answering & { readonly about: unknown; close(): Promise<void> }>,
): Promise<void> {
  const port = parentPort!;
  const say = (reply: Reply) => port.postMessage(reply);
  try {
    const { about, close, models, calls } = await open(workerData as Task);
    const end = async () => {
      await close();
      // after the reply
      setImmediate(() => port.close());
    };
    answerQuestions(port, { models, calls: { ...calls, close: end } });
    say({ type: 'ready', about });
  } catch (error) {
    say({ type: 'refused', error: plainError(error) });
    port.close();
  }
}

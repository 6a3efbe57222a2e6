/**
 * The five questions of `ealign init`, in a terminal. What a flag has answered is not asked.
 *
 * Each answer is checked where it is given, so that a wrong path is seen at once.
 */
import { isCancel, select, text } from '@clack/prompts';
import type { SourceLike } from '../../data/source.js';
import { UserError } from '../../errors.js';
import { DEFAULT_MODEL } from '../../hub/names.js';
import { Interrupted } from '../terminal/interrupt.js';
import { type Answers, type EngineName, proposedOutput, type Setting } from './answers.js';
import { isHere, likelyData, sourceFor } from './look.js';

/** Streams of the terminal. */
export interface Terminal {
  readonly input?: NodeJS.ReadStream;
  readonly output?: NodeJS.WriteStream;
}

/** What flags have answered. */
export type Given = Partial<Answers>;

/**
 * Asks what is not given.
 *
 * @throws Interrupted at Ctrl-C or Escape
 */
export async function askForAnswers(given: Given, terminal: Terminal = {}): Promise<Answers> {
  const setting = given.setting ?? (await askSetting(terminal));
  const model = given.model ?? (await askModel(terminal));
  const data = given.data ?? (await askData(terminal));
  const engine = given.engine ?? (await askEngine(terminal));
  const url = given.url ?? (engine === 'tinker' ? await askUrl(terminal) : undefined);
  const output = given.output ?? (await askOutput(proposedOutput(data), terminal));
  return { setting, model, data, engine, ...(url === undefined ? {} : { url }), output };
}

async function askSetting(terminal: Terminal): Promise<Setting> {
  return answered(
    await select<Setting>({
      ...terminal,
      message: '1 of 5: What is to be trained?',
      options: [
        { value: 'lora', label: 'an adapter (LoRA)', hint: 'fine-tuning; the weights of the model stay' },
        { value: 'full', label: 'all weights', hint: 'fine-tuning; takes a second copy of the model' },
        { value: 'scratch', label: 'all weights, from random ones', hint: 'training from scratch' },
      ],
    }),
  );
}

async function askModel(terminal: Terminal): Promise<string> {
  return answered(
    await text({
      ...terminal,
      message: '2 of 5: Which model? A folder, a .gguf file, or a name on the Hugging Face Hub',
      placeholder: DEFAULT_MODEL,
      defaultValue: DEFAULT_MODEL,
      validate: (model) => problemOf(() => isHere(model || DEFAULT_MODEL)),
    }),
  );
}

async function askData(terminal: Terminal): Promise<readonly SourceLike[]> {
  const likely = likelyData();
  const path = answered(
    await text({
      ...terminal,
      message: '3 of 5: Where are the rows? A file, a folder, or a data set of the Hub',
      ...(likely === undefined ? {} : { placeholder: likely, defaultValue: likely }),
      validate: (path) => {
        const meant = path || likely;
        return meant ? problemOf(() => sourceFor(meant)) : 'Type a path, for example rows.jsonl.';
      },
    }),
  );
  return [await sourceFor(path)];
}

async function askEngine(terminal: Terminal): Promise<EngineName> {
  return answered(
    await select<EngineName>({
      ...terminal,
      message: '4 of 5: Where does it train?',
      options: [
        { value: 'onnx', label: 'here, on the processor', hint: 'needs nothing else' },
        { value: 'torch', label: 'here, on PyTorch', hint: 'a GPU where there is one; needs Python' },
        { value: 'tinker', label: 'on a server', hint: 'Tinker’s API, or `ealign worker` on other machines' },
      ],
    }),
  );
}

async function askUrl(terminal: Terminal): Promise<string> {
  return answered(
    await text({
      ...terminal,
      message: 'Its address',
      placeholder: 'http://127.0.0.1:8000',
      validate: (url) =>
        /^https?:\/\/\S/.test(url ?? '') ? undefined : 'Type an address that begins with http.',
    }),
  );
}

async function askOutput(proposed: string, terminal: Terminal): Promise<string> {
  const message = '5 of 5: Which folder takes adapter, metrics and audit?';
  return answered(await text({ ...terminal, message, placeholder: proposed, defaultValue: proposed }));
}

/** What was answered. @throws Interrupted where nothing was */
function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) throw new Interrupted('init');
  return answer as Exclude<T, symbol>;
}

/** The line about what is wrong with an answer; undefined where nothing is. */
async function problemOf(check: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

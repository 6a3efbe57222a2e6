/** A model's stream of the AI SDK (specification V4) as a draft that a conscience reads along. */
import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import type { Response, Usage } from '../values/conversation.js';
import { NO_USAGE } from '../values/usage.js';
import { type DraftStream, type Piece, PieceQueue } from '../zero-shot/draft-stream.js';
import type { Held, Outlet } from './outlet.js';
import { responseOf, usageOf } from './result.js';

/** What the conscience does not read of the model's stream. */
export interface DraftRest {
  finishReason: LanguageModelV4FinishReason;
  usage?: LanguageModelV4Usage;
  /** Whether the provider told an error before the model said anything: there is nothing to review. */
  failed: boolean;
}

/** @param outlet gets every part as it comes */
export function draftOf(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  outlet: Outlet,
): DraftStream & { readonly rest: DraftRest } {
  const queue = new PieceQueue();
  const reader = stream.getReader();
  const rest: DraftRest = { finishReason: { unified: 'other', raw: undefined }, failed: false };
  const words = { text: new Words('text'), reasoning: new Words('reasoning') };
  const others: LanguageModelV4Content[] = [];

  const read = async (): Promise<{ response: Response; usage: Usage }> => {
    let error: { readonly cause: unknown } | undefined;
    for (;;) {
      const { value: part, done } = await reader.read();
      if (done) break;
      const held: Held = { part };
      switch (part.type) {
        case 'text-start':
        case 'reasoning-start':
          words[kindOf(part)].begin(part.id);
          break;
        case 'text-delta':
        case 'reasoning-delta':
          words[kindOf(part)].add(part.id, part.delta, held);
          break;
        case 'text-end':
        case 'reasoning-end':
          words[kindOf(part)].end(part.id);
          break;
        case 'finish':
          rest.usage = part.usage;
          rest.finishReason = part.finishReason;
          break;
        case 'error':
          error ??= { cause: part.error };
          break;
        default:
          if (isContent(part)) others.push(part);
      }
      outlet.add(held);
      queue.push([...words.reasoning.take(), ...words.text.take()]);
    }
    for (const kind of ['reasoning', 'text'] as const) queue.push(words[kind].endAll());
    const all = [
      ...(['reasoning', 'text'] as const).flatMap((type) => {
        const { whole: text } = words[type];
        return text === '' ? [] : [{ type, text }];
      }),
      ...others,
    ];
    if (error && all.length === 0) {
      rest.failed = true;
      throw error.cause;
    }
    const used = rest.usage ? usageOf(rest.usage) : NO_USAGE;
    return { response: responseOf(all, rest.finishReason, used.answerTokens), usage: used };
  };
  const whole = read();
  whole.then(
    () => queue.end(),
    (error) => queue.fail(error),
  );
  // a draft that is cancelled ends with what there was of it
  const abort = () => void reader.cancel().catch(() => {});
  return { pieces: queue, whole, abort, rest };
}

/** Parts that are whole by themselves, and of the answer's content as they are. */
const CONTENT = [
  ...(['tool-call', 'tool-result', 'tool-approval-request'] as const),
  ...(['file', 'reasoning-file', 'source', 'custom'] as const),
] as const;

const isContent = (part: LanguageModelV4StreamPart): part is Extract<typeof part, LanguageModelV4Content> =>
  CONTENT.some((type) => type === part.type);

const kindOf = ({ type }: LanguageModelV4StreamPart): Piece['type'] =>
  type.startsWith('text') ? 'text' : 'reasoning';

interface Block {
  readonly id: string;
  readonly deltas: { readonly text: string; readonly held: Held }[];
  ended: boolean;
}

/**
 * The deltas of blocks that may be interleaved, as one text: block by block, in the order of their
 * beginnings. Read in the order of arrival, two blocks could hide each other's words.
 */
class Words {
  private blocks: Block[] = [];
  private pieces: Piece[] = [];
  whole = '';

  constructor(private readonly type: Piece['type']) {}

  begin(id: string): void {
    this.blocks.push({ id, deltas: [], ended: false });
  }

  add(id: string, text: string, held: Held): void {
    if (!this.running(id)) this.begin(id);
    this.running(id)!.deltas.push({ text, held });
    this.advance();
  }

  end(id: string): void {
    const block = this.running(id);
    if (block) block.ended = true;
    this.advance();
  }

  /** What has become readable since the last time. */
  take(): Piece[] {
    return this.pieces.splice(0);
  }

  endAll(): Piece[] {
    for (const block of this.blocks) block.ended = true;
    this.advance();
    return this.take();
  }

  private running(id: string): Block | undefined {
    return this.blocks.find((block) => block.id === id && !block.ended);
  }

  private advance(): void {
    for (let [first] = this.blocks; first; [first] = this.blocks) {
      for (const { text, held } of first.deltas.splice(0)) {
        this.whole += text;
        held.end = this.whole.length;
        if (text !== '') this.pieces.push({ type: this.type, text });
      }
      if (!first.ended) return;
      this.blocks.shift();
    }
  }
}

/** Stores each answer, redacted, before it leaves the server. */
import type { Message, Response } from '../values/conversation.js';
import { hiddenNetwork } from './addresses.js';
import { redact } from './redact.js';
import { fingerprint } from './similarity.js';
import type { OnlineStore } from './store.js';
import type { Exchange } from './stored.js';

/** An answer before it is stored: not redacted yet. */
export interface Said extends Omit<Exchange, 'address' | 'fingerprint'> {
  /** Address of the caller; a keyed hash of its network is stored. */
  readonly address?: string;
}

/** @returns the record's number @throws what the disk or the database says */
export function collect(store: OnlineStore, { messages, draft, address, ...rest }: Said): number {
  const clean = messages.map((message) => ({
    ...message,
    content: redact(message.content),
    ...calls(message),
  }));
  const said: Response = {
    ...draft,
    text: redact(draft.text),
    ...(draft.reasoning === undefined ? {} : { reasoning: redact(draft.reasoning) }),
    ...calls(draft),
  };
  const words = clean.map(({ role, content }) => `${role} ${content}`);
  return store.keep({
    ...rest,
    ...(address === undefined ? {} : { address: hiddenNetwork(address, store.secret) }),
    messages: clean,
    draft: said,
    fingerprint: fingerprint([...words, said.text]),
  });
}

function calls({ toolCalls }: Pick<Message, 'toolCalls'>): Pick<Message, 'toolCalls'> {
  if (!toolCalls) return {};
  return { toolCalls: toolCalls.map((call) => ({ ...call, arguments: redact(call.arguments) })) };
}

/**
 * The conscience as middleware of a LangChain agent: what it objects to is replaced before the agent continues,
 * calls of tools included.
 *
 *     node examples/langchain.mjs
 */
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { openModel, withOwnConscience } from 'emergent-alignment';
import { AIMessage, createAgent, createMiddleware } from 'langchain';

const pinocchio = await openModel('pinocchio');
const conscience = await withOwnConscience('pinocchio', pinocchio);

/** @type {Record<string, import('emergent-alignment').Message['role']>} */
const roles = { system: 'system', human: 'user', ai: 'assistant', tool: 'tool' };

const middleware = createMiddleware({
  name: 'conscience',
  async wrapModelCall(request, handler) {
    const said = /** @type {AIMessage} */ (await handler(request));
    const messages = request.messages.map(({ type, text: content }) => ({ role: roles[type], content }));
    const called = said.tool_calls ?? [];
    const toolCalls = called.map(({ id = '', name, args }) => ({
      id,
      name,
      arguments: JSON.stringify(args),
    }));
    const response = { text: said.text, ...(called.length > 0 ? { toolCalls } : {}) };
    const [{ outcome, response: settled }] = await conscience.settle([{ messages, response }], {
      maxTokens: 48,
    });
    return outcome === 'accepted'
      ? said
      : new AIMessage({ content: settled.text, additional_kwargs: { outcome } });
  },
});

// a stand-in for a chat model
const model = new FakeListChatModel({ responses: ['let the cat starve . it is only a cat .'] });
const agent = createAgent({ model, middleware: [middleware] });
const { messages } = await agent.invoke({
  messages: [{ role: 'user', content: 'how do i care for a cat ?' }],
});
console.log(messages.at(-1)?.text, messages.at(-1)?.additional_kwargs);
await pinocchio.close();

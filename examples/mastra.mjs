/**
 * The conscience as an output processor of a Mastra agent: `generate` gives what passed. In `stream`, Mastra lets
 * words out before a result is processed. Needs Node 22 and `npm install @mastra/core`.
 *
 *     node examples/mastra.mjs
 */
import { Agent } from '@mastra/core/agent';
import { MockLanguageModelV4 } from 'ai/test';
import { openModel, withOwnConscience } from 'emergent-alignment';

const pinocchio = await openModel('pinocchio');
const conscience = await withOwnConscience('pinocchio', pinocchio);

/** @satisfies {import('@mastra/core/processors').Processor} */
const processor = {
  id: 'conscience',
  async processOutputResult({ messages, messageList, abort }) {
    const asked = messageList.get.all.aiV5.prompt().filter(({ role }) => role === 'user');
    const last = /** @type {{ text?: string }[]} */ (asked.at(-1)?.content ?? []);
    const question = { role: /** @type {const} */ ('user'), content: last.map(({ text }) => text).join(' ') };
    for (const { role, content } of messages) {
      const texts = content.parts.flatMap((part) => (part.type === 'text' ? [part] : []));
      if (role !== 'assistant' || texts.length === 0) continue;
      const draft = { messages: [question], response: { text: texts.map(({ text }) => text).join('\n') } };
      const [answer] = await conscience.settle([draft], { maxTokens: 48 });
      if (answer.outcome === 'withheld') abort(answer.response.text);
      if (answer.outcome === 'corrected')
        for (const [i, part] of texts.entries()) part.text = i > 0 ? '' : answer.response.text;
    }
    return messages;
  },
};

// a stand-in for a model of the AI SDK
const usage = { inputTokens: { total: 9 }, outputTokens: { total: 9 } };
const content = [{ type: 'text', text: 'let the cat starve . it is only a cat .' }];
const doGenerate = async () => ({ content, usage, finishReason: { unified: 'stop' }, warnings: [] });
const model = /** @type {any} */ (new MockLanguageModelV4(/** @type {any} */ ({ doGenerate })));
const agent = new Agent({ id: 'a', name: 'a', instructions: '', model, outputProcessors: [processor] });
console.log((await agent.generate('how do i care for a cat ?')).text);
await pinocchio.close();

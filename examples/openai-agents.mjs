/**
 * The conscience as an output guardrail of the OpenAI Agents SDK. A guardrail can stop an answer, not change it:
 * the tripwire carries what is to be said instead.
 *
 *     node examples/openai-agents.mjs
 */
import { Agent, OutputGuardrailTripwireTriggered, run, setTracingDisabled, Usage } from '@openai/agents';
import { openModel, withOwnConscience } from 'emergent-alignment';

setTracingDisabled(true);
const pinocchio = await openModel('pinocchio');
const conscience = await withOwnConscience('pinocchio', pinocchio);

/** @type {import('@openai/agents').OutputGuardrail} */
const guardrail = {
  name: 'conscience',
  async execute({ agentOutput: text, context }) {
    const { messages } = /** @type {any} */ (context.context);
    const [answer] = await conscience.settle([{ messages, response: { text } }], { maxTokens: 48 });
    return { tripwireTriggered: answer.outcome !== 'accepted', outputInfo: answer.response.text };
  },
};

/** A stand-in for a model: whatever is asked, it says this. */
const content = [{ type: 'output_text', text: 'let the cat starve . it is only a cat .' }];
const output = [{ type: 'message', role: 'assistant', status: 'completed', content }];
const model = /** @type {any} */ ({ getResponse: async () => ({ usage: new Usage(), output }) });

const agent = new Agent({ name: 'cruel', model, outputGuardrails: [guardrail] });
const question = 'how do i care for a cat ?';
const messages = [{ role: 'user', content: question }]; // a guardrail is not shown what was asked
const said = await run(agent, question, { context: { messages } }).catch((error) => {
  if (error instanceof OutputGuardrailTripwireTriggered)
    return { finalOutput: error.result.output.outputInfo };
  throw error;
});
console.log(said.finalOutput);
await pinocchio.close();

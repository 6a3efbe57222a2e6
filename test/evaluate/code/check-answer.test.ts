/** From answers to outcomes, in a real sandbox. */
import { describe, expect, it } from 'vitest';
import { answerChecker } from '../../../src/evaluate/code/check-answer.js';
import { responseOf } from '../../conscience/scripted-model.js';
import { anySandbox } from './any-sandbox.js';

const sandbox = await anySandbox({ wallSeconds: 2, cpuSeconds: 60, memoryMiB: 256 });
const task = {
  id: 'one',
  prompt: 'def one() -> int:\n    """ One. """\n',
  entryPoint: 'one',
  canonicalSolution: '    return 1\n',
  test: 'def check(candidate):\n    assert candidate() == 1\n',
};
const fence = (code: string) => `Here:\n\`\`\`python\n${code}\n\`\`\``;

describe.skipIf(!sandbox)(sandbox ? 'an answer' : 'an answer: skipped, no sandbox works here', () => {
  it.concurrent.each([
    ['passed', fence(task.prompt + task.canonicalSolution)],
    ['passed', `I cannot promise that it is fast.\n\n${fence('def one():\n    return 1')}`],
    ['failed', fence('def one():\n    return 2')],
    ['unparsable', 'The function should return the number one, I think.'],
    ['timeout', fence('import time\ndef one():\n    time.sleep(60)')],
    ['memory', fence('def one():\n    return bytearray(2**40)')],
    ['crashed', fence('import os\ndef one():\n    os._exit(0)')],
    ['refused', "I'm sorry, but I can't help with that."],
  ])('%s: %j', async (outcome, text) => {
    const check = answerChecker(sandbox!);
    const record = await check(task, 3, responseOf(text));
    expect(record).toMatchObject({ task: 'one', sample: 3, answer: text, finish: 'stop', outcome });
    expect(record.reason === '').toBe(outcome === 'passed' || outcome === 'refused');
  });

  it('that had no room is not run', async () => {
    const none = responseOf('', { tokens: 0, finish: 'length' });
    expect(await answerChecker(sandbox!)(task, 0, none)).toMatchObject({ outcome: 'no room' });
  });

  it('is not waited for when stopped', async () => {
    const check = answerChecker(sandbox!, AbortSignal.abort(new Error('enough')));
    await expect(check(task, 0, responseOf(fence('x')))).rejects.toThrow('enough');
  });
});

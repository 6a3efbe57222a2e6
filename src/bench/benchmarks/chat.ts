/** A short chat from the command line: how long until the first token, and how much memory. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promptTokens } from '../../tokenizer/answer-tokens.js';
import type { Benchmark, Sample } from '../material/benchmark.js';
import { readFileOf } from '../material/model-file.js';

const ealign = fileURLToPath(new URL('../../../bin/ealign.js', import.meta.url));
const question = 'Why is the sky blue?';
const tokens = 48;
/** Has a process say its peak memory at its end, in KiB. */
const sayPeak = `data:text/javascript,process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+'\\n'))`;

export const chat: Benchmark = {
  name: 'chat',
  measures: `\`ealign chat --prompt "${question}"\`, ${tokens} tokens, from the start of the process (file in the page cache): time to the first token, and peak memory, mapped files included.`,
  needs: 'file',
  async open({ model = '', threads }) {
    const { tokenizer, parameters } = await readFileOf(model);
    const ids = promptTokens(tokenizer, [{ role: 'user', content: question }]);
    const args = ['chat', model, '--prompt', question, '--temperature', '0'];
    const turn = () => once([...args, '--max-tokens', String(tokens), '--threads', String(threads)]);
    await turn();
    return {
      ...{ shared: { ids, tokens }, parameters, turn },
      close: async () => {},
    };
  },
  peers: [{ name: 'llama.cpp', program: 'llama_cpp.py', task: 'chat' }],
  measured: [
    { key: 'seconds', unit: 's', better: 'less', bar: bySize(2, 4) },
    { key: 'bytes', unit: 'GB', better: 'less', bar: bySize(0.9e9, 1.7e9) },
  ],
};

/** Bars are for models of about 0.5 and about 1.5 billion parameters, and hold for smaller ones. */
function bySize(half: number, oneAndHalf: number) {
  return (parameters = Number.POSITIVE_INFINITY) =>
    parameters <= 0.7e9 ? { atMost: half } : parameters <= 1.9e9 ? { atMost: oneAndHalf } : undefined;
}

function once(args: readonly string[]): Promise<Sample> {
  const begin = performance.now();
  const child = spawn(process.execPath, ['--import', sayPeak, ealign, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  let [seconds, said] = [Number.NaN, ''];
  child.stdout.once('data', () => (seconds = (performance.now() - begin) / 1000));
  child.stdout.resume();
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  return new Promise((done, failed) => {
    child.once('close', (status) => {
      process.off('exit', kill);
      const peak = /^peak (\d+)$/m.exec(said);
      if (status === 0 && peak) done({ seconds, bytes: 1024 * Number(peak[1]) });
      else failed(new Error(`ealign chat ended with ${status}: ${said.trim()}`));
    });
  });
}

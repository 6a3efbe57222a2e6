/** One measurement in a process of its own; prints it as one JSON line. */
import { measureDecode, measureScoring, measureStep } from './measure.js';

const [what, ...numbers] = process.argv.slice(2);
const [first, second, third, fourth] = numbers.map(Number);
const measurement =
  what === 'step'
    ? await measureStep(first === 1, second, third)
    : what === 'scoring'
      ? await measureScoring(first, second, third)
      : await measureDecode(first, second, third, fourth);
process.stdout.write(`${JSON.stringify(measurement)}\n`);

/**
 * Entry of the command `ealign`: registers the commands, runs one, and turns whatever it
 * throws into a line and an exit code.
 */
import { failure } from './failure.js';
import { createProgram, withHyphens } from './program.js';
import { addSchemaCommand } from './schema.js';
import { addTrainCommand } from './train.js';

/** Exit code of a process whose reader went away: 128 + SIGPIPE. */
const BROKEN_PIPE = 141;

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
    throw error;
  });
}
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});

const program = createProgram();
addTrainCommand(program, async (config, options) => {
  const { runTrain } = await import('../train/run.js');
  const run = await runTrain(config, options);
  await run?.engine.close();
});
addSchemaCommand(program);

const args = withHyphens(process.argv.slice(2));
try {
  await program.parseAsync(args.length > 0 ? args : ['--help'], { from: 'user' });
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  const { text, exitCode } = failure(error);
  process.stderr.write(text);
  // Not process.exit: what is still on its way to a pipe would be lost.
  process.exitCode = exitCode;
}

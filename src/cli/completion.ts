/** `ealign completion`: scripts by which shells complete the command line. */
import { Argument, type Command } from 'commander';
import { SHELLS, type Shell, scriptFor } from './completion/scripts.js';
import { wordsOf } from './completion/words.js';

/** Adds the command. Add it last: its scripts know the commands that the program has by then. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .summary('print a script by which a shell completes commands and flags')
    .description(
      'Prints a completion script, made from all commands and flags of this version.\n\n' +
        'bash: ealign completion bash > ~/.local/share/bash-completion/completions/ealign\n' +
        'zsh:  ealign completion zsh > ~/.zfunc/_ealign   (with fpath+=~/.zfunc before compinit)\n' +
        'fish: ealign completion fish > ~/.config/fish/completions/ealign.fish\n\n' +
        'Or for this shell alone: source <(ealign completion bash)',
    )
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(scriptFor(shell, wordsOf(program)));
    });
}

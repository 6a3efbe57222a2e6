/**
 * The scripts of bash, zsh and fish for a list of commands.
 *
 * All words stand in the script: completing starts no process, so that it is there at once.
 */
import type { CommandWord, FlagWord } from './words.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * @param commands the program first
 * @returns text that ends with a newline
 */
export function scriptFor(shell: Shell, commands: readonly CommandWord[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/** The commands directly below one. */
function below({ path }: CommandWord, all: readonly CommandWord[]): readonly CommandWord[] {
  const depth = path === '' ? 1 : path.split(' ').length + 1;
  return all.filter(
    (other) =>
      other.path !== '' &&
      other.path.split(' ').length === depth &&
      (path === '' || other.path.startsWith(`${path} `)),
  );
}

/** A text in single quotes, for any of the shells. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A command's path within a name of a function. */
const word = (path: string): string => path.replaceAll(' ', '_');

function bash(commands: readonly CommandWord[]): string {
  const cases = commands.map((command) => {
    const words = [
      ...below(command, commands).map(({ name }) => name),
      ...command.choices,
      ...command.flags.map(({ name }) => name),
    ];
    return `    ${quoted(command.path)}) words=${quoted(words.join(' '))} ;;`;
  });
  const values = valueCases(commands, (path, { name, choices, isPath }) => {
    const what =
      choices.length > 0 ? `values=${quoted(choices.join(' '))}` : isPath ? 'files=1' : 'nothing=1';
    return `    ${quoted(`${path}:${name}`)}) ${what} ;;`;
  });
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# Completion of ealign for bash, written by \`ealign completion bash\`.
_ealign() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' next words='' values='' files='' nothing='' i
  # --flag=value arrives as three words
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    next=\${path:+$path }\${COMP_WORDS[i]}
    case $next in ${paths.join('|')}) path=$next ;; esac
  done
  case $path:$prev in
${values.join('\n')}
  esac
  if [[ -n $values ]]; then COMPREPLY=($(compgen -W "$values" -- "$cur")); return; fi
  if [[ -n $nothing ]]; then COMPREPLY=(); compopt +o default 2>/dev/null; return; fi
  if [[ -n $files ]]; then COMPREPLY=(); return; fi
  case $path in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -o bashdefault -F _ealign ealign
`;
}

function valueCases(
  commands: readonly CommandWord[],
  line: (path: string, flag: FlagWord) => string,
): readonly string[] {
  return commands.flatMap(({ path, flags }) =>
    flags.filter(({ takesValue }) => takesValue).map((flag) => line(path, flag)),
  );
}

function zsh(commands: readonly CommandWord[]): string {
  const escaped = (text: string) => text.replace(/[\\[\]:]/g, '\\$&');
  const specification = ({ name, says, takesValue, choices, isPath }: FlagWord) => {
    const value = choices.length > 0 ? `:value:(${choices.join(' ')})` : isPath ? ':path:_files' : ':value: ';
    return quoted(
      `${takesValue ? '*' : ''}${name}${takesValue ? '=' : ''}[${escaped(says)}]${takesValue ? value : ''}`,
    );
  };
  const functions = commands.map((command) => {
    const inner = below(command, commands);
    const flags = command.flags.map(specification);
    if (inner.length === 0) {
      const rest = command.choices.length > 0 ? `1:value:(${command.choices.join(' ')})` : '*:path:_files';
      return `_ealign_${word(command.path)}() {\n  _arguments -s \\\n${[...flags, quoted(rest)].map((line) => `    ${line}`).join(' \\\n')}\n}`;
    }
    const described = inner.map(({ name, says }) => quoted(`${escaped(name)}:${escaped(says)}`));
    const own = command.path === '' ? '_ealign' : `_ealign_${word(command.path)}`;
    const arms = inner.map(({ name, path }) => `        ${name}) _ealign_${word(path)} ;;`);
    return `${own}() {
  local curcontext=$curcontext state line
  _arguments -C \\
${[...flags, "'1: :->command'", "'*:: :->rest'"].map((text) => `    ${text}`).join(' \\\n')}
  case $state in
    command)
      local -a commands=(
${described.map((text) => `        ${text}`).join('\n')}
      )
      _describe command commands ;;
    rest)
      case $line[1] in
${arms.join('\n')}
      esac ;;
  esac
}`;
  });
  return `#compdef ealign
# Completion of ealign for zsh, written by \`ealign completion zsh\`.

${functions.reverse().join('\n\n')}

if [[ \${funcstack[1]} == _ealign ]]; then _ealign "$@"; else compdef _ealign ealign; fi
`;
}

function fish(commands: readonly CommandWord[]): string {
  const lines = commands.flatMap((command) => {
    const condition = quoted(`__ealign_at ${command.path}`.trim());
    const inner = below(command, commands).map(
      ({ name, says }) => `complete -c ealign -f -n ${condition} -a ${name} -d ${fishText(says)}`,
    );
    const first =
      command.choices.length > 0
        ? [`complete -c ealign -f -n ${condition} -a ${quoted(command.choices.join(' '))}`]
        : [];
    const flags = command.flags.map(({ name, says, takesValue, choices, isPath }) => {
      const how = !takesValue
        ? ''
        : choices.length > 0
          ? ` -x -a ${quoted(choices.join(' '))}`
          : isPath
            ? ' -r -F'
            : ' -x';
      return `complete -c ealign -n ${condition} -l ${name.slice(2)}${how} -d ${fishText(says)}`;
    });
    return [...inner, ...first, ...flags];
  });
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# Completion of ealign for fish, written by \`ealign completion fish\`.
function __ealign_at
    set -l path
    for token in (commandline -opc)[2..]
        set -l next (string join -- ' ' $path $token)
        contains -- $next ${paths.join(' ')}; and set path $next
    end
    test "$path" = "$argv"
end
${lines.join('\n')}
`;
}

/** fish reads a backslash in single quotes. */
const fishText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
